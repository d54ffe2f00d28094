"""Find and install the programs and packages that the machine lacks."""
