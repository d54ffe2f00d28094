"""Find and install what the machine lacks."""
