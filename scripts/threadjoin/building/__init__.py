"""Configure, compile and install an interpreter, and test it."""
