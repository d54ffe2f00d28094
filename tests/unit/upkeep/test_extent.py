"""How much a series touches and quotes, counted from its patches."""

from fakeproject import MORE, NAMES, commit, edited, filled, message
from threadjoin.upkeep import extent


def test_lines_are_counted_by_patch(tmp_path):
    project = filled(tmp_path)
    assert extent.count(project.series()) == [
        # One line is exchanged among six of context, and an entry is new.
        ("0010-wait", (1, 1, 1, 1, 6, 1)),
        # One line is added among three, and a file is new.
        ("0020-windows", (1, 1, 1, 0, 3, 1)),
        ("sum", (2, 2, 2, 1, 9, 2)),
        ("of it in Lib/test", (0, 0, 0, 0, 0, 0)),
    ]


def test_a_file_of_an_earlier_patch_is_new_in_a_later_one(tmp_path):
    project = filled(tmp_path)
    project.register(*NAMES, *MORE)
    repository = project.checkout("more")
    commit(
        repository, message(name=MORE[0]), {"Python/event.c": b"int an;\nint event;\n"}
    )
    files = {"Lib/test/a.py": b"a\n", "Lib/threading.py": edited(2, 10, 29)}
    commit(repository, message(name=MORE[1]), files)
    project.export(repository)
    assert extent.count(project.series())[2:4] == [
        ("0030-third", (0, 0, 0, 0, 0, 1)),
        ("0040-fourth", (1, 2, 2, 2, 8, 1)),
    ]


def test_command_prints_a_table(tmp_path):
    done = filled(tmp_path).command("series", "stat", "3.11")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split() for line in done.stdout.splitlines()[:2]] == [
        ["files", "hunks", "added", "removed", "context", "new", "lines"],
        ["0010-wait", "1", "1", "1", "1", "6", "1"],
    ]
