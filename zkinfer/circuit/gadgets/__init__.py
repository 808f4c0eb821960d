"""Gadgets: the constraints that ops share.

Each has exactly one solution for operands within the bounds of an honest witness (`Value.low`,
`Value.high`), which size its bits, and at most one, the right one, for all others: soundness rests
on certain bounds alone (`Value.certain`), by which nothing wraps.
"""
