"""One chain on this node: its state on disk, what a block must satisfy, and what a block did."""
