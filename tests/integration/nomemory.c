/* Preloaded into processes under test: has allocations fail, in one thread, on
 * demand. See osthread.c for the demand. Not for a process with a sanitizer,
 * which has an allocator of its own.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);

/* The allocation of this thread that fails, counted down; 0 for none. Not in
   memory that would have to be allocated itself. */
static __thread long to_fail __attribute__((tls_model("initial-exec")));

/* What that is at first in the next thread that this one creates. */
static __thread long inherited __attribute__((tls_model("initial-exec")));

/* How many allocations have failed, in all threads. */
static atomic_long failed;

static int
fails(void)
{
    if (to_fail > 0 && --to_fail == 0) {
        errno = ENOMEM;
        atomic_fetch_add(&failed, 1);
        return 1;
    }
    return 0;
}

void *
malloc(size_t size)
{
    return fails() ? NULL : __libc_malloc(size);
}

void *
calloc(size_t count, size_t size)
{
    return fails() ? NULL : __libc_calloc(count, size);
}

void *
realloc(void *block, size_t size)
{
    return fails() ? NULL : __libc_realloc(block, size);
}

/* Python allocates the stacks of its frames with mmap(), which has this name when it
   is compiled for large files. Mappings of the C library itself do not come here. */
void *
mmap64(void *address, size_t size, int protection, int flags, int fd,
       off64_t offset)
{
    static void *(*real)(void *, size_t, int, int, int, off64_t);
    if (fails()) {
        return MAP_FAILED;
    }
    if (real == NULL) {
        real = (void *(*)(void *, size_t, int, int, int, off64_t))dlsym(
            RTLD_NEXT, "mmap64");
    }
    return real(address, size, protection, flags, fd, offset);
}

/* Have the n-th allocation of this thread fail, counted from 1; 0 for none.
 * Return what was left to count: 0 if it has failed.
 */
long
nomemory_fail(long n)
{
    long left = to_fail;
    to_fail = n;
    return left;
}

/* Return how many allocations have failed so far, whichever thread's. */
long
nomemory_failed(void)
{
    return atomic_load(&failed);
}

/* Have the n-th allocation fail of the next thread that this one creates. */
void
nomemory_bequeath(long n)
{
    inherited = n;
}

struct heir {
    void *(*function)(void *);
    void *arg;
    long to_fail;
};

static void *
run_heir(void *arg)
{
    struct heir heir = *(struct heir *)arg;
    free(arg);
    to_fail = heir.to_fail;
    return heir.function(heir.arg);
}

int
pthread_create(pthread_t *thread, const pthread_attr_t *attr,
               void *(*function)(void *), void *arg)
{
    static int (*real)(pthread_t *, const pthread_attr_t *,
                       void *(*)(void *), void *);
    if (real == NULL) {
        real = (int (*)(pthread_t *, const pthread_attr_t *, void *(*)(void *),
                        void *))dlsym(RTLD_NEXT, "pthread_create");
    }
    struct heir *heir = NULL;
    if (inherited > 0) {
        heir = __libc_malloc(sizeof(*heir));
        if (heir == NULL) {
            abort();
        }
        *heir = (struct heir){function, arg, inherited};
        inherited = 0;
        function = run_heir;
        arg = heir;
    }
    int result = real(thread, attr, function, arg);
    if (result != 0) {
        free(heir);
    }
    return result;
}
