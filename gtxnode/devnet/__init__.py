"""A whole network on one machine: validators as processes, and real homes that use it."""
