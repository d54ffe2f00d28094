"""Check the claims about a series, on interpreters that are built."""
