"""Many pictures: what is done to them, the manifest of all results, workers, and the report."""
