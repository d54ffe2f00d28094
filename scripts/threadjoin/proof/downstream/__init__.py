"""Run the tests of other people's libraries on two interpreters."""
