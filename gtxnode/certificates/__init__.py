"""Certificates of origin: how one is proved to whoever has no chain, and how that is checked."""
