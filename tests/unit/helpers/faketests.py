"""A stand-in for the package `test` of CPython."""

from tinycpython import write

MAIN = """\
import os, sys, time

arguments = sys.argv[1:]
if arguments == ["--list-tests"]:
    print("\\n".join(NAMES))
    sys.exit(0)
name = arguments[-1]
(report,) = [a.partition("=")[2] for a in arguments if "junit" in a] or [None]
print(*arguments)
if name not in FILES:
    sys.exit(f"ModuleNotFoundError: No module named 'test.{name}'")
exec(FILES[name])
"""


def write_tests(directory, files):
    """Make a package `test` in *directory* and return the environment for it.

    Parameters:
        files: by name, what is executed instead of the file of tests. It finds
            the `name` and the `report` to write.
    """
    head = f"NAMES = {sorted(files)!r}\nFILES = {files!r}\n"
    write(directory, {"test/__init__.py": "", "test/__main__.py": head + MAIN})
    return {"PYTHONPATH": str(directory)}


def junit(*cases):
    """Return the script of a file that writes a report with the *cases* (XML)."""
    text = f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>"
    return f"open(report, 'w').write({text!r})"
