"""Hold what knows nothing of CPython: processes, files, errors, tables."""
