"""What energy costs by the grid's own tariff, and by the market's own model: pure rules."""
