/* osthread: what tests need to do to OS threads, and Python cannot.
 *
 * Above all: an OS thread that lingers. Its Python code is done and its
 * thread state is gone, but it does not exit, since one of its C thread-local
 * destructors blocks until release() is called.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <dirent.h>
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The exit status that tells that no allocation was left to fail: see
   each_allocation() of probe.py. */
#define NONE_FAILED 77

static pthread_key_t key;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* Protected by the mutex. */
static int lingering;   /* threads that have got into the destructor */
static int finished;    /* and those that have got out of it */
static int released;

static void
note_lingering(void)
{
    pthread_mutex_lock(&mutex);
    lingering++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

static void
note_finished(void)
{
    pthread_mutex_lock(&mutex);
    finished++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

/* Wait until `number`, which the mutex protects, is at least `count`. */
static void
await(const int *number, int count)
{
    pthread_mutex_lock(&mutex);
    while (*number < count) {
        pthread_cond_wait(&changed, &mutex);
    }
    pthread_mutex_unlock(&mutex);
}

static void
leave(void *Py_UNUSED(value))
{
    note_lingering();
    await(&released, 1);
    note_finished();
}

static PyObject *
linger(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    pthread_setspecific(key, &key);
    Py_RETURN_NONE;
}

static PyObject *
await_threads(const int *number, PyObject *args)
{
    int count = 1;
    if (!PyArg_ParseTuple(args, "|i", &count)) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    await(number, count);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyObject *
await_lingering(PyObject *Py_UNUSED(module), PyObject *args)
{
    return await_threads(&lingering, args);
}

static PyObject *
await_finished(PyObject *Py_UNUSED(module), PyObject *args)
{
    return await_threads(&finished, args);
}

static PyObject *
lose(PyObject *Py_UNUSED(module), PyObject *object)
{
    Py_INCREF(object);
    Py_RETURN_NONE;
}

static PyObject *
release(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    pthread_mutex_lock(&mutex);
    released = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    Py_RETURN_NONE;
}

static PyObject *
count_finished(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    pthread_mutex_lock(&mutex);
    int result = finished;
    pthread_mutex_unlock(&mutex);
    return PyLong_FromLong(result);
}

static PyObject *
thread_states(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    long count = 0;
    PyThreadState *tstate = PyInterpreterState_ThreadHead(PyInterpreterState_Get());
    for (; tstate != NULL; tstate = PyThreadState_Next(tstate)) {
        count++;
    }
    return PyLong_FromLong(count);
}

static PyObject *
unclaimed(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    int (*count)(void) = (int (*)(void))dlsym(RTLD_DEFAULT,
                                              "pthreadwatch_unclaimed");
    if (count == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "pthreadwatch is not preloaded");
        return NULL;
    }
    return PyLong_FromLong(count());
}

static PyObject *
detach(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    return PyLong_FromLong(pthread_detach(pthread_self()));
}

static PyObject *
tasks(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    long count = 0;
    DIR *directory = opendir("/proc/self/task");
    if (directory == NULL) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    for (struct dirent *entry; (entry = readdir(directory)) != NULL; ) {
        count += entry->d_name[0] != '.';
    }
    closedir(directory);
    return PyLong_FromLong(count);
}

static void
call_foreign(PyObject *function)
{
    PyObject *result = PyObject_CallNoArgs(function);
    if (result == NULL) {
        PyErr_WriteUnraisable(function);
    }
    Py_XDECREF(result);
    Py_DECREF(function);
}

static void *
run_foreign(void *function)
{
    PyGILState_STATE state = PyGILState_Ensure();
    call_foreign(function);
    PyGILState_Release(state);
    return NULL;
}

static PyObject *
start_foreign(void *(*run)(void *), PyObject *function)
{
    pthread_t thread;
    Py_INCREF(function);
    if (pthread_create(&thread, NULL, run, function) != 0) {
        Py_DECREF(function);
        PyErr_SetString(PyExc_RuntimeError, "pthread_create() failed");
        return NULL;
    }
    pthread_detach(thread);
    Py_RETURN_NONE;
}

static PyObject *
foreign(PyObject *Py_UNUSED(module), PyObject *function)
{
    return start_foreign(run_foreign, function);
}

/* Like linger(), the destructor of a C thread-local variable, but one that
 * calls back into Python. */
static pthread_key_t callback_key;

static void
call_back(void *function)
{
    run_foreign(function);
}

static PyObject *
at_thread_exit(PyObject *Py_UNUSED(module), PyObject *function)
{
    Py_INCREF(function);
    pthread_setspecific(callback_key, function);
    Py_RETURN_NONE;
}

static PyObject *
raw_fork(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    pid_t pid = fork();
    if (pid == 0) {
        PyOS_AfterFork_Child();
    }
    return PyLong_FromLong(pid);
}

static PyObject *
bare_fork(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    pid_t pid = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid == 0) {
        PyOS_AfterFork_Child();
    }
    return PyLong_FromLong(pid);
}

static PyObject *
churn_thread_states(PyObject *Py_UNUSED(module), PyObject *args)
{
    int count;
    if (!PyArg_ParseTuple(args, "i:churn_thread_states", &count)) {
        return NULL;
    }
    for (int i = 0; i < count; i++) {
        PyThreadState *tstate = PyThreadState_New(PyInterpreterState_Get());
        PyThreadState_Clear(tstate);
        PyThreadState_Delete(tstate);
    }
    Py_RETURN_NONE;
}

static PyObject *
malloced(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
#ifdef __GLIBC__
    return PyLong_FromSize_t(mallinfo2().uordblks);
#else
    PyErr_SetString(PyExc_NotImplementedError, "this C library does not count");
    return NULL;
#endif
}

/* Return a function of faults.c or nomemory.c, preloaded, or NULL with an
   exception set. */
static void *
find_fault(const char *name)
{
    void *function = dlsym(RTLD_DEFAULT, name);
    if (function == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "faults.so is not preloaded");
    }
    return function;
}

static PyObject *
fail(PyObject *Py_UNUSED(module), PyObject *arg)
{
    /* The result is made before anything can fail. */
    long n = PyLong_AsLong(arg);
    long (*function)(long) = find_fault("nomemory_fail");
    if (function == NULL || PyErr_Occurred()) {
        return NULL;
    }
    return PyBool_FromLong(function(n) > 0);
}

static PyObject *
failures(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))
{
    long (*function)(void) = find_fault("nomemory_failed");
    return function == NULL ? NULL : PyLong_FromLong(function());
}

/* Call the preloaded function with the number. */
static PyObject *
demand(const char *name, PyObject *arg)
{
    long n = PyLong_AsLong(arg);
    void (*function)(long) = find_fault(name);
    if (function == NULL || PyErr_Occurred()) {
        return NULL;
    }
    function(n);
    Py_RETURN_NONE;
}

static PyObject *
bequeath(PyObject *Py_UNUSED(module), PyObject *arg)
{
    return demand("nomemory_bequeath", arg);
}

static PyObject *
refuse_threads(PyObject *Py_UNUSED(module), PyObject *arg)
{
    return demand("faults_refuse_threads", arg);
}

static void
tell_none_failed(void)
{
    if (((long (*)(long))dlsym(RTLD_DEFAULT, "nomemory_fail"))(0) > 0) {
        _exit(NONE_FAILED);
    }
}

static PyObject *
exit_failing(PyObject *module, PyObject *arg)
{
    /* Called after finalization. Before that, while there is memory. */
    if (find_fault("nomemory_fail") == NULL || atexit(tell_none_failed) != 0) {
        return NULL;
    }
    PyObject *res = fail(module, arg);
    if (res == NULL) {
        return NULL;
    }
    Py_DECREF(res);
    Py_Exit(0);
}

/* Call the preloaded function. */
static PyObject *
request(const char *name)
{
    void (*function)(void) = find_fault(name);
    if (function == NULL) {
        return NULL;
    }
    function();
    Py_RETURN_NONE;
}

#define REQUEST(NAME)                                                   \
    static PyObject *                                                   \
    NAME(PyObject *Py_UNUSED(module), PyObject *Py_UNUSED(ignored))     \
    {                                                                   \
        return request("faults_" #NAME);                                \
    }

REQUEST(hold_lock)
REQUEST(hold_join)
REQUEST(hold_try)
REQUEST(let_go)
REQUEST(try_lets_go)

static PyObject *
jump_clock(PyObject *Py_UNUSED(module), PyObject *args)
{
    int n, ms;
    void (*function)(int, int) = find_fault("faults_jump_clock");
    if (function == NULL || !PyArg_ParseTuple(args, "ii:jump_clock", &n, &ms)) {
        return NULL;
    }
    function(n, ms);
    Py_RETURN_NONE;
}

static PyObject *
await_held(PyObject *Py_UNUSED(module), PyObject *flag)
{
    void (*function)(int) = find_fault("faults_await_held");
    if (function == NULL) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS
    function(flag == Py_True);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

/* The function of a thread that drops the GIL after its thread state is cleared
 * and before that is deleted, and lingers there: until release(), or until another
 * thread waits where hold_lock() holds it, and is released. It then does nothing
 * more with its state: without the GIL, that could collide with the end of the
 * interpreter, which does not wait for C code. */
static PyThreadState *
be_half_gone(PyObject *function)
{
    PyThreadState *tstate = PyThreadState_New(PyInterpreterState_Main());
    PyEval_RestoreThread(tstate);
    call_foreign(function);
    PyThreadState_Clear(tstate);
    return PyEval_SaveThread();
}

static void *
run_half_gone(void *function)
{
    PyThreadState *tstate = be_half_gone(function);
    note_lingering();
    await(&released, 1);
    PyThreadState_Delete(tstate);
    note_finished();
    return NULL;
}

static void (*faults_await_held)(int);

static void *
run_gone_when_held(void *function)
{
    PyThreadState *tstate = be_half_gone(function);
    note_lingering();
    faults_await_held(1);
    PyThreadState_Delete(tstate);
    note_finished();
    return NULL;
}

static PyObject *
half_gone(PyObject *Py_UNUSED(module), PyObject *function)
{
    return start_foreign(run_half_gone, function);
}

static PyObject *
gone_when_held(PyObject *Py_UNUSED(module), PyObject *function)
{
    faults_await_held = find_fault("faults_await_held");
    if (faults_await_held == NULL) {
        return NULL;
    }
    return start_foreign(run_gone_when_held, function);
}

static PyMethodDef methods[] = {
    {"linger", linger, METH_NOARGS,
     "Have this OS thread linger after its Python code, until release()."},
    {"await_lingering", await_lingering, METH_VARARGS,
     "Wait until so many threads (1) have begun to linger."},
    {"await_finished", await_finished, METH_VARARGS,
     "Wait until so many threads (1) are done with lingering."},
    {"lose", lose, METH_O,
     "Lose a reference to the object: it is never freed."},
    {"release", release, METH_NOARGS,
     "Let all threads that linger, and those that will, go."},
    {"finished", count_finished, METH_NOARGS,
     "Return how many threads are done with lingering."},
    {"thread_states", thread_states, METH_NOARGS,
     "Return how many thread states the interpreter has."},
    {"unclaimed", unclaimed, METH_NOARGS,
     "Return how many pthreads were neither joined nor detached."},
    {"detach", detach, METH_NOARGS,
     "Have C code detach this OS thread; return what that returns."},
    {"tasks", tasks, METH_NOARGS,
     "Return how many OS threads the system says the process has."},
    {"foreign", foreign, METH_O,
     "Call a function in a thread that Python did not start."},
    {"half_gone", half_gone, METH_O,
     "Like foreign(), but linger when the thread state is cleared, not deleted."},
    {"gone_when_held", gone_when_held, METH_O,
     "As half_gone(), but let a thread go that hold_lock() has, and be deleted."},
    {"at_thread_exit", at_thread_exit, METH_O,
     "Call a function when this OS thread exits, after its Python code."},
    {"raw_fork", raw_fork, METH_NOARGS,
     "Fork as C code may: tell Python in the child, and only there."},
    {"bare_fork", bare_fork, METH_NOARGS,
     "Like raw_fork(), but by the system call, so that the C library does not know."},
    {"churn_thread_states", churn_thread_states, METH_VARARGS,
     "Create and delete so many thread states."},
    {"malloced", malloced, METH_NOARGS,
     "Return how many bytes of malloc() are in use."},
    {"fail", fail, METH_O,
     "Have the n-th allocation of this thread fail, 0 for none; return whether "
     "the one before is still to come. Needs nomemory.c."},
    {"failures", failures, METH_NOARGS,
     "Return how many allocations have failed, in all threads. Needs nomemory.c."},
    {"bequeath", bequeath, METH_O,
     "Have the n-th allocation fail of the next thread that this one creates. "
     "Needs nomemory.c."},
    {"refuse_threads", refuse_threads, METH_O,
     "Have each n-th pthread_create() fail, 0 for none. Needs faults.c."},
    {"exit_failing", exit_failing, METH_O,
     "Exit with status 0, having the n-th allocation fail; or with 77, if there "
     "are not that many. Needs nomemory.c."},
    {"hold_lock", hold_lock, METH_NOARGS,
     "Have this thread wait when it makes its next lock. Needs faults.c."},
    {"hold_join", hold_join, METH_NOARGS,
     "Have this thread wait when it has joined its next pthread. Needs faults.c."},
    {"hold_try", hold_try, METH_NOARGS,
     "Have this thread wait when it has tried its next lock. Needs faults.c."},
    {"let_go", let_go, METH_NOARGS,
     "Let the thread that waits there go, if there is one. Needs faults.c."},
    {"try_lets_go", try_lets_go, METH_NOARGS,
     "Have this thread do so when it tries a lock in vain. Needs faults.c."},
    {"jump_clock", jump_clock, METH_VARARGS,
     "Have the clock jump by so many milliseconds (2) for this thread when it asks\n"
     "for the time for the n-th time (1). Needs faults.c."},
    {"await_held", await_held, METH_O,
     "Wait until a thread waits there; if true, release it. Needs faults.c."},
    {NULL, NULL, 0, NULL}
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "osthread",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit_osthread(void)
{
    static int have_key = 0;
    if (!have_key) {
        if (pthread_key_create(&key, leave) != 0
            || pthread_key_create(&callback_key, call_back) != 0)
        {
            PyErr_SetString(PyExc_RuntimeError, "pthread_key_create() failed");
            return NULL;
        }
        have_key = 1;
    }
    return PyModuleDef_Init(&definition);
}
