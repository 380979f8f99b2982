"""HTTP: what operators' tools ask of a node."""
