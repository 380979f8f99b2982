"""Bytes to peers: topics, direct channels, requests, and finding peers.

Knows nothing of blocks or transactions. `network.py` is what callers program against,
`libp2p_host.py` the real one, `simulated.py` the one in memory; both pass one contract test.
"""
