"""Data sets, one file a kind."""
