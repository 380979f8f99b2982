"""Batches: how transactions travel, are admitted, checked and kept until a block orders them."""
