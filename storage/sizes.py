"""How much memory one database may take, where whoever opens it says nothing else."""

WRITE_BUFFER_BYTES = 16 << 20
"""LevelDB keeps up to two of these in memory before it writes a table file. Half as much took a
replay 5 % more processor time, for compaction."""

CACHE_BYTES = 16 << 20
"""Uncompressed blocks kept in memory."""
