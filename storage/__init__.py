"""Bytes to disk: key-value stores, typed tables, journal, blocks, formats and locks.

The package knows nothing of what the bytes mean and imports nothing of `consensus`, `p2p`
or `gtxnode`. Whatever goes wrong is raised as one of the errors in `storage.errors`.
"""
