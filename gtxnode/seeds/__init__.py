"""A node's part in the seeds: its validator's hash chain, and what it and its authorities send."""
