"""Plant bugs, and check that each is found."""
