/* A library for the programs of the soak: fork handlers, threads that C code starts,
   and destructors of thread-local variables in C.

   Python calls it through ctypes. It calls Python through function pointers that
   ctypes makes, which take the GIL with PyGILState_Ensure(). */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>

typedef void (*function)(void);

/* The functions that are called before each fork of this process, and after it in the
   parent; NULL for none. */
static function prepare = NULL;
static function parent = NULL;

static void
call_prepare(void)
{
    if (prepare != NULL) {
        prepare();
    }
}

static void
call_parent(void)
{
    if (parent != NULL) {
        parent();
    }
}

static void
forget(void)
{
    prepare = parent = NULL;
}

static int registered = 0;

/* Call BEFORE before each fork of this process, and AFTER in the parent after it, until
   the next call of this function. NULL is no function. The child of a fork calls
   neither. Return 0, or the error of pthread_atfork(). */
int
soak_at_fork(function before, function after)
{
    if (!registered) {
        int status = pthread_atfork(call_prepare, call_parent, forget);
        if (status != 0) {
            return status;
        }
        registered = 1;
    }
    prepare = before;
    parent = after;
    return 0;
}

/* Call FUNCTION. ctypes.CDLL releases the GIL for this. */
void
soak_call(function function)
{
    function();
}

struct work {
    function body;
    function last;
};

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int key_status = 0;

static void
destroy(void *value)
{
    ((function)value)();
}

static void
make_key(void)
{
    key_status = pthread_key_create(&key, destroy);
}

static void *
run(void *arg)
{
    struct work *work = arg;
    if (work->last != NULL) {
        pthread_setspecific(key, (void *)work->last);
    }
    work->body();
    return NULL;
}

/* Start COUNT threads, and join all of them. Each calls BODY and then, unless LAST is
   NULL, LAST, in the destructor of a thread-local variable. Return the number of
   threads that were started. */
int
soak_threads(int count, function body, function last)
{
    struct work work = {body, last};
    pthread_t *threads = calloc((size_t)count, sizeof(pthread_t));
    int started = 0;
    pthread_once(&once, make_key);
    if (threads == NULL || key_status != 0) {
        free(threads);
        return 0;
    }
    while (started < count
           && pthread_create(&threads[started], NULL, run, &work) == 0)
    {
        started++;
    }
    for (int i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
    free(threads);
    return started;
}
