"""Run tests with the sanitizers, and compare the reports."""
