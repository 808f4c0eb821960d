"""Gadgets: the constraints that ops share. Each has exactly one solution."""
