"""Reports are read as the sanitizers of GCC 12 write them."""

import pytest
from threadjoin.core import layout
from threadjoin.proof.sanitizers import reports

RACE = """\
==================
WARNING: ThreadSanitizer: data race (pid=26868)
  Write of size 8 at 0x56285bfe8120 by main thread:
    #0 PyMem_SetAllocator ../src/Objects/obmalloc.c:544 (python+0x253917)
    #1 pymem_set_default_allocator ../src/Objects/obmalloc.c:251 (python+0x253d17)
    #2 _PyMem_SetDefaultAllocator ../src/Objects/obmalloc.c:268 (python+0x253e2e)

  Previous read of size 8 at 0x56285bfe8120 by thread T20:
    #0 PyMem_RawFree ../src/Objects/obmalloc.c:609 (python+0x254249)
    #1 free_threadstate ../src/Python/pystate.c:746 (python+0x39f3f3)
    #2 _PyThreadState_DeleteCurrent ../src/Python/pystate.c:1140 (python+0x3a18db)

  Location is global '_PyMem_Raw' of size 40 at 0x56285bfe8120 (python+0x61d120)

  Thread T20 (tid=27025, finished) created by main thread at:
    #0 pthread_create ../../../../src/libsanitizer/tsan/tsan.cpp:1 (libtsan.so.2+0x5e)
    #1 start_thread ../src/Python/thread_pthread.h:290 (python+0x3bfa41)

SUMMARY: ThreadSanitizer: data race ../src/Objects/obmalloc.c:544 in PyMem_SetAllocator
==================
"""
RACE_IS = (
    "data race: PyMem_SetAllocator (Objects/obmalloc.c) < "
    "pymem_set_default_allocator (Objects/obmalloc.c) | "
    "free_threadstate (Python/pystate.c) < "
    "_PyThreadState_DeleteCurrent (Python/pystate.c)"
)

LEAK = """\
==================
WARNING: ThreadSanitizer: thread leak (pid=7)
  Thread T1 (tid=8, finished) created by main thread at:
    #0 pthread_create ../../../../src/libsanitizer/tsan/tsan.cpp:1 (libtsan.so.2+0x5e)
    #1 start_thread ../src/Python/thread_pthread.h:290 (python+0x3bfa41)
    #2 PyThread_start_joinable_thread ../src/Python/thread_pthread_join.h:2 (py+0x1)

SUMMARY: ThreadSanitizer: thread leak ../src/Python/thread_pthread.h:290 in start_thread
==================
"""

FREED = """\
=================================================================
==99==ERROR: AddressSanitizer: heap-use-after-free on address 0x60 at pc 0x55 bp 0x7 sp
READ of size 8 at 0x602000000010 thread T1
    #0 0x55d0c8a3b1c9 in _PyEvent_Notify ../src/Python/event.c:71
    #1 0x55d0c8a3b1c8 in threadlife_notify ../src/Python/threadlife.c:50
    #2 0x7f0c8d  (/lib/x86_64-linux-gnu/libc.so.6+0x88fd3)

0x602000000010 is located 0 bytes inside of 16-byte region [0x60,0x61)
freed by thread T0 here:
    #0 0x7f0c8e in __interceptor_free ../../../../src/libsanitizer/asan/malloc.cpp:52
    #1 0x55d0c8 in _PyMem_RawFree ../src/Objects/obmalloc.c:127
    #2 0x55d0c8 in _PyEventRc_Decref ../src/Python/event.c:170

previously allocated by thread T0 here:
    #0 0x7f0c8e in __interceptor_malloc ../../../../src/libsanitizer/asan/malloc.cpp:69
    #1 0x55d0c8 in _PyEventRc_New ../src/Python/event.c:150

SUMMARY: AddressSanitizer: heap-use-after-free ../src/Python/event.c:71 in _Py
"""

LEAKS = """\

=================================================================
==99==ERROR: LeakSanitizer: detected memory leaks

Direct leak of 64 byte(s) in 1 object(s) allocated from:
    #0 0x7f0c8e in __interceptor_malloc ../../../../src/libsanitizer/asan/malloc.cpp:69
    #1 0x55d0c8 in _PyMem_RawMalloc ../src/Objects/obmalloc.c:99
    #2 0x55d0c8 in PyThread_allocate_lock ../src/Python/thread_pthread.h:398

Indirect leak of 9 byte(s) in 1 object(s) allocated from:
    #0 0x7f0c8e in __interceptor_malloc ../../../../src/libsanitizer/asan/malloc.cpp:69
    #1 0x55d0c8 in hangs_on_it ../src/Python/thread.c:3

Direct leak of 7 byte(s) in 1 object(s) allocated from:
    #0 0x7f0c8e in __interceptor_malloc ../../../../src/libsanitizer/asan/malloc.cpp:69
    #1 0x7f0c8f  (/lib/libfoo.so.1+0x1234)

SUMMARY: AddressSanitizer: 71 byte(s) leaked in 2 allocation(s).
"""

UNDEFINED = """\
../src/Objects/longobject.c:12:5: runtime error: left shift of negative value -3
    #0 0x55d0c8 in long_lshift ../src/Objects/longobject.c:12
    #1 0x55d0c8 in binary_op1 ../src/Objects/abstract.c:900
../src/Python/event.c:7: runtime error: load of value 255
"""


def signatures(text):
    return [report.signature for report in reports.parse(text)]


def test_a_data_race():
    assert signatures(RACE) == [RACE_IS]


def test_lines_addresses_and_the_order_of_the_two_stacks_do_not_count():
    write = RACE.index("  Write of")
    read = RACE.index("  Previous read")
    place = RACE.index("  Location is")
    swapped = RACE[:write] + RACE[read:place] + RACE[write:read] + RACE[place:]
    other = (
        swapped.replace(":544", ":545").replace("0x5628", "0x1").replace("T20", "T1")
    )
    assert signatures(other) == [RACE_IS]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("data race", "data race on vptr"),
        lambda text: text.replace("free_threadstate", "other_function"),
        lambda text: text.replace("Objects/obmalloc.c:251", "Objects/other.c:251"),
    ],
    ids=["kind", "function", "file"],
)
def test_reports_that_are_different(change):
    assert signatures(change(RACE)) != [RACE_IS]


def test_what_the_series_splits_off_a_function_does_not_count():
    stock = RACE.replace("_PyThreadState_DeleteCurrent", "take_gil")
    frame = "    #2 take_gil"
    split = stock.replace(frame, f"    #2 _PyEval_TakeGIL ../src/Python/x.h:1\n{frame}")
    assert split != stock
    assert signatures(split) == signatures(stock)


def test_where_a_thread_was_created_counts_only_if_there_is_nothing_else():
    assert signatures(LEAK) == [
        "thread leak: start_thread (Python/thread_pthread.h) < "
        "PyThread_start_joinable_thread (Python/thread_pthread_join.h)"
    ]


def test_a_preloaded_library_makes_no_difference_and_no_path_is_in_it():
    def preloaded(function):
        frame = f"    #1 {function} {layout.ROOT}/tests/integration/x.c:7 (x.so+0x1)\n"
        begin = LEAK.index("    #1 start_thread")
        return signatures(LEAK[:begin] + frame + LEAK[begin:])

    assert preloaded("pthread_create") == signatures(LEAK)
    (signature,) = preloaded("starts")
    assert signature.startswith("thread leak: starts (tests/integration/x.c) < ")


def test_memory_used_after_it_was_freed():
    assert signatures(FREED) == [
        "heap-use-after-free: _PyEventRc_Decref (Python/event.c) | "
        "_PyEvent_Notify (Python/event.c) < threadlife_notify (Python/threadlife.c)"
    ]


def test_leaked_memory():
    assert signatures(LEAKS) == [
        "Direct leak: PyThread_allocate_lock (Python/thread_pthread.h)",
        "Direct leak: <null> (libfoo.so.1)",
    ]


def test_undefined_behaviour_with_and_without_a_stack():
    assert signatures(UNDEFINED) == [
        "left shift of negative value N: long_lshift (Objects/longobject.c) < "
        "binary_op1 (Objects/abstract.c)",
        "load of value N: ? (Python/event.c)",
    ]


def test_a_sanitizer_that_gives_up():
    text = "==24113==ThreadSanitizer: dup thread with used id 0x7ff5f6bff6c0\n"
    assert signatures(text) == ["ThreadSanitizer: dup thread with used id N: no stack"]
    text = "==7==ERROR: LeakSanitizer: out of memory\n"
    assert signatures(text) == ["LeakSanitizer: out of memory: no stack"]


def test_several_reports_in_a_file():
    found = reports.parse(RACE + LEAK + FREED + LEAKS + UNDEFINED)
    assert [report.kind for report in found] == [
        "data race",
        "thread leak",
        "heap-use-after-free",
        "Direct leak",
        "Direct leak",
        "left shift of negative value N",
        "load of value N",
    ]
    assert found[0].text.startswith("WARNING: ThreadSanitizer: data race (pid=26868)")
    assert "SUMMARY" not in found[0].text


def test_which_files_a_report_is_about():
    race, leak, freed = reports.parse(RACE + LEAK + FREED)
    assert race.touches({"Python/pystate.c"})
    assert not race.touches({"Python/thread_pthread.h"})
    assert leak.touches({"Python/thread_pthread_join.h"})
    assert freed.touches({"Python/threadlife.c"})
    assert not freed.touches(set())
