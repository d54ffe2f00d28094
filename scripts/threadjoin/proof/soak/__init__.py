"""Run random programs over threads and processes."""
