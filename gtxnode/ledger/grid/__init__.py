"""The grid on the ledger: what trades may use of it, pay for it and wait for."""
