#!/usr/bin/env python3
"""Run the command that this file is called: each is a link to it."""

import importlib
import os
import sys

from threadjoin.core import cli

name = os.path.basename(sys.argv[0]).replace("-", "_")
sys.exit(cli.run(importlib.import_module("threadjoin.commands." + name).main))
