/* Test joinable threads and events on Windows, without an interpreter.
 *
 * This program includes the files under test: thread_nt.h, thread_nt_join.h,
 * condvar.h, event.c and osthread.c. They call the functions of Windows through
 * functions in this file, which count the calls, and fail on demand.
 */
#include "Python.h"

/* The number of open handles of threads, and of failed calls of CloseHandle(). */
static volatile LONG handles, mistakes;

static int refuse_threads;      /* _beginthreadex() fails */
static DWORD asked_ms;          /* the timeout of the last wait, in ms */
static int never_wait;          /* each wait for a thread times out at once */

static uintptr_t
counted_beginthreadex(void *security, unsigned size,
                      unsigned (__stdcall *function)(void *), void *arg,
                      unsigned flags, unsigned *id)
{
    if (refuse_threads) {
        errno = EAGAIN;
        return 0;
    }
    InterlockedIncrement(&handles);
    return _beginthreadex(security, size, function, arg, flags, id);
}

static BOOL
counted_CloseHandle(HANDLE handle)
{
    BOOL closed = CloseHandle(handle);
    InterlockedDecrement(&handles);
    if (!closed) {
        InterlockedIncrement(&mistakes);
    }
    return closed;
}

static DWORD
counted_WaitForSingleObject(HANDLE handle, DWORD milliseconds)
{
    asked_ms = milliseconds;
    return never_wait ? WAIT_TIMEOUT
                      : WaitForSingleObject(handle, milliseconds);
}

/* condvar.h waits for its own semaphores, which are not counted, so it comes
   first. */
#include "condvar.h"

#define _beginthreadex counted_beginthreadex
#define CloseHandle counted_CloseHandle
#define WaitForSingleObject counted_WaitForSingleObject
/* As in debug builds, so that the compiler checks the formats. */
#define dprintf(args) (void)(thread_debug && printf args)
static int thread_debug, initialized;
#include "thread_nt.h"
#undef _beginthreadex
#undef CloseHandle
#undef WaitForSingleObject

#include "event.c"
#include "osthread.c"

void
PyThread_init_thread(void)
{
    initialized = 1;
    PyThread__init_thread();
}

int
PyThread_tss_is_created(Py_tss_t *key)
{
    return key->_is_initialized;
}

/* There is no fork() on Windows. */
unsigned long
_PyThreadState_ForkGeneration(void)
{
    return 0;
}

/* End this process. ExitProcess() could hang: it first ends the other threads,
 * and then waits for locks that one of these may have held. */
static void
leave(UINT status)
{
    fflush(stdout);
    TerminateProcess(GetCurrentProcess(), status);
}

#define CHECK(condition) \
    do { \
        if (!(condition)) { \
            printf("line %d: not so: %s\n", __LINE__, #condition); \
            leave(1); \
        } \
    } while (0)

/* A thread that blocks until its gate is released. */
struct blocked {
    PyThread_type_lock gate;
    PyThread_ident_t ident;
    PyThread_handle_t handle;
    volatile LONG gone;
};

static void
block(void *arg)
{
    struct blocked *blocked = arg;
    PyThread_acquire_lock(blocked->gate, WAIT_LOCK);
    PyThread_release_lock(blocked->gate);
    InterlockedExchange(&blocked->gone, 1);
}

static void
start_blocked(struct blocked *blocked)
{
    blocked->gone = 0;
    blocked->gate = PyThread_allocate_lock();
    CHECK(blocked->gate != NULL);
    PyThread_acquire_lock(blocked->gate, WAIT_LOCK);
    CHECK(PyThread_start_joinable_thread(block, blocked, &blocked->ident,
                                         &blocked->handle) == 0);
}

static volatile LONG counter;

static void
count(void *arg)
{
    (void)arg;
    InterlockedIncrement(&counter);
}

static int rounds;

static void
test_many_threads(void)
{
    enum { AT_ONCE = 100 };
    for (int round = 0; round < rounds; round++) {
        PyThread_ident_t idents[AT_ONCE];
        PyThread_handle_t threads[AT_ONCE];
        for (int i = 0; i < AT_ONCE; i++) {
            CHECK(PyThread_start_joinable_thread(count, NULL, &idents[i],
                                                 &threads[i]) == 0);
            CHECK(idents[i] != PyThread_get_thread_ident());
        }
        for (int i = 0; i < AT_ONCE; i++) {
            /* Every other join has a timeout. */
            CHECK((i % 2 ? PyThread_join_thread(threads[i])
                         : _PyThread_join_thread_timed(threads[i], 60000000LL))
                  == 0);
        }
        CHECK(counter == (round + 1) * AT_ONCE);
        CHECK(handles == 0);
    }
}

static void
test_timeouts(void)
{
    struct blocked blocked;
    start_blocked(&blocked);
    CHECK(_PyThread_join_thread_timed(blocked.handle, 0) == 1);
    CHECK(asked_ms == 0);
    CHECK(_PyThread_join_thread_timed(blocked.handle, 20000) == 1);
    CHECK(asked_ms == 20);
    /* No wait is shorter than its timeout, and no timeout becomes INFINITE. */
    CHECK(_PyThread_join_thread_timed(blocked.handle, 1) == 1);
    CHECK(asked_ms == 1);
    CHECK(_PyThread_join_thread_timed(blocked.handle, 1001) == 1);
    CHECK(asked_ms == 2);
    never_wait = 1;
    CHECK(_PyThread_join_thread_timed(blocked.handle, PY_TIMEOUT_MAX) == 1);
    CHECK(asked_ms == 0x7fffffff);
    never_wait = 0;
    CHECK(handles == 1);
    CHECK(!blocked.gone);
    PyThread_release_lock(blocked.gate);
    CHECK(PyThread_join_thread(blocked.handle) == 0);
    CHECK(asked_ms == INFINITE);
    CHECK(blocked.gone);
    CHECK(handles == 0);
    PyThread_free_lock(blocked.gate);
}

static void
test_detach(void)
{
    struct blocked blocked;
    start_blocked(&blocked);
    CHECK(PyThread_detach_thread(blocked.handle) == 0);
    CHECK(handles == 0);
    PyThread_release_lock(blocked.gate);
    while (!blocked.gone) {
        SwitchToThread();
    }
    /* A thread that was not started as joinable. */
    LONG before = counter;
    CHECK(PyThread_start_new_thread(count, NULL)
          != PYTHREAD_INVALID_THREAD_ID);
    CHECK(handles == 0);
    while (counter == before) {
        SwitchToThread();
    }
}

static void
test_cannot_start(void)
{
    PyThread_ident_t ident = 7;
    PyThread_handle_t handle = 7;
    refuse_threads = 1;
    CHECK(PyThread_start_joinable_thread(count, NULL, &ident, &handle) == -1);
    CHECK(PyThread_start_new_thread(count, NULL)
          == PYTHREAD_INVALID_THREAD_ID);
    refuse_threads = 0;
    CHECK(ident == 7 && handle == 7);
    CHECK(handles == 0);
}

/* Several threads join one thread, as _ThreadHandle does. */
struct joined {
    PyEvent done;
    PyThread_type_lock os_lock;
    PyThread_handle_t handle;
    int has_handle;
    volatile LONG joiners, joins;
};

static void
be_done(void *arg)
{
    struct joined *joined = arg;
    while (joined->joiners < 8) {
        SwitchToThread();
    }
    _PyEvent_Notify(&joined->done);
}

static void
join(void *arg)
{
    struct joined *joined = arg;
    CHECK(PyEvent_WaitTimed(&joined->done, 1000, 0) == 0);
    InterlockedIncrement(&joined->joiners);
    CHECK(PyEvent_WaitTimed(&joined->done, -1, 0) == 1);
    PyThread_acquire_lock(joined->os_lock, WAIT_LOCK);
    if (joined->has_handle) {
        joined->has_handle = 0;
        CHECK(PyThread_join_thread(joined->handle) == 0);
        InterlockedIncrement(&joined->joins);
    }
    PyThread_release_lock(joined->os_lock);
}

static void
test_several_joiners(void)
{
    for (int round = 0; round < 50; round++) {
        struct joined joined = {.has_handle = 1};
        PyThread_ident_t ident;
        PyThread_handle_t joiners[8];
        joined.os_lock = PyThread_allocate_lock();
        CHECK(joined.os_lock != NULL);
        CHECK(PyThread_start_joinable_thread(be_done, &joined, &ident,
                                             &joined.handle) == 0);
        for (int i = 0; i < 8; i++) {
            CHECK(PyThread_start_joinable_thread(join, &joined, &ident,
                                                 &joiners[i]) == 0);
        }
        for (int i = 0; i < 8; i++) {
            CHECK(PyThread_join_thread(joiners[i]) == 0);
        }
        CHECK(joined.joins == 1);
        CHECK(handles == 0);
        _PyEvent_Fini(&joined.done);
        PyThread_free_lock(joined.os_lock);
    }
}

/* Run the tests. The argument is how often 100 threads are started and joined. */
int
main(int argc, char **argv)
{
    static const struct { const char *name; void (*function)(void); } tests[] = {
        {"many threads", test_many_threads},
        {"timeouts", test_timeouts},
        {"detach", test_detach},
        {"cannot start", test_cannot_start},
        {"several joiners", test_several_joiners},
    };
    DWORD before, after;
    CHECK(argc == 2);
    rounds = atoi(argv[1]);
    PyThread_init_thread();
    CHECK(THREAD_SET_STACKSIZE(0) == 0);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        tests[i].function();
        printf("%s\n", tests[i].name);
        fflush(stdout);
        if (i == 0) {
            CHECK(GetProcessHandleCount(GetCurrentProcess(), &before));
        }
    }
    CHECK(mistakes == 0);
    CHECK(GetProcessHandleCount(GetCurrentProcess(), &after));
    CHECK(after <= before + 10);
    leave(0);
    return 1;
}
