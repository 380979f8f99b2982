"""Energy of delivery slots: sold ahead, delivered by the meter, settled by block time."""
