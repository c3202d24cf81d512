"""Restoring: one file a stage, in the order of `pipeline`."""
