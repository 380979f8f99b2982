"""What the node answers about a chain, a view for each topic of `rpc.backend`."""
