"""Check what is claimed for a series, on interpreters that are built."""
