/* Empty: Python.h in this directory has all that harness.c needs. */
