/* Preloaded into processes under test: holds a thread that makes its thread
 * state, forks in a thread that takes or releases a lock, and refuses handlers of
 * fork().
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* Protected by the mutex: will the next thread be held, and by which thread is
   that so; is one held, will the next one fork, and what was the status of the
   child? */
static int armed;
static pthread_t armer;
static int held;
static int forks;
static int status = -1;

/* Have the next thread wait that asks for its number or releases a lock, but for
   the calling one. A thread that makes its state does so first when it has the
   lists of states locked: it asks for its number in 3.11, when the state is in the
   list and half filled in, and releases the lock in other versions. */
void
hold_state(void)
{
    pthread_mutex_lock(&mutex);
    armed = 1;
    armer = pthread_self();
    pthread_mutex_unlock(&mutex);
}

/* Wait until a thread waits there. */
void
await_state(void)
{
    pthread_mutex_lock(&mutex);
    while (!held) {
        pthread_cond_wait(&changed, &mutex);
    }
    pthread_mutex_unlock(&mutex);
}

/* Let it go. Return 1 if it has waited until now, 0 if it has given up. */
int
release_state(void)
{
    pthread_mutex_lock(&mutex);
    int result = held;
    held = 0;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    return result;
}

/* Have the next thread fork there, as in a signal handler of C code. */
void
fork_inside(void)
{
    pthread_mutex_lock(&mutex);
    forks = 1;
    pthread_mutex_unlock(&mutex);
}

/* Wait until it has, and for its child; return the status. */
int
await_child(void)
{
    pthread_mutex_lock(&mutex);
    while (status < 0) {
        pthread_cond_wait(&changed, &mutex);
    }
    pthread_mutex_unlock(&mutex);
    return status;
}

static void
fork_here(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        _exit(9);
    }
    waitpid(pid, &status, 0);
    pthread_cond_broadcast(&changed);
}

/* The mutex must be held. */
static void
wait_held(void)
{
    if (!armed || pthread_equal(armer, pthread_self())) {
        return;
    }
    armed = 0;
    /* A fork that waits for this thread tells nobody that it does. */
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += 1;
    held = 1;
    pthread_cond_broadcast(&changed);
    while (held && pthread_cond_timedwait(&changed, &mutex, &deadline) == 0) {
    }
    held = 0;
}

long
syscall(long number, ...)
{
    static long (*real)(long, ...);
    long words[6];
    va_list arguments;
    va_start(arguments, number);
    for (int i = 0; i < 6; i++) {
        words[i] = va_arg(arguments, long);
    }
    va_end(arguments);
    if (real == NULL) {
        real = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
    }
    if (number == SYS_gettid) {
        pthread_mutex_lock(&mutex);
        wait_held();
        if (forks) {
            forks = 0;
            fork_here();
        }
        pthread_mutex_unlock(&mutex);
    }
    return real(number, words[0], words[1], words[2], words[3], words[4],
                words[5]);
}

/* Does the thread fork whenever it takes or releases a lock; and how often has it? */
static __thread int forks_at_locks;
static __thread int forked;

/* From now on, have the calling thread fork before and after it takes or releases a
   lock, as in a signal handler of C code; or no longer. Return the number of forks
   so far. */
int
fork_at_locks(int on)
{
    forks_at_locks = on;
    return forked;
}

static void
fork_at_lock(void)
{
    if (!forks_at_locks) {
        return;
    }
    forks_at_locks = 0;  /* a handler of fork() takes and releases locks as well */
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    forked++;
    forks_at_locks = 1;
}

int
sem_wait(sem_t *semaphore)
{
    static int (*real)(sem_t *);
    if (real == NULL) {
        real = (int (*)(sem_t *))dlsym(RTLD_NEXT, "sem_wait");
    }
    fork_at_lock();
    int result = real(semaphore);
    fork_at_lock();
    return result;
}

int
sem_post(sem_t *semaphore)
{
    static int (*real)(sem_t *);
    if (real == NULL) {
        real = (int (*)(sem_t *))dlsym(RTLD_NEXT, "sem_post");
    }
    pthread_mutex_lock(&mutex);
    wait_held();
    pthread_mutex_unlock(&mutex);
    fork_at_lock();
    int result = real(semaphore);
    fork_at_lock();
    return result;
}

/* What pthread_atfork() calls. */
int
__register_atfork(void (*prepare)(void), void (*parent)(void),
                  void (*child)(void), void *library)
{
    static int (*real)(void (*)(void), void (*)(void), void (*)(void), void *);
    if (getenv("REFUSE_ATFORK") != NULL) {
        return ENOMEM;
    }
    if (real == NULL) {
        real = (int (*)(void (*)(void), void (*)(void), void (*)(void),
                        void *))dlsym(RTLD_NEXT, "__register_atfork");
    }
    return real(prepare, parent, child, library);
}
