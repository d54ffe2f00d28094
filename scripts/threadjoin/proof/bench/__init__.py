"""Measure what the series costs."""
