"""Tools that apply, build, prove and maintain the threadjoin patch series.

Everything in this package runs on Python 3.9 or later with the standard
library alone: it is what a user runs to apply and build. This file refuses any
other Python before that meets syntax which it cannot parse. So this file, and
the scripts, are in syntax that Python 2 has, too.
"""

import os
import sys

if sys.version_info < (3, 9):
    # Not status 1: for some commands, that is a verdict.
    sys.stderr.write(
        "error: "
        + os.path.basename(sys.argv[0])
        + " needs Python 3.9 or later, and is run by "
        + ".".join(map(str, sys.version_info[:3]))
        + "; name a later one before it, such as python3.11\n"
    )
    sys.exit(2)
