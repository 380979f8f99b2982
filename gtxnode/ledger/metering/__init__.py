"""Meters on the ledger: who answers for one, what its readings and records bring."""
