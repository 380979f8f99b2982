"""What utilities and regulator say: who may, what it does, and where it holds."""
