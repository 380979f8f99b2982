"""JSON-RPC 2.0 over WebSocket: what wallets, meters and operators speak to a node."""
