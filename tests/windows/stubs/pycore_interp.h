/* Nothing: see Python.h beside it. */
