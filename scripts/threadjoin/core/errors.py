"""Define the error that a command reports in one line."""


class Problem(Exception):
    """An error that the user can act on.

    The message is one line: what was wrong, then what to do about it.
    """
