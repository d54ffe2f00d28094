"""A thread of a subinterpreter exits: it reads the interpreter after that is freed.

The last thing that a thread does with the GIL is to drop it. A preloaded library
holds the thread there until the subinterpreter has ended. The C library unmaps the
subinterpreter when it is freed, so that a thread that still reads it crashes. Needs a
C compiler and the GNU C library.
"""

import os
import pathlib
import signal
import subprocess
import sys
import tempfile

HOLD = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>

static __thread int armed;
static sem_t held, go;

__attribute__((constructor)) static void prepare(void)
{
    sem_init(&held, 0, 0);
    sem_init(&go, 0, 0);
}

void arm(void) { armed = 1; }
void await_held(void) { sem_wait(&held); }
void let_go(void) { sem_post(&go); }

/* On Linux, the GIL is all that Python has a mutex for. */
int pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    static int (*real)(pthread_mutex_t *);
    if (real == NULL)
        real = (int (*)(pthread_mutex_t *))dlsym(RTLD_NEXT, "pthread_mutex_unlock");
    int result = real(mutex);
    if (armed) {
        armed = 0;
        sem_post(&held);
        sem_wait(&go);
    }
    return result;
}
"""

INNER = """
import _thread, ctypes
# PyDLL: with the GIL.
_thread.start_new_thread(ctypes.PyDLL(None).arm, ())
"""

PROGRAM = f"""
import ctypes, os, sys
# The thread is to drop the GIL when it exits, not because this one asks for it.
sys.setswitchinterval(1000)
# One that may start threads.
try:
    import _interpreters as interpreters            # 3.13
    options = {{"config": "legacy"}}
except ImportError:
    import _xxsubinterpreters as interpreters
    options = {{"isolated": False}}
# The C library maps it alone where no free block is large enough: these take those.
blocks = [bytes(2000) for _ in range(2000)]
one = interpreters.create(**options)
(getattr(interpreters, "exec", None) or interpreters.run_string)(one, {INNER!r})
ctypes.CDLL(None).await_held()
interpreters.destroy(one)
ctypes.CDLL(None).let_go()
while len(os.listdir("/proc/self/task")) > 1:
    os.sched_yield()
"""

if sys.thread_info.lock == "mutex+cond":
    print("the GIL is not all that Python has a mutex for here")
    sys.exit(2)
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
    environment = {"LD_PRELOAD": str(library), "MALLOC_MMAP_THRESHOLD_": "1024"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, **environment},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
if done.returncode not in (0, -signal.SIGSEGV):
    print("the program failed:", (done.stderr.splitlines() or ["?"])[-1])
    sys.exit(2)
print("the thread crashes" if done.returncode else "the thread exits")
sys.exit(done.returncode != 0)
