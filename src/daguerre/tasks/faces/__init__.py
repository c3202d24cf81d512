"""Faces: found, and refined."""
