"""Many pictures: what is done to each, the manifest of all results, workers, and the report."""
