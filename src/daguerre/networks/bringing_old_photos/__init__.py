"""The networks that Wan et al. published, as their weights have them."""
