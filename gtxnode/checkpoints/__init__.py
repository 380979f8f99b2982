"""Checkpoints on this node: what it signs, collects, keeps, and holds chains against."""
