"""Names of the gallery's styles, known without what it takes to draw them."""

__all__ = ["GALLERY"]

GALLERY = ("oil", "pastel", "watercolour", "points", "waves", "woodcut", "hatching", "mosaic", "glass")
