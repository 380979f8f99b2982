"""The spot market on the ledger, and what orders of either market are held against."""
