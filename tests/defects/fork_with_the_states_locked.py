"""A process forks while another thread makes its thread state: a hang, or a crash.

A thread that Python did not start makes its state without the GIL. A preloaded
library holds it where it has the lock of the list, until the process has forked, or
for two seconds: in 3.11, when the state is in the list and half filled in, and in
other versions, when it is about to release the lock. The child of os.fork() may hang.
C code may fork without telling Python: its child may get half a thread state, and
reads the list. Needs Linux and a C compiler.
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

/* In 3.11, the state gets the number that the system has for the thread. */
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

/* The lock, which is a semaphore, is released. */
int sem_post(sem_t *semaphore)
{
    static int (*real)(sem_t *);
    if (real == NULL)
        real = (int (*)(sem_t *))dlsym(RTLD_NEXT, "sem_post");
    if (armed)
        hold();
    return real(semaphore);
}
"""

PROGRAM = """
import ctypes, faulthandler, os, signal, sys, threading

def fork():
    # PyDLL: with the GIL.
    return os.fork() if sys.argv[1] == "python" else ctypes.PyDLL(None).fork()

preloaded = ctypes.CDLL(None)
called = ctypes.CFUNCTYPE(None)(lambda: None)
preloaded.start(called)
preloaded.await_held()
pid = fork()
if pid == 0:
    with open(os.devnull, "w") as null:
        faulthandler.dump_traceback(null)
    os._exit(0)
preloaded.let_go()
# It may hang inside os.fork(), and cannot watch itself.
watchdog = threading.Timer(10, os.kill, (pid, signal.SIGKILL))
watchdog.start()
status = os.waitpid(pid, 0)[1]
watchdog.cancel()
print("lives" if status == 0 else
      "hangs" if os.WTERMSIG(status) == signal.SIGKILL else "crashes")
sys.stdout.flush()
os._exit(0)
"""

ended = {}
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
    for how in ("python", "C"):
        try:
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM, how],
                env={**os.environ, "LD_PRELOAD": str(library)},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        except subprocess.TimeoutExpired:
            print("this Python does not ask for the number of a thread there")
            sys.exit(2)
        if done.returncode or not done.stdout:
            print("the program failed:", (done.stderr.splitlines() or ["?"])[-1])
            sys.exit(2)
        ended[how] = done.stdout.strip()
print(f"the child {ended['python']}; that of a fork by C code {ended['C']}")
sys.exit(set(ended.values()) != {"lives"})
