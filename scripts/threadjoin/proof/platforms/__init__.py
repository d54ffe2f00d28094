"""Build the interpreters for other platforms, and compare their tests."""
