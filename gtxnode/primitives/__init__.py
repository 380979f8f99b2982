"""What every part of the node speaks in: units, addresses, zones, sources, refusals. Pure."""
