"""Stylizing: feed-forward and by optimization."""
