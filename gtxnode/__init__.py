"""The node: ledger, market, metering, shards, interfaces, and what composes them."""
