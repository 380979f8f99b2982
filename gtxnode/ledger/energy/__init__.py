"""Energy tokens: where they come into being, how they are kept apart, where they end."""
