"""Tools that apply, build, prove and maintain the threadjoin patch series.

Everything in this package runs on Python 3.9 or later with the standard
library alone: it is what a user runs to apply and build.
"""
