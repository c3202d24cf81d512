"""The networks published by Wan et al., with the layout of their weights."""
