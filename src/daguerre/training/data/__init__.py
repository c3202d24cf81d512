"""Data sets, one kind per file."""
