"""Finality for opaque bytes: blocks, votes and the Tendermint state machine, without I/O.

Nothing here reads a clock, draws a random number, opens a file or awaits. Values come in
as arguments, and what must be done goes out as effects for a shell to perform in order.
Imports nothing of the other libraries beside it, so it could be published alone.
"""
