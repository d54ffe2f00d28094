/* forkhooks: fork handlers in C, and C code that works with thread states. */
#define Py_BUILD_CORE_MODULE 1
#include <Python.h>
#include "internal/pycore_interp.h"
#include "internal/pycore_pystate.h"
#include "internal/pycore_runtime.h"
#include <pthread.h>
#include <unistd.h>

/* Called before a fork, after it in the parent, and after it in the child; None
 * for no handler. */
static PyObject *handlers[3];

static void
call(int i)
{
    if (handlers[i] == Py_None) {
        return;
    }
    PyGILState_STATE state = PyGILState_Ensure();
    PyObject *result = PyObject_CallNoArgs(handlers[i]);
    if (result == NULL) {
        PyErr_WriteUnraisable(handlers[i]);
    }
    Py_XDECREF(result);
    PyGILState_Release(state);
}

static void
before(void)
{
    call(0);
}

static void
parent(void)
{
    call(1);
}

static void
child(void)
{
    call(2);
}

static PyObject *
atfork(PyObject *Py_UNUSED(module), PyObject *args)
{
    if (!PyArg_ParseTuple(args, "OOO:atfork", &handlers[0], &handlers[1],
                          &handlers[2])) {
        return NULL;
    }
    for (int i = 0; i < 3; i++) {
        Py_INCREF(handlers[i]);
    }
    int error = pthread_atfork(before, parent, child);
    return PyLong_FromLong(error);
}

/* Acquire and release the lock of the lists of thread states, by the macros of the
 * header, which 3.12 has and extensions use.
 */
static PyObject *
lock_states(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(args))
{
#ifdef HEAD_LOCK
    HEAD_LOCK(&_PyRuntime);
    HEAD_UNLOCK(&_PyRuntime);
#endif
    Py_RETURN_NONE;
}

/* Fork by the C library alone, with the GIL, once another thread has asked for
 * it. */
static PyObject *
fork_when_asked(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    _Py_atomic_int *asked = &PyInterpreterState_Get()->ceval.gil_drop_request;
    while (!_Py_atomic_load_relaxed(asked)) {
        usleep(1000);
    }
    return PyLong_FromLong(fork());
}

/* Hold the lock of the lists of interpreters and thread states for so many
 * milliseconds from now on, as a thread does that is not scheduled. */
static void *
let_lists_go(void *ms)
{
    usleep((useconds_t)(uintptr_t)ms * 1000);
    PyThread_release_lock(_PyRuntime.interpreters.mutex);
    return NULL;
}

static PyObject *
hold_lists(PyObject *Py_UNUSED(module), PyObject *arg)
{
    pthread_t thread;
    long ms = PyLong_AsLong(arg);
    PyThread_acquire_lock(_PyRuntime.interpreters.mutex, WAIT_LOCK);
    if (pthread_create(&thread, NULL, let_lists_go, (void *)ms) != 0) {
        abort();
    }
    pthread_detach(thread);
    Py_RETURN_NONE;
}

static PyObject *
clear(PyObject *Py_UNUSED(module), PyObject *arg)
{
    unsigned long ident = PyLong_AsUnsignedLong(arg);
    PyThreadState *tstate = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    while (tstate != NULL && tstate->thread_id != ident) {
        tstate = PyThreadState_Next(tstate);
    }
    if (tstate == NULL) {
        PyErr_SetString(PyExc_LookupError, "no such thread");
        return NULL;
    }
    PyThreadState_Clear(tstate);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"atfork", atfork, METH_VARARGS, NULL},
    {"lock_states", lock_states, METH_NOARGS, NULL},
    {"fork_when_asked", fork_when_asked, METH_NOARGS, NULL},
    {"hold_lists", hold_lists, METH_O, NULL},
    {"clear", clear, METH_O, NULL},
    {NULL, NULL, 0, NULL}
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "forkhooks", NULL, -1, methods,
};

PyMODINIT_FUNC
PyInit_forkhooks(void)
{
    return PyModule_Create(&definition);
}
