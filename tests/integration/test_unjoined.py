"""OS threads that no thread joins: their stacks are given back, without the GIL.

A join() still waits for them, as long as they exist.
"""

from dataclasses import replace

import pytest
from harness import run

SETUP = """
    import _thread, os, resource, sys, threading, weakref
    import osthread
    from probe import fork, outcome, say, status

    def gate():
        lock = _thread.allocate_lock()
        lock.acquire()
        return lock

    def start_blocked(last=int):
        "Start a thread that calls the function as its last; return it and its lock."
        begun, lock = gate(), gate()
        handle = _thread.start_joinable_thread(
            lambda: (begun.release(), lock.acquire(), last())
        )
        begun.acquire()
        return handle, lock

    def end(handle, lock):
        "Have the thread end; return when its OS thread has exited."
        tasks = osthread.tasks() - watchdogs
        lock.release()
        await_tasks(tasks - 1)

    def await_tasks(count):
        while osthread.tasks() - watchdogs > count:
            os.sched_yield()

    # OS threads that see to it that the script does not hang.
    watchdogs = osthread.tasks() - 1
"""


@pytest.fixture
def patched(patched, refusing):
    """Return the patched interpreter, where threads can be held."""
    return refusing(patched)


def test_thread_that_begins_joins_those_that_have_exited(patched):
    script = f"""
    {SETUP}
    kept = start_blocked()
    end(*kept)
    say(kept[0].is_done(), osthread.unclaimed())
    running = start_blocked()
    say(osthread.unclaimed())
    end(*running)
    """
    run(patched, script).check("True 1", "1")


def test_thread_that_ends_joins_those_that_have_exited(patched):
    script = f"""
    {SETUP}
    threads = [start_blocked() for _ in range(5)]
    for thread in threads[:4]:
        # None begins meanwhile.
        end(*thread)
    say(osthread.unclaimed())
    end(*threads[4])
    say(osthread.unclaimed())
    for handle, lock in threads:
        handle.join()
    say(osthread.unclaimed())
    """
    run(patched, script).check("2", "1", "0")


def test_those_that_linger_do_not_keep_others(patched):
    # They are the oldest, and are checked again and again.
    script = f"""
    {SETUP}
    lingering = []
    for number in range(20):
        lingering.append(_thread.start_joinable_thread(osthread.linger))
        osthread.await_lingering(number + 1)
    kept = []
    for _ in range(200):
        kept.append(start_blocked())
        end(*kept[-1])
    say(osthread.unclaimed() - 20 <= 20)
    osthread.release()
    for handle in lingering:
        handle.join()
    say(osthread.finished())
    """
    run(patched, script).check("True", "20")


def test_stack_is_given_back_without_the_gil(patched):
    # The thread that joins another one as it ends is held while it does so.
    script = f"""
    {SETUP}
    kept = start_blocked()
    last = start_blocked(osthread.hold_join)
    end(*kept)
    last[1].release()
    osthread.await_held(False)
    say("runs", last[0].is_done(), kept[0]._exited())
    osthread.await_held(True)
    kept[0].join()
    last[0].join()
    say(osthread.unclaimed())
    """
    run(patched, script).check("runs True False", "0")


@pytest.mark.parametrize("timeout", ["", "1000", "0"])
def test_join_of_one_that_is_joined_as_another_ends(patched, timeout):
    script = f"""
    {SETUP}
    def join():
        kept[0].join({timeout})
        say("joined")

    kept = start_blocked()
    last = start_blocked(osthread.hold_join)
    # It has begun by now, so that it does not get the stack of the first one.
    joiner, joins = start_blocked(join)
    end(*kept)
    last[1].release()
    osthread.await_held(False)
    joins.release()
    if {timeout!r} == "0":
        joiner.join()
    else:
        joiner.join(0.05)
        say("waits")
    osthread.await_held(True)
    joiner.join()
    last[0].join()
    """
    lines = ["joined"] if timeout == "0" else ["waits", "joined"]
    run(patched, script).check(*lines)


@pytest.mark.parametrize("lingers", [False, True])
def test_handle_that_goes_while_another_thread_joins_it(patched, lingers):
    # The joiner notices after it has joined it, or when it cannot.
    script = f"""
    {SETUP}
    if {lingers}:
        kept = [_thread.start_joinable_thread(osthread.linger)]
        osthread.await_lingering()
        last = start_blocked(osthread.hold_try)
    else:
        kept = list(start_blocked())
        last = start_blocked(osthread.hold_join)
        end(*kept)
    last[1].release()
    osthread.await_held(False)
    if {lingers}:
        # Nothing that takes the lock that is held may run here.
        osthread.await_held(True)
    kept.clear()
    if not {lingers}:
        osthread.await_held(True)
    last[0].join()
    osthread.release()
    say(osthread.unclaimed())
    """
    run(patched, script).check("0")


def test_handle_that_is_let_go_while_another_thread_joins_it(patched):
    script = f"""
    {SETUP}
    kept = start_blocked()
    last = start_blocked(osthread.hold_join)
    end(*kept)
    last[1].release()
    osthread.await_held(False)
    kept[0]._set_done()
    say(kept[0]._exited(), kept[0].join())
    osthread.await_held(True)
    last[0].join()
    say(osthread.unclaimed())
    """
    run(patched, script).check("True None", "0")


@pytest.mark.parametrize("hold", ["join", "try"])
def test_fork_while_a_thread_joins_another_one(patched, hold):
    # In the child, no thread joins it, and the thread that holds the mutex is gone.
    script = f"""
    {SETUP}
    def child():
        for handle, lock in kept, last:
            handle.join()
            assert handle._exited()
        for _ in range(5):
            _thread.start_joinable_thread(int).join()
        threads.clear()
        fresh = [start_blocked() for _ in range(2)]
        for thread in fresh:
            end(*thread)
        os.write(1, b"%d\\n" % osthread.unclaimed())

    kept = start_blocked()
    last = start_blocked(osthread.hold_{hold})
    threads = [kept, last]
    end(*kept)
    last[1].release()
    osthread.await_held(False)
    say(status(fork(child)))
    osthread.await_held(True)
    for handle, lock in kept, last:
        handle.join()
    say(osthread.unclaimed())
    """
    run(patched, script).check("1", "0", "0")


def test_start_under_a_limit_of_address_space(python):
    # There is address space for the stack of one thread.
    script = f"""
    {SETUP}
    threading.stack_size(512 << 20)
    with open("/proc/self/statm") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    limit = used + (900 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    kept = []
    for _ in range(5):
        thread = threading.Thread(target=int)
        kept.append(thread)
        thread.start()
        await_tasks(1)
    say(len(kept))
    for thread in kept:
        thread.join()
    """
    run(python, script).check("5")


def test_address_space_of_threads_that_are_kept(stock, patched):
    script = f"""
    {SETUP}
    kept = []
    for _ in range(3000):
        thread = threading.Thread(target=int)
        thread.start()
        kept.append(thread)
    await_tasks(1)
    with open("/proc/self/statm") as statm:
        say(int(statm.read().split()[0]) * resource.getpagesize() >> 20)
    """
    # Else malloc() may reserve 64 MB more for threads that overlap.
    one_arena = ("MALLOC_ARENA_MAX", "1")
    sizes = [
        int(run(replace(p, environment=(*p.environment, one_arena)), script).lines[0])
        for p in (stock, patched)
    ]
    # The stack of the last thread, in MB, is given back when another one starts.
    last = 8
    assert sizes[1] <= sizes[0] * 1.1 + last, sizes


def test_exited(patched):
    script = f"""
    {SETUP}
    handle = _thread.start_joinable_thread(osthread.linger)
    osthread.await_lingering()
    blocked, lock = start_blocked()
    say(handle.is_done(), handle._exited(), blocked._exited())
    osthread.release()
    await_tasks(2)
    say(handle._exited(), osthread.unclaimed(), handle._exited())
    end(blocked, lock)
    say(blocked._exited(), osthread.unclaimed(), _thread._ThreadHandle()._exited())
    """
    run(patched, script).check("True False False", "True 1 True", "True 0 False")


def test_exited_of_a_thread_that_is_declared_done(patched):
    script = f"""
    {SETUP}
    handle, lock = start_blocked()
    handle._set_done()
    say(handle._exited(), osthread.unclaimed())
    end(handle, lock)
    """
    run(patched, script).check("True 0")


def test_exited_asked_by_the_thread_itself(patched):
    script = f"""
    {SETUP}
    def last():
        say(handle.is_done(), handle._exited())
        done.release()

    done = gate()
    started = gate()
    handle = _thread.start_joinable_thread(
        lambda: (started.acquire(), osthread.at_thread_exit(last))
    )
    started.release()
    done.acquire()
    handle.join()
    """
    run(patched, script).check("True False")


#: C code detaches the thread, which then ends; and another one gets its stack.
DETACHED = f"""
    {SETUP}
    def detach():
        say(osthread.detach())

    def another():
        "Start threads until one has the identifier of the one that has ended."
        for _ in range(50):
            other = start_blocked()
            others.append(other)
            if other[0].ident == handle.ident:
                return other

    others = []
"""


@pytest.mark.parametrize("first", ["", "1000"])
def test_join_of_a_thread_that_c_code_has_detached(patched, first):
    script = f"""
    {DETACHED}
    handle, lock = start_blocked(detach)
    joins = gate()
    joiner = _thread.start_joinable_thread(
        lambda: (joins.release(), handle.join({first}), say("joined"))
    )
    joins.acquire()
    joiner.join(0.05)
    lock.release()
    joiner.join()
    await_tasks(1)
    say(another() is not None)
    handle.join()
    say(handle.is_done(), handle._exited())
    del handle
    for other in others:
        end(*other)
    say(osthread.unclaimed() <= 1)
    """
    run(patched, script).check("0", "joined", "True", "True True", "True")


def test_thread_that_c_code_has_detached_goes(patched):
    script = f"""
    {DETACHED}
    for _ in range(3):
        handle, lock = start_blocked(detach)
        end(handle, lock)
        # No start joins it instead, and no thread detaches it again.
        end(*start_blocked())
        say(handle.join(0))
        del handle
    """
    run(patched, script).check(*3 * ["0", "None"])


def test_weak_reference_to_a_handle(python):
    # Of a running thread: stock's lock is gone when the thread is.
    script = f"""
    {SETUP}
    lock = gate()
    thread = threading.Thread(target=lock.acquire)
    thread.start()
    called = []
    ref = weakref.ref(thread._tstate_lock, called.append)
    say(ref() is thread._tstate_lock, called)
    lock.release()
    thread.join()
    del thread
    say(ref(), called == [ref])
    """
    run(python, script).check("True []", "None True")
