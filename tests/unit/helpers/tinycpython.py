"""A tiny CPython, and a series of patches for it."""

import difflib
import hashlib
import json
import shutil
import tarfile

#: The release: names of files to their text.
RELEASE = {
    "Include/patchlevel.h": '#define PY_VERSION              "3.11.2"\n',
    "Lib/threading.py": "".join(f"line {n}\n" for n in range(1, 61)),
    "Python/pystate.c": "".join(f"int state{n};\n" for n in range(1, 31)),
    "Python/old.c": "int old;\n",
}


def changed(text, **lines):
    """Return *text* with line 12 replaced by what `line12` says, and so on."""
    rows = text.splitlines(keepends=True)
    for key, value in lines.items():
        rows[int(key[len("line") :]) - 1] = f"{value}\n"
    return "".join(rows)


#: What the tree is after each patch.
AFTER_FIRST = {
    **RELEASE,
    "Lib/threading.py": changed(RELEASE["Lib/threading.py"], line10="ten", line50="L"),
    "Python/new/event.c": "int event;\n",
}
AFTER_SECOND = {
    **AFTER_FIRST,
    "Lib/threading.py": changed(AFTER_FIRST["Lib/threading.py"], line30="thirty"),
    "Python/pystate.c": changed(RELEASE["Python/pystate.c"], line15="int hook;"),
}
del AFTER_SECOND["Python/old.c"]


def write(tree, files):
    """Write *files*, a dict of names to text, below the directory *tree*.

    What begins as a script does can be executed.
    """
    for name, text in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if text.startswith("#!"):
            path.chmod(0o755)
    return tree


def shell_script(path, text):
    """Make the file *path* a script of the shell, *text*, and return *path*."""
    write(path.parent, {path.name: f"#!/bin/sh\n{text}\n"})
    return path


def read(tree):
    """Return all files below *tree*, as a dict of names to text."""
    return {
        str(path.relative_to(tree)): path.read_text(errors="surrogateescape")
        for path in tree.rglob("*")
        if path.is_file() and ".git" not in path.parts
    }


def diff(before, after):
    """Return a patch in git's form from one dict of files to another."""
    parts = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if old == new:
            continue
        parts.append(f"diff --git a/{name} b/{name}\n")
        if old is None:
            parts.append("new file mode 100644\n")
        if new is None:
            parts.append("deleted file mode 100644\n")
        parts += difflib.unified_diff(
            (old or "").splitlines(keepends=True),
            (new or "").splitlines(keepends=True),
            "/dev/null" if old is None else f"a/{name}",
            "/dev/null" if new is None else f"b/{name}",
        )
    return "".join(parts)


def write_series(patches, server=None):
    """Write the series 3.11 into the directory *patches*.

    Parameters:
        server: Path of the directory that stands in for python.org, with both tarballs
            of the release; None for a python.org that does not answer.
    """
    directory = patches / "3.11"
    directory.mkdir(parents=True)
    (directory / "0001-event.patch").write_text(diff(RELEASE, AFTER_FIRST))
    (directory / "0002-hook.patch").write_text(diff(AFTER_FIRST, AFTER_SECOND))
    (directory / "series").write_text("0001-event.patch\n0002-hook.patch\n")
    data = {
        "base": "3.11.2",
        "url": f"file://{server}/{{name}}"
        if server
        else "https://invalid.invalid/{version}/{name}",
        "gpg_key": "A1",
        "debian": {
            "suite": "bookworm",
            "package": "python3.11",
            "orig": "python3.11_3.11.2.orig.tar.gz",
            "left_out": ["layout.diff"],
        },
        "releases": [
            known("3.11.2", True, server),
            {"version": "3.11.3", "checked": False, "tgz": "1" * 64, "xz": "2" * 64},
        ],
    }
    (directory / "releases.json").write_text(json.dumps(data))


def known(version, checked=True, server=None):
    """Return the entry of releases.json for *version*, with tarballs in *server*."""

    def total(form):
        path = server and server / f"Python-{version}.{form}"
        return digest(path.read_bytes()) if path else "0" * 64

    return {
        "version": version,
        "checked": checked,
        "tgz": total("tgz"),
        "xz": total("tar.xz"),
    }


def serve(tree, server, version="3.11.2"):
    """Put both tarballs of *tree* into the directory *server*, and return that."""
    server.mkdir(exist_ok=True)
    for form in ("tgz", "tar.xz"):
        pack(tree, server / f"Python-{version}.{form}")
    return server


def packaged(directory, patches, version="3.11.2-1"):
    """Write what Debian's package *version* adds, and return its Path.

    Parameters:
        directory: where the file goes.
        patches: dict of the names of patches to their text.
    """
    tree = directory / "package"
    write(tree / "debian/patches", {"series": "\n".join(patches), **patches})
    path = directory / f"python3.11_{version}.debian.tar.xz"
    with tarfile.open(path, "w:xz") as archive:
        archive.add(tree / "debian", "debian")
    shutil.rmtree(tree)
    return path


def digest(content):
    """Return the SHA-256 of the bytes *content*."""
    return hashlib.sha256(content).hexdigest()


def pack(tree, tarball):
    """Make the *tarball* of the directory *tree*, and return it."""
    form = "xz" if tarball.suffix == ".xz" else "gz"
    with tarfile.open(tarball, f"w:{form}") as archive:
        archive.add(tree, "Python-3.11.2")
    return tarball
