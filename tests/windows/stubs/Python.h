/* The parts of Python.h that Python/thread_nt.h, condvar.h, event.c and osthread.c
 * use, for harness.c, which has no interpreter.
 */
#ifndef STUB_PYTHON_H
#define STUB_PYTHON_H

#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <assert.h>
#include <errno.h>
#include <process.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PyAPI_FUNC(type) extern type
#define _Py_NO_RETURN __attribute__((noreturn))
#define Py_MIN(x, y) ((x) < (y) ? (x) : (y))
#define PY_SSIZE_T_MAX INTPTR_MAX
#define Py_LOCAL_INLINE(type) static inline type
#define Py_SAFE_DOWNCAST(value, wide, narrow) ((narrow)(value))

typedef intptr_t Py_ssize_t;
typedef struct stub_type PyTypeObject;

#define PyMem_RawMalloc malloc
#define PyMem_RawCalloc calloc
#define PyMem_RawFree free

/* Time, in nanoseconds */

typedef int64_t _PyTime_t;
typedef enum { _PyTime_ROUND_CEILING, _PyTime_ROUND_TIMEOUT } _PyTime_round_t;

#define _PyTime_FromNanoseconds(ns) (ns)
#define _PyTime_Add(x, y) ((x) + (y))

static inline _PyTime_t
_PyTime_AsMicroseconds(_PyTime_t ns, _PyTime_round_t round)
{
    (void)round;
    return ns / 1000 + (ns % 1000 > 0);
}

static inline _PyTime_t
_PyTime_GetPerfCounter(void)
{
    LARGE_INTEGER frequency, now;
    QueryPerformanceFrequency(&frequency);
    QueryPerformanceCounter(&now);
    return (_PyTime_t)((double)now.QuadPart / frequency.QuadPart * 1e9);
}

/* Threads */

typedef long long PY_TIMEOUT_T;
#define PY_TIMEOUT_MAX (0xFFFFFFFELL * 1000)

typedef void *PyThread_type_lock;
typedef enum { PY_LOCK_FAILURE, PY_LOCK_ACQUIRED, PY_LOCK_INTR } PyLockStatus;
typedef struct { int _is_initialized; DWORD _key; } Py_tss_t;

#define WAIT_LOCK 1
#define NOWAIT_LOCK 0
#define PYTHREAD_INVALID_THREAD_ID ((unsigned long)-1)
#define PY_HAVE_THREAD_NATIVE_ID

extern PyThread_type_lock PyThread_allocate_lock(void);
extern void PyThread_free_lock(PyThread_type_lock);
extern int PyThread_acquire_lock(PyThread_type_lock, int);
extern PyLockStatus PyThread_acquire_lock_timed(PyThread_type_lock,
                                                PY_TIMEOUT_T, int);
extern void PyThread_release_lock(PyThread_type_lock);
extern void PyThread_init_thread(void);
extern int PyThread_tss_is_created(Py_tss_t *key);

/* There is no interpreter, and so no GIL. */

typedef struct { struct { size_t stacksize; } threads; } PyInterpreterState;
typedef struct { PyInterpreterState *interp; } PyThreadState;

static PyInterpreterState stub_interpreter;

#define _PyInterpreterState_GET() (&stub_interpreter)
#define _PyThreadState_GET() ((PyThreadState *)NULL)
#define PyEval_SaveThread() ((PyThreadState *)NULL)
#define PyEval_RestoreThread(tstate) ((void)(tstate))

#endif
