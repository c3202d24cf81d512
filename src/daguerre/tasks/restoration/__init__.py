"""Restoration: one file per stage, in the order of `pipeline`."""
