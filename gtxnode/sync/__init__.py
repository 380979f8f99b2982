"""Catching up: what is missing is asked of peers by height or id, verified, and only then used."""
