"""Scans that are more than one photograph: scanner beds, borders, several prints, negatives."""
