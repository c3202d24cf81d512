"""Detect and refine faces."""
