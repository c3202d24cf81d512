"""Names of the gallery's styles, without the imports that drawing them needs."""

__all__ = ["GALLERY"]

GALLERY = ("oil", "pastel", "watercolour", "points", "waves", "woodcut", "hatching", "mosaic", "glass")
