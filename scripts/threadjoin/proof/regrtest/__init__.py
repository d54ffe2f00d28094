"""Run CPython's own tests on two interpreters."""
