"""Proof systems. Each module turns keys, witnesses and proofs into calls of one proof system."""
