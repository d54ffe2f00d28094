"""Maintain a series: as commits, checked, with its NEWS and its releases."""
