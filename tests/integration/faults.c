/* Preloaded into processes under test: has calls into the C library fail or
 * take their time, in one thread, on demand. See osthread.c for the demand.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

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

/* Each creation of a thread that this divides fails; 0 for none. */
static atomic_long refused;
static atomic_long creations;

/* Has this thread to wait in the next lock that it makes, when it has joined the
   next thread, or when it has opened the next lock? */
static __thread int hold_lock __attribute__((tls_model("initial-exec")));
static __thread int hold_join __attribute__((tls_model("initial-exec")));
static __thread int hold_opener __attribute__((tls_model("initial-exec")));

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* Protected by the mutex. */
static int held;        /* threads that wait */
static int claims;      /* times that a join or a detachment has begun */

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

/* What Python has the stacks of its own frames from; under this name, as it is
   compiled for large files. The C library's own mappings do not come here. */
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
faults_fail(long n)
{
    long left = to_fail;
    to_fail = n;
    return left;
}

/* Return how many allocations have failed so far, whichever thread's. */
long
faults_failed(void)
{
    return atomic_load(&failed);
}

/* Have the n-th allocation fail of the next thread that this one creates. */
void
faults_bequeath(long n)
{
    inherited = n;
}

/* Have each n-th creation of a thread fail from now on; 0 for none. */
void
faults_refuse_threads(long n)
{
    atomic_store(&creations, 0);
    atomic_store(&refused, n);
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
    long n = atomic_load(&refused);
    if (n > 0 && (atomic_fetch_add(&creations, 1) + 1) % n == 0) {
        return EAGAIN;
    }
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

/* Have this thread wait in the next sem_init(), which makes a lock. */
void
faults_hold_lock(void)
{
    hold_lock = 1;
}

/* Have this thread wait when it has joined its next pthread, which is gone
   then, before it can tell anybody. */
void
faults_hold_join(void)
{
    hold_join = 1;
}

/* Have this thread wait when it has opened its next lock, with sem_post(), until
   a thread of the process is about to be joined or detached. */
void
faults_hold_opener(void)
{
    hold_opener = 1;
}

static void
wait_held(void)
{
    pthread_mutex_lock(&mutex);
    held = 1;
    pthread_cond_broadcast(&changed);
    while (held) {
        pthread_cond_wait(&changed, &mutex);
    }
    pthread_mutex_unlock(&mutex);
}

/* Wait until a thread waits there, and let it go if `let_go` is true. */
void
faults_await_held(int let_go)
{
    pthread_mutex_lock(&mutex);
    while (!held) {
        pthread_cond_wait(&changed, &mutex);
    }
    if (let_go) {
        held = 0;
        pthread_cond_broadcast(&changed);
    }
    pthread_mutex_unlock(&mutex);
}

int
sem_init(sem_t *semaphore, int shared, unsigned value)
{
    static int (*real)(sem_t *, int, unsigned);
    if (hold_lock) {
        hold_lock = 0;
        wait_held();
        /* What follows the call that let it go comes first. How long this is
           decides which bugs are found, not whether there are any. */
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    if (real == NULL) {
        real = (int (*)(sem_t *, int, unsigned))dlsym(RTLD_NEXT, "sem_init");
    }
    return real(semaphore, shared, value);
}

int
sem_post(sem_t *semaphore)
{
    static int (*real)(sem_t *);
    int hold = hold_opener;
    hold_opener = 0;
    if (real == NULL) {
        real = (int (*)(sem_t *))dlsym(RTLD_NEXT, "sem_post");
    }
    if (!hold) {
        return real(semaphore);
    }
    pthread_mutex_lock(&mutex);
    int before = claims;
    int result = real(semaphore);
    while (claims == before) {
        pthread_cond_wait(&changed, &mutex);
    }
    pthread_mutex_unlock(&mutex);
    return result;
}

static void
note_claim(void)
{
    pthread_mutex_lock(&mutex);
    claims++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

int
pthread_detach(pthread_t thread)
{
    static int (*real)(pthread_t);
    if (real == NULL) {
        real = (int (*)(pthread_t))dlsym(RTLD_NEXT, "pthread_detach");
    }
    note_claim();
    return real(thread);
}

static int
joined(int result)
{
    if (result == 0 && hold_join) {
        hold_join = 0;
        wait_held();
    }
    return result;
}

int
pthread_join(pthread_t thread, void **value)
{
    static int (*real)(pthread_t, void **);
    if (real == NULL) {
        real = (int (*)(pthread_t, void **))dlsym(RTLD_NEXT, "pthread_join");
    }
    note_claim();
    return joined(real(thread, value));
}

int
pthread_clockjoin_np(pthread_t thread, void **value, clockid_t clock,
                     const struct timespec *deadline)
{
    static int (*real)(pthread_t, void **, clockid_t,
                       const struct timespec *);
    if (real == NULL) {
        real = (int (*)(pthread_t, void **, clockid_t,
                        const struct timespec *))dlsym(
            RTLD_NEXT, "pthread_clockjoin_np");
    }
    note_claim();
    return joined(real(thread, value, clock, deadline));
}
