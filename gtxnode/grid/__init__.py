"""The grid between the zones: what a trade loads, what is left, what it costs. Pure: integers.

The chain multiplies integers; only `factors.py`, which makes them off chain, computes in floats.
"""
