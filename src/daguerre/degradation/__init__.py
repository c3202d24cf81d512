"""Synthetic degradation of clean photographs, for training, evaluation and tests."""
