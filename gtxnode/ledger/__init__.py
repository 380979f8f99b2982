"""The ledger: typed coins, the transactions that spend and make them, and their root. Pure."""
