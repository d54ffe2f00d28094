"""Run tests with the sanitizers, and compare what these report."""
