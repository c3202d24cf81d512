"""Pieces of damage, one by one."""
