"""Parse a command line and run it: one module a script. Nothing imports these."""
