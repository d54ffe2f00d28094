"""The child of a fork, and the threads of its parent."""

import signal

import pytest
from harness import HANG, PATIENCE, run

#: Threads in every stage of their lives, by name, and a function that ends them.
THREADS = """
    import gc, os, sys, threading, weakref
    import osthread
    from probe import fork, outcome, say, status, unwatch, watch

    def excepthook(*args):
        # The threads would keep a process alive that has failed.
        sys.__excepthook__(*args)
        os._exit(1)

    sys.excepthook = excepthook

    def started(target, daemon=False):
        thread = threading.Thread(target=target, daemon=daemon)
        thread.start()
        return thread

    stop = threading.Event()
    entered = threading.Semaphore(0)

    def join():
        entered.release()
        threads["running"].join()

    threads = {}
    threads["running"] = started(stop.wait)
    threads["daemon"] = started(stop.wait, daemon=True)
    for name in ("joiner", "another joiner"):
        threads[name] = started(join)
        entered.acquire()
    threads["finished"] = started(int)
    while threads["finished"].is_alive():
        os.sched_yield()
    threads["joined"] = started(int)
    threads["joined"].join()
    threads["lingering"] = started(osthread.linger)
    osthread.await_lingering()
    unstarted = threading.Thread(target=int)

    def finish():
        stop.set()
        osthread.release()
        for thread in threads.values():
            thread.join()

    def examine():
        "What has to hold in a child, whichever thread has forked."
        own = threading.current_thread()
        assert threading.main_thread() is own and own.is_alive()
        assert own.ident == threading.get_ident()
        assert threading.enumerate() == [own] and threading.active_count() == 1
        assert outcome(own.join) == "RuntimeError"
        for name, thread in threads.items():
            if thread is not own:
                assert not thread.is_alive(), name
                for timeout in (0, 1000, None):
                    assert outcome(thread.join, timeout) == "None", name
                assert "stopped" in repr(thread), thread
        unstarted.start()
        for _ in range(3):
            fresh = started(int)
            fresh.join()
            assert not fresh.is_alive()
        unstarted.join()
        assert not unstarted.is_alive()
"""


def test_child_of_the_main_thread(python):
    script = """
    say(status(fork(examine)))
    finish()
    unstarted.start()
    """
    run(python, THREADS + script).check("0")


@pytest.mark.parametrize("how", ["Thread", "daemon", "start_new_thread", "foreign"])
def test_child_of_another_thread(python, how):
    script = f"""
    import _thread

    def body():
        say(status(fork(examine)))
        done.set()

    done = threading.Event()
    if "{how}" == "foreign":
        osthread.foreign(body)
    elif "{how}" == "start_new_thread":
        _thread.start_new_thread(body, ())
    else:
        started(body, "{how}" == "daemon")
    done.wait()
    finish()
    """
    run(python, THREADS + script).check("0")


@pytest.mark.parametrize("in_thread", [False, True])
def test_nested_forks(python, in_thread):
    script = f"""
    def nested(depth):
        examine()
        stop = threading.Event()
        threads.clear()
        threads["of depth " + str(depth)] = started(stop.wait)
        global unstarted
        unstarted = threading.Thread(target=int)
        if depth:
            descend(depth)
        stop.set()
        threads["of depth " + str(depth)].join()
        say("depth", depth)

    def descend(depth):
        statuses = []
        def body():
            statuses.append(status(fork(lambda: nested(depth - 1))))
        if {in_thread}:
            started(body).join()
        else:
            body()
        assert statuses == [0]

    descend(4)
    finish()
    """
    run(python, THREADS + script).check("depth 0", "depth 1", "depth 2", "depth 3")


def test_thread_objects_of_the_parent_can_be_collected(python):
    # Objects of threads whose Python code ran at the fork cannot: the frames are lost
    # and keep what they refer to, on stock, too.
    script = """
    def child():
        collectable = ("finished", "joined", "lingering")
        refs = {name: weakref.ref(threads[name]) for name in collectable}
        refs["unstarted"] = weakref.ref(unstarted)
        examine()
        threads.clear()
        del globals()["unstarted"]
        gc.collect()
        assert {name for name, ref in refs.items() if ref()} == set()

    say(status(fork(child)))
    finish()
    """
    run(python, THREADS + script).check("0")


def test_child_joins_while_the_parent_does_too(python):
    # The joins of the child must not disturb those of the parent, nor the reverse.
    script = """
    def child():
        os.read(child_end, 1)
        examine()

    child_end, parent_end = os.pipe()
    pid = fork(child)
    finish()
    assert not any(thread.is_alive() for thread in threads.values())
    os.write(parent_end, b"x")
    say(status(pid))
    """
    run(python, THREADS + script).check("0")


def test_child_exits_by_itself(python):
    script = """
    import atexit

    unwatch()
    pid = os.fork()
    if pid:
        say("child ended with", status(pid))
        finish()
    else:
        watch(20)
        atexit.register(say, "atexit")
        threads["of the child"] = started(lambda: (
            threading.main_thread().join(), say("waited for")
        ))
    """
    run(python, THREADS + script).check("waited for", "atexit", "child ended with 0")


@pytest.mark.parametrize("daemon", [False, True])
def test_child_of_a_thread_ends_when_its_function_does(python, daemon):
    script = f"""
    def body():
        pid = os.fork()
        if pid:
            say("child ended with", status(pid))
            return
        watch(20)
        assert threading.main_thread() is threading.current_thread()
        fresh = started(lambda: fresh_may_end.wait())
        started(lambda: (threading.main_thread().join(), say("joined")))
        fresh_may_end.set()

    fresh_may_end = threading.Event()
    started(body, {daemon}).join()
    finish()
    """
    run(python, THREADS + script).check("joined", "child ended with 0")


def test_multiprocessing_from_a_thread(python):
    # It calls threading._shutdown() in the child, in the thread that has forked.
    script = """
    import multiprocessing

    def child():
        examine()
        started(lambda: (threading.main_thread().join(), say("waited for")))
        say("returns")

    def body():
        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join(30)
        say(process.exitcode)

    body()
    started(body).join()
    started(body, daemon=True).join()
    finish()
    """
    run(python, THREADS + script).check(*3 * ["returns", "waited for", "0"])


def test_fork_in_a_handler_that_interrupts_join(python):
    # In the child, the handler returns into a join() of a thread of the parent.
    script = """
        import os, signal, sys, threading
        from probe import interrupt, say, status

        def act():
            children.append(os.fork())
            if children == [0]:
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.alarm(2)
            else:
                finish.set()

        children, finish = [], threading.Event()
        thread = threading.Thread(target=finish.wait)
        thread.start()
        interrupt("join", act)
        thread.join()
        assert not thread.is_alive()
        if children == [0]:
            thread.join()
            os._exit(3)
        say(status(*children))
    """
    run(python, script).check("3")


def test_fork_in_a_handler_that_interrupts_join_of_a_lingering_thread(patched):
    script = """
        import os, signal, sys, threading
        import osthread
        from probe import interrupt, say, status

        def act():
            children.append(os.fork())
            if children == [0]:
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.alarm(20)
            else:
                osthread.release()

        children = []
        thread = threading.Thread(target=osthread.linger)
        thread.start()
        osthread.await_lingering()
        interrupt("join", act)
        thread.join()
        if children == [0]:
            thread.join()
            os._exit(3)
        say(osthread.finished(), status(*children))
    """
    run(patched, script).check("1 3")


@pytest.mark.parametrize("lingering", [False, True])
def test_fork_in_a_handler_while_others_join_too(patched, lingering):
    # Joiners take turns; the one whose turn it is does not exist in the child.
    script = f"""
        import os, signal, threading
        import osthread
        from probe import interrupt, say, status, watch

        def act():
            children.append(os.fork())
            if children == [0]:
                watch(10)
            else:
                finish.set()
                osthread.release()

        def join(timeout):
            entered.release()
            thread.join(timeout)

        children, finish = [], threading.Event()
        entered = threading.Semaphore(0)
        target = osthread.linger if {lingering} else finish.wait
        thread = threading.Thread(target=target)
        thread.start()
        if {lingering}:
            osthread.await_lingering()
        others = [threading.Thread(target=join, args=(t,)) for t in (None, 1000)]
        for other in others:
            other.start()
            entered.acquire()
            other.join(0.1)
        interrupt("join", act)
        thread.join()
        if children == [0]:
            thread.join()
            for other in others:
                other.join()
            os._exit(3)
        for other in others:
            other.join()
        say(status(*children))
    """
    run(patched, script).check("3")


@pytest.mark.parametrize(
    "fork", ["osthread.raw_fork()", "osthread.bare_fork()", "os.forkpty()[0]"]
)
def test_other_ways_to_fork(python, fork):
    script = f"""
    def child():
        examine()
        global unstarted
        unstarted = threading.Thread(target=int)
        pid = {fork}
        if pid == 0:
            examine()
            os._exit(4)
        os._exit(status(pid))

    pid = {fork}
    if pid == 0:
        watch(20)
        try:
            child()
        finally:
            os._exit(1)
    say(status(pid))
    finish()
    """
    run(python, THREADS + script).check("4")


def test_fork_that_fails(python):
    script = """
    import resource

    if os.getuid() == 0:
        os.setresuid(65534, 65534, 0)       # root has no such limit
    limits = resource.getrlimit(resource.RLIMIT_NPROC)
    resource.setrlimit(resource.RLIMIT_NPROC, (0, limits[1]))
    say({outcome(os.fork) for _ in range(10)})
    resource.setrlimit(resource.RLIMIT_NPROC, limits)
    say(status(fork(examine)))
    finish()
    unstarted.start()
    unstarted.join()
    """
    run(python, THREADS + script).check("{'BlockingIOError'}", "0")


def test_fork_after_join_is_of_one_thread(python):
    # The OS thread lingers until a signal handler, which runs inside join(),
    # lets it go. Stock's join() does not wait for it.
    script = """
        import os, sys, threading
        import osthread
        from probe import say, status, stop_ticking, tick, unwatch

        unwatch()   # it has a thread, too
        thread = threading.Thread(target=osthread.linger)
        thread.start()
        osthread.await_lingering()
        tick(lambda frame: osthread.release(), float(sys.argv[1]))
        thread.join()
        stop_ticking()
        if osthread.finished():
            # One that has exited is listed until the kernel is done with it.
            while len(os.listdir("/proc/self/task")) > 1:
                os.sched_yield()
        say(len(os.listdir("/proc/self/task")))
        pid = os.fork()
        if pid == 0:
            os._exit(7)
        say(status(pid))
    """
    threads = 1 if python.patched else 2
    run(python, script, 0.05 if python.patched else 30).check(str(threads), "7")


@pytest.mark.parametrize("threads", ["done", "running"])
@pytest.mark.parametrize("does", ["joins", "drops", "ends"])
def test_fork_that_python_does_not_know_of(python, threads, does):
    # A library in C forks with the GIL, and does not tell Python; stock allows it.
    script = f"""
        import ctypes, gc, os, sys, threading
        from probe import say, status, unwatch

        finish = threading.Event()
        target = dict(done=int, running=finish.wait)["{threads}"]
        kept = [threading.Thread(target=target, daemon=True) for _ in range(20)]
        for thread in kept:
            thread.start()
        while "{threads}" == "done" and threading.active_count() > 1:
            os.sched_yield()
        unwatch()   # the end of the child would wait for it
        pid = ctypes.PyDLL(None).fork()
        if pid == 0:
            if "{does}" == "joins":
                for thread in kept:
                    thread.join(0)
            if "{does}" == "drops":
                del kept, thread
                gc.collect()
            for _ in range(3):
                thread = threading.Thread(target=int)
                thread.start()
                thread.join()
            sys.exit(7)
        finish.set()
        say(status(pid))
    """
    run(python, script).check("7")


def test_signal_of_the_parent_is_not_handled_in_the_child(python):
    # It has arrived and waits for the main thread when another thread forks.
    # Destructors run in the child before anything else does.
    script = """
        import os, signal, sys, threading
        from probe import say, status

        class Runs:
            def __del__(self):
                for _ in range(100):
                    pass

        def handler(signum, frame):
            say("parent" if os.getpid() == parent else "child")

        def fork():
            os.kill(parent, signal.SIGUSR1)
            pid = os.fork()
            if pid == 0:
                os._exit(7)
            statuses.append(status(pid))

        parent = os.getpid()
        statuses = []
        signal.signal(signal.SIGUSR1, handler)
        sys.setswitchinterval(1000)     # fork() keeps the GIL
        local = threading.local()
        local.value = Runs()
        thread = threading.Thread(target=fork)
        thread.start()
        thread.join()
        say(statuses)
    """
    result = run(python, script)
    if not python.patched and python.mended_upstream("signal_in_the_child_of_a_fork"):
        # The child of stock takes the thread for the main one by then.
        assert sorted(result.lines) == ["[7]", "child", "parent"], result
    else:
        result.check("parent", "[7]")


def test_subprocesses_started_by_threads(python):
    # With preexec_fn, this forks as os.fork() does.
    script = """
    import subprocess

    def body():
        for _ in range(5):
            for function in (None, examine_lightly):
                command = [sys.executable, "-S", "-c", ""]
                statuses.append(subprocess.call(command, preexec_fn=function))

    def examine_lightly():
        assert threading.enumerate() == [threading.current_thread()]
        for name in threads:
            threads[name].join()

    statuses = []
    workers = [started(body) for _ in range(4)]
    for worker in workers:
        worker.join()
    say(set(statuses), len(statuses))
    finish()
    """
    run(python, THREADS + script).check("{0} 40")


def test_fork_before_a_new_thread_has_said_that_it_started(patched):
    # start() waits in another thread. In the child, the thread that it started is done.
    script = """
    import threading
    from probe import fork, outcome, say, status

    class Held(threading.Thread):
        def _set_ident(self):
            reached.set()
            gate.wait()
            super()._set_ident()

    def child():
        assert not thread.is_alive() and "stopped" in repr(thread)
        assert outcome(thread.join) == "None"

    reached, gate = threading.Event(), threading.Event()
    thread = Held()
    starter = threading.Thread(target=thread.start)
    starter.start()
    reached.wait()
    say(status(fork(child)))
    gate.set()
    starter.join()
    thread.join()
    """
    run(patched, script).check("0")


def test_fork_by_a_signal_handler_inside_start(python):
    # The new thread does not exist in the child, and cannot tell start() there
    # that it has begun.
    script = """
    import os, signal, sys, threading
    from probe import await_asleep, fork, outcome, say, status, watch

    class Held(threading.Thread):
        def _bootstrap(self):
            await_asleep(os.getpid())
            os.kill(os.getpid(), signal.SIGUSR1)
            gate.wait()
            super()._bootstrap()

    def handler(signum, frame):
        global pid
        pid = os.fork()
        if pid:
            gate.set()
        else:
            watch(int(sys.argv[1]))

    pid = None
    gate = threading.Event()
    signal.signal(signal.SIGUSR1, handler)
    thread = Held()
    thread.start()
    if not pid:
        assert not thread.is_alive() and outcome(thread.join) == "None"
        assert threading.enumerate() == [threading.main_thread()]
        os._exit(0)
    say(status(pid))
    thread.join()
    """
    # Stock waits for it until the alarm.
    seconds, ended = (20, 0) if python.patched else (HANG, -signal.SIGALRM)
    run(python, script, seconds).check(str(ended))


def test_fork_by_a_signal_handler_that_waits_for_a_handle_to_start(patched):
    # As above, without the module threading.
    script = """
    import _thread, os, signal
    from probe import await_asleep, say, status, watch

    def body():
        await_asleep(os.getpid())
        os.kill(os.getpid(), signal.SIGUSR1)
        gate.acquire()
        handle._set_started()

    def handler(signum, frame):
        global pid
        pid = os.fork()
        if pid:
            gate.release()
        else:
            watch(20)

    pid = None
    gate = _thread.allocate_lock()
    gate.acquire()
    signal.signal(signal.SIGUSR1, handler)
    handle = _thread._ThreadHandle()
    _thread.start_joinable_thread(body, handle=handle)
    handle._wait_started()
    if not pid:
        handle.join()
        os._exit(0)
    handle.join()
    say(status(pid))
    """
    run(patched, script).check("0")


def test_fork_before_a_new_thread_has_begun(patched):
    # It does not exist in the child, which frees the arguments of its function.
    script = """
    import _thread, sys, weakref
    from probe import fork, say, status

    class Function:
        def __call__(self):
            may_end.acquire()

    def child():
        assert function() is None

    may_end = _thread.allocate_lock()
    may_end.acquire()
    first = Function()
    function = weakref.ref(first)
    # Nobody takes the GIL from this thread before it has forked.
    sys.setswitchinterval(1000)
    handle = _thread.start_joinable_thread(first)
    del first
    pid = fork(child)
    say(status(pid), function() is not None)
    sys.setswitchinterval(0.005)
    may_end.release()
    handle.join()
    """
    run(patched, script).check("0 True")


@pytest.mark.parametrize("joined", ["itself", "younger", "older"])
def test_destructor_in_a_lost_thread_local_joins_a_lost_thread(python, joined):
    # The child clears the thread states of the parent one by one, the youngest first,
    # and runs their destructors before any other Python code.
    script = f"""
        import os, signal, sys, threading
        from probe import fork, outcome, say, status

        parent = os.getpid()

        class Joins:
            def __init__(self, thread):
                self.thread = thread

            def __del__(self):
                if os.getpid() != parent:
                    say(outcome(self.thread.join), self.thread.is_alive())

        def hold():
            turn.acquire()
            local.value = Joins(threads["{joined}"])
            held.release()
            finish.wait()

        local, finish = threading.local(), threading.Event()
        turn, held = threading.Semaphore(0), threading.Semaphore(0)
        targets = {{"older": finish.wait, "itself": hold, "younger": finish.wait}}
        threads = {{name: threading.Thread(target=targets[name]) for name in targets}}
        for thread in threads.values():
            thread.start()
        turn.release()
        held.acquire()
        pid = fork(int)
        # The child cannot watch itself yet.
        watchdog = threading.Timer(float(sys.argv[1]), os.kill, (pid, signal.SIGKILL))
        watchdog.start()
        say(status(pid))
        watchdog.cancel()
        finish.set()
        for thread in threads.values():
            thread.join()
    """
    if python.patched or joined == "younger":
        run(python, script, PATIENCE / 2).check("None False", "0")
    else:
        run(python, script, HANG).check("-9")


def test_fork_while_another_thread_waits_for_the_end(patched):
    # It is in the wait that the end of the interpreter uses, and in no other.
    script = """
    import _thread

    def wait():
        entered.release()
        _thread._shutdown()

    threads["waiter"] = started(wait, daemon=True)
    entered.acquire()
    threads["waiter"].join(0.1)
    unwatch()
    pid = os.fork()
    if pid:
        say("child ended with", status(pid))
        del threads["waiter"]
        finish()
    else:
        watch(20)
        examine()
        started(lambda: (threading.main_thread().join(), say("waited for")))
    """
    run(patched, THREADS + script).check("waited for", "child ended with 0")


def test_fork_while_another_thread_is_at_each_line_of_start_and_join(python):
    # The other thread is stopped at each line of threading.py in start() and join() in
    # turn, and the main thread forks there.
    script = """
        import os, sys, threading
        from probe import fork, outcome, say, status

        here, go_on = threading.Semaphore(0), threading.Semaphore(0)
        at = []

        def trace(frame, event, arg):
            if not frame.f_code.co_filename.endswith("threading.py"):
                return None
            # Our own semaphores are made of the same functions.
            if event == "line" and not within_ours(frame):
                at.append((frame.f_code.co_name, frame.f_lineno))
                sys.settrace(None)
                here.release()
                go_on.acquire()
                sys.settrace(trace)
            return trace

        def within_ours(frame):
            while frame is not None:
                if frame.f_locals.get("self") in (here, go_on):
                    return True
                frame = frame.f_back
            return False

        def body():
            sys.settrace(trace)
            target.start()
            target.join()
            sys.settrace(None)
            at.append(None)
            here.release()

        def child():
            assert threading.enumerate() == [threading.current_thread()]
            assert not threading._limbo
            assert not other.is_alive() and not target.is_alive()
            other.join()
            # Not started in this process, as far as one can tell.
            assert outcome(target.join) in ("None", "RuntimeError")
            fresh = threading.Thread(target=int)
            fresh.start()
            fresh.join()

        finish = threading.Event()
        target = threading.Thread(target=finish.wait)
        other = threading.Thread(target=body)
        other.start()
        failed, functions = [], set()
        while True:
            here.acquire()
            if at[-1] is None:
                break
            functions.add(at[-1][0])
            if status(fork(child)):
                failed.append(at[-1])
            if at[-1][0] == "join":
                finish.set()
            go_on.release()
        other.join()
        say(failed, functions >= {"start", "join"}, len(at) > 10)
    """
    run(python, script).check("[] True True")


STORM = """
    import os, random, sys, threading
    from probe import fork, outcome, say, status, unwatch, watch

    def excepthook(*args):
        sys.__excepthook__(*args)
        os._exit(1)

    sys.excepthook = excepthook
    random.seed(116372)
    stopping = False
    recent = [threading.current_thread()] * 16
    own = threading.current_thread()

    def churn(number):
        count = number
        while not stopping:
            thread = threading.Thread(target=int, daemon=count % 3 == 0)
            thread.start()
            recent[count % 16] = thread
            if count % 2:
                recent[(count * 7) % 16] is own or recent[(count * 7) % 16].join(5)
            thread.join(None if count % 5 else 5)
            count += 4

    def child():
        for thread in [*recent, *churners]:
            if thread is not threading.current_thread():
                assert not thread.is_alive()
                assert outcome(thread.join, 1000) == outcome(thread.join) == "None"
        for _ in range(2):
            fresh = threading.Thread(target=int)
            fresh.start()
            fresh.join()

    churners = [threading.Thread(target=churn, args=(n,)) for n in range(4)]
    for thread in churners:
        thread.start()
"""


def test_forks_while_others_start_join_and_finish(patched):
    # No order is forced: this is for orders that no other test has.
    script = """
    statuses = [status(fork(child)) for _ in range(100)]
    stopping = True
    for thread in churners:
        thread.join()
    say(set(statuses), len(statuses))
    """
    run(patched, STORM + script).check("{0} 100")


def test_forks_by_several_threads_at_once(patched):
    script = """
    def forks():
        for _ in range(20):
            statuses.append(status(fork(lambda: child_of(own_thread()))))

    def own_thread():
        return threading.current_thread()

    def child_of(forker):
        assert threading.main_thread() is forker
        recent[:] = [thread for thread in recent if thread is not own]
        child()
        assert not own.is_alive() and outcome(own.join) == "None"

    statuses = []
    forkers = [threading.Thread(target=forks) for _ in range(3)]
    for thread in forkers:
        thread.start()
    for thread in forkers:
        thread.join()
    stopping = True
    for thread in churners:
        thread.join()
    say(set(statuses), len(statuses))
    """
    run(patched, STORM + script).check("{0} 60")


def test_children_that_finalize_during_a_storm(patched):
    script = """
    unwatch()
    statuses = []
    for _ in range(30):
        pid = os.fork()
        if pid == 0:
            watch(20)
            child()
            break
        statuses.append(status(pid))
    else:
        stopping = True
        for thread in churners:
            thread.join()
        say(set(statuses), len(statuses))
    """
    run(patched, STORM + script).check("{0} 30")
