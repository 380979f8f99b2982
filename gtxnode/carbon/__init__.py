"""Carbon: what renewable energy avoided, in credits, and how clean a zone's day was. Pure rules."""
