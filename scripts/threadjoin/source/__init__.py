"""Get CPython's source and lay it out."""
