"""Stylization: feed-forward and by optimization."""
