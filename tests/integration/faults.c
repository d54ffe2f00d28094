/* A library to preload into processes under test: it makes calls of the C library
 * about threads fail or wait, on demand. osthread.c has the functions that demand
 * it, and nomemory.c is for allocations.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stddef.h>
#include <time.h>

/* Every n-th creation of a thread fails; 0 for none. */
static atomic_long refused;
static atomic_long creations;

/* Does this thread have to wait when it makes its next lock, when it has joined its
   next thread, or when it has tried its next lock without blocking? */
static __thread int hold_lock __attribute__((tls_model("initial-exec")));
static __thread int hold_join __attribute__((tls_model("initial-exec")));
static __thread int hold_try __attribute__((tls_model("initial-exec")));

/* Does this thread release the held thread when it fails to take a lock? */
static __thread int try_lets_go __attribute__((tls_model("initial-exec")));

/* After how many calls the clock of this thread jumps, counted down; by how many
   milliseconds; and how many milliseconds it is ahead. */
static __thread int until_jump __attribute__((tls_model("initial-exec")));
static __thread int jump __attribute__((tls_model("initial-exec")));
static __thread int ahead __attribute__((tls_model("initial-exec")));

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* Protected by the mutex. */
static int held;        /* threads that wait */

/* Have each n-th creation of a thread fail from now on; 0 for none. */
void
faults_refuse_threads(long n)
{
    atomic_store(&creations, 0);
    atomic_store(&refused, n);
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
    return real(thread, attr, function, arg);
}

/* Have the clock jump by `ms` milliseconds for this thread when it asks for the
 * time for the n-th time, and stay ahead. */
void
faults_jump_clock(int n, int ms)
{
    until_jump = n;
    ahead = 0;
    jump = ms;
}

int
clock_gettime(clockid_t clock, struct timespec *time)
{
    static int (*real)(clockid_t, struct timespec *);
    if (real == NULL) {
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT,
                                                            "clock_gettime");
    }
    int result = real(clock, time);
    if (clock == CLOCK_MONOTONIC) {
        if (until_jump > 0 && --until_jump == 0) {
            ahead = jump;
        }
        long ns = time->tv_nsec + ahead % 1000 * 1000000L;
        time->tv_sec += ahead / 1000 + ns / 1000000000;
        time->tv_nsec = ns % 1000000000;
    }
    return result;
}

/* Have this thread wait in the next sem_init(), which makes a lock. */
void
faults_hold_lock(void)
{
    hold_lock = 1;
}

/* Have this thread wait when it has joined its next pthread, before any other
   thread can see that. */
void
faults_hold_join(void)
{
    hold_join = 1;
}

/* Have this thread wait when it has tried its next lock, with sem_trywait(). */
void
faults_hold_try(void)
{
    hold_try = 1;
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

/* Wait until a thread is held there, and release it if `let_go` is true. */
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

/* Release the thread that is held there, if there is one. */
void
faults_let_go(void)
{
    pthread_mutex_lock(&mutex);
    held = 0;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
}

/* Have this thread do so when sem_trywait() has failed, before it waits for the
   lock. */
void
faults_try_lets_go(void)
{
    try_lets_go = 1;
}

int
sem_init(sem_t *semaphore, int shared, unsigned value)
{
    static int (*real)(sem_t *, int, unsigned);
    if (hold_lock) {
        hold_lock = 0;
        wait_held();
        /* The thread that released this one goes on first. The time decides which
           bugs are found, and not whether there are any. */
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    if (real == NULL) {
        real = (int (*)(sem_t *, int, unsigned))dlsym(RTLD_NEXT, "sem_init");
    }
    return real(semaphore, shared, value);
}

int
sem_trywait(sem_t *semaphore)
{
    static int (*real)(sem_t *);
    if (real == NULL) {
        real = (int (*)(sem_t *))dlsym(RTLD_NEXT, "sem_trywait");
    }
    int result = real(semaphore);
    if (hold_try) {
        int error = errno;
        hold_try = 0;
        wait_held();
        errno = error;
    }
    if (result != 0 && try_lets_go) {
        int error = errno;
        try_lets_go = 0;
        faults_let_go();
        errno = error;
    }
    return result;
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
    return joined(real(thread, value));
}

int
pthread_tryjoin_np(pthread_t thread, void **value)
{
    static int (*real)(pthread_t, void **);
    if (real == NULL) {
        real = (int (*)(pthread_t, void **))dlsym(RTLD_NEXT, "pthread_tryjoin_np");
    }
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
    return joined(real(thread, value, clock, deadline));
}

/* Builds with ThreadSanitizer have this one: see scripts/threadjoin/building/tsan.h. */
int
pthread_timedjoin_np(pthread_t thread, void **value,
                     const struct timespec *deadline)
{
    static int (*real)(pthread_t, void **, const struct timespec *);
    if (real == NULL) {
        real = (int (*)(pthread_t, void **, const struct timespec *))dlsym(
            RTLD_NEXT, "pthread_timedjoin_np");
    }
    return joined(real(thread, value, deadline));
}
