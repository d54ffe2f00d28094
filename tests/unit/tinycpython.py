"""A tiny CPython, and a series of patches for it."""

import difflib
import hashlib
import json
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
    """Write *files*, a dict of names to text, below the directory *tree*."""
    for name, text in files.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    return tree


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


def write_series(patches, tarball=None, url="https://invalid.invalid/x.tgz"):
    """Write the series 3.11 into the directory *patches*."""
    directory = patches / "3.11"
    directory.mkdir(parents=True)
    (directory / "0001-event.patch").write_text(diff(RELEASE, AFTER_FIRST))
    (directory / "0002-hook.patch").write_text(diff(AFTER_FIRST, AFTER_SECOND))
    (directory / "series").write_text("0001-event.patch\n0002-hook.patch\n")
    base = {
        "version": "3.11.2",
        "tarball": "Python-3.11.2.tgz",
        "sha256": digest(tarball.read_bytes()) if tarball else "0" * 64,
        "url": url,
        "debian": {"suite": "bookworm", "package": "python3.11", "orig": "o.tar.gz"},
    }
    (directory / "base.json").write_text(json.dumps(base))


def digest(content):
    """Return the SHA-256 of the bytes *content*."""
    return hashlib.sha256(content).hexdigest()


def pack(tree, tarball):
    """Make the *tarball* of the directory *tree*, and return it."""
    with tarfile.open(tarball, "w:gz") as archive:
        archive.add(tree, "Python-3.11.2")
    return tarball
