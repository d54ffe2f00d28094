/* Preloaded into the processes under test: stops those that misuse a pthread.
 *
 * POSIX leaves undefined what happens when a thread is joined or detached
 * twice, joined by two threads at once, or joined in a process that it does
 * not run in. The C library mostly lets such mistakes pass, or crashes much
 * later. Here they end the process with a message.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_THREADS 65536

enum state { FREE, JOINABLE, JOINING, CLAIMED };

struct entry {
    pthread_t thread;
    pid_t process;
    enum state state;
};

static struct entry table[MAX_THREADS];
static int used;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static int (*real_create)(pthread_t *, const pthread_attr_t *,
                          void *(*)(void *), void *);
static int (*real_detach)(pthread_t);
static int (*real_join)(pthread_t, void **);
static int (*real_tryjoin)(pthread_t, void **);
static int (*real_timedjoin)(pthread_t, void **, const struct timespec *);
static int (*real_clockjoin)(pthread_t, void **, clockid_t,
                             const struct timespec *);

/* Return the entry of the thread, or NULL. */
static struct entry *
find(pthread_t thread)
{
    for (int i = 0; i < used; i++) {
        if (table[i].state != FREE && pthread_equal(table[i].thread, thread)) {
            return &table[i];
        }
    }
    return NULL;
}

static void
complain(const char *what, const char *why)
{
    fprintf(stderr, "pthreadwatch: %s of %s\n", what, why);
    abort();
}

/* Return the entry of a thread that may be joined or detached now. */
static struct entry *
find_joinable(pthread_t thread, const char *what)
{
    struct entry *entry = find(thread);
    if (entry == NULL) {
        complain(what, "a thread that does not exist");
    }
    if (entry->process != getpid()) {
        complain(what, "a thread of another process");
    }
    if (entry->state == JOINING) {
        complain(what, "a thread that is being joined");
    }
    if (entry->state == CLAIMED) {
        complain(what, "a thread that was joined or detached before");
    }
    return entry;
}

static void
before_join(pthread_t thread)
{
    pthread_mutex_lock(&mutex);
    find_joinable(thread, "join")->state = JOINING;
    pthread_mutex_unlock(&mutex);
}

static int
after_join(pthread_t thread, int result)
{
    pthread_mutex_lock(&mutex);
    struct entry *entry = find(thread);
    /* After a success the C library may have given the name to another. */
    if (entry != NULL && entry->state == JOINING) {
        entry->state = result == 0 ? FREE : JOINABLE;
    }
    pthread_mutex_unlock(&mutex);
    return result;
}

int
pthread_create(pthread_t *thread, const pthread_attr_t *attr,
               void *(*function)(void *), void *arg)
{
    int state = PTHREAD_CREATE_JOINABLE;
    if (attr != NULL) {
        pthread_attr_getdetachstate(attr, &state);
    }
    /* The thread itself has to wait before it may detach itself. */
    pthread_mutex_lock(&mutex);
    int result = real_create(thread, attr, function, arg);
    if (result == 0) {
        struct entry *entry = find(*thread);
        for (int i = 0; entry == NULL && i < MAX_THREADS; i++) {
            if (table[i].state == FREE) {
                entry = &table[i];
                used = i < used ? used : i + 1;
            }
        }
        if (entry == NULL) {
            complain("creation", "too many threads");
        }
        entry->thread = *thread;
        entry->process = getpid();
        entry->state = state == PTHREAD_CREATE_JOINABLE ? JOINABLE : CLAIMED;
    }
    pthread_mutex_unlock(&mutex);
    return result;
}

int
pthread_detach(pthread_t thread)
{
    pthread_mutex_lock(&mutex);
    find_joinable(thread, "detaching")->state = CLAIMED;
    int result = real_detach(thread);
    pthread_mutex_unlock(&mutex);
    return result;
}

int
pthread_join(pthread_t thread, void **value)
{
    before_join(thread);
    return after_join(thread, real_join(thread, value));
}

int
pthread_tryjoin_np(pthread_t thread, void **value)
{
    before_join(thread);
    return after_join(thread, real_tryjoin(thread, value));
}

int
pthread_timedjoin_np(pthread_t thread, void **value,
                     const struct timespec *deadline)
{
    before_join(thread);
    return after_join(thread, real_timedjoin(thread, value, deadline));
}

int
pthread_clockjoin_np(pthread_t thread, void **value, clockid_t clock,
                     const struct timespec *deadline)
{
    before_join(thread);
    return after_join(thread, real_clockjoin(thread, value, clock, deadline));
}

/* Return how many threads of this process were neither joined nor detached. */
int
pthreadwatch_unclaimed(void)
{
    int count = 0;
    pthread_mutex_lock(&mutex);
    for (int i = 0; i < used; i++) {
        count += (table[i].process == getpid()
                  && (table[i].state == JOINABLE || table[i].state == JOINING));
    }
    pthread_mutex_unlock(&mutex);
    return count;
}

static void
before_fork(void)
{
    pthread_mutex_lock(&mutex);
}

static void
after_fork_in_parent(void)
{
    pthread_mutex_unlock(&mutex);
}

static void
after_fork_in_child(void)
{
    /* The thread that forked is the only one that the child has. */
    struct entry *own = find(pthread_self());
    if (own != NULL) {
        own->process = getpid();
    }
    pthread_mutex_unlock(&mutex);
}

static void *
must_find(const char *name)
{
    void *function = dlsym(RTLD_NEXT, name);
    if (function == NULL) {
        complain("lookup", name);
    }
    return function;
}

__attribute__((constructor)) static void
set_up(void)
{
    real_create = must_find("pthread_create");
    real_detach = must_find("pthread_detach");
    real_join = must_find("pthread_join");
    real_tryjoin = must_find("pthread_tryjoin_np");
    real_timedjoin = must_find("pthread_timedjoin_np");
    /* musl has none, and so no program there calls it. */
    real_clockjoin = dlsym(RTLD_NEXT, "pthread_clockjoin_np");
    pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
}
