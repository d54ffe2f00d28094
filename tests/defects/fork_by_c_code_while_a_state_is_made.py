"""C code forks while another thread makes its thread state: the child gets half of it.

A thread that Python did not start makes its state without the GIL. A library that
is preloaded holds it there, when the state is in the list and half filled in, until
the process has forked, or for two seconds. C code may fork without a word to
Python; the child then looks at its threads. Needs Linux and a C compiler.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

HOLD = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <sys/syscall.h>
#include <time.h>

static __thread int armed;
static sem_t held, go;

__attribute__((constructor)) static void prepare(void)
{
    sem_init(&held, 0, 0);
    sem_init(&go, 0, 0);
}

/* Calls Python, as a callback of a library does. */
static void *call_back(void *function)
{
    armed = 1;
    ((void (*)(void))function)();
    return NULL;
}

void start(void *function)
{
    pthread_t thread;
    pthread_create(&thread, NULL, call_back, function);
}

void await_held(void) { sem_wait(&held); }
void let_go(void) { sem_post(&go); }

static void hold(void)
{
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 2;
    armed = 0;
    sem_post(&held);
    sem_timedwait(&go, &end);
}

/* The state gets the number that the system has for the thread. */
long syscall(long number, ...)
{
    static long (*real)(long, ...);
    long a[6];
    va_list list;
    va_start(list, number);
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(list, long);
    va_end(list);
    if (real == NULL)
        real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    if (number == SYS_gettid && armed)
        hold();
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
"""

PROGRAM = """
import ctypes, faulthandler, os, signal

preloaded = ctypes.CDLL(None)
called = ctypes.CFUNCTYPE(None)(lambda: None)
preloaded.start(called)
preloaded.await_held()
pid = ctypes.PyDLL(None).fork()         # PyDLL: with the GIL
if pid == 0:
    signal.alarm(20)
    with open(os.devnull, "w") as null:
        faulthandler.dump_traceback(null)
    os._exit(0)
preloaded.let_go()
os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != 0)
"""

with tempfile.TemporaryDirectory() as directory:
    library = pathlib.Path(directory, "hold.so")
    try:
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-o", library, "-x", "c", "-", "-ldl"],
            input=HOLD,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as exc:
        print("there is no C compiler that works:", exc)
        sys.exit(2)
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "LD_PRELOAD": str(library)},
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    except subprocess.TimeoutExpired:
        print("this Python does not ask for the number of a thread there")
        sys.exit(2)
if done.returncode not in (0, 1):
    print("the program failed:", (done.stderr.splitlines() or ["?"])[-1])
    sys.exit(2)
print("the child crashes" if done.returncode else "the child lives")
sys.exit(done.returncode)
