"""From a meter's signed reading to the energy it proves. Pure."""
