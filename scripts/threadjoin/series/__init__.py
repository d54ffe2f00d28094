"""Read a series of patches, and apply it to a source tree."""
