/* A library to preload into the programs of a soak. It makes threads pause at random
 * before and after calls by which threads wait for or wake up each other, so that other
 * threads run between two such calls more often than without it.
 *
 * The number in SOAK_PERTURB decides at which calls threads pause, how often and for
 * how long, for all threads of a process: some bugs need few long pauses, some need
 * many, and some need one thread that pauses alone. The system decides which threads
 * run meanwhile, so two runs with the same number are similar, but not equal.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* The kinds of calls: to join or detach an OS thread; to release a lock, which is a
   semaphore in Python; to acquire one; to start a thread, and the beginning of that
   thread; and to fork. */
enum kind { JOIN, POST, WAIT, START, FORK, KINDS };

/* At most one call of each kind in so many pauses. Calls for locks are so frequent that
   a program with a pause at each of them would hardly make progress. */
static const uint64_t often[KINDS] = {
    [JOIN] = 1, [POST] = 64, [WAIT] = 64, [START] = 4, [FORK] = 1
};

/* The kinds of calls at which threads pause, one bit each; how many of these calls there
   are for one pause; and the longest pause, in microseconds. */
static unsigned kinds;
static uint64_t one_in;
static uint64_t longest;

/* The number of pauses so far. */
static atomic_ulong pauses;

/* The seed of the random numbers of the next thread. */
static atomic_uint_fast64_t seed;

/* The state of this thread's random numbers; 0 before the first one. */
static __thread uint64_t state __attribute__((tls_model("initial-exec")));

/* The function of splitmix64, for which any seed is good enough. */
static uint64_t
mixed(uint64_t z)
{
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
}

static uint64_t
next(void)
{
    if (state == 0) {
        state = mixed(atomic_fetch_add(&seed, 1)) | 1;
    }
    state += 0x9e3779b97f4a7c15;
    return mixed(state);
}

static void __attribute__((constructor))
begin(void)
{
    const char *given = getenv("SOAK_PERTURB");
    if (given == NULL) {
        return;
    }
    uint64_t chance = mixed(strtoull(given, NULL, 10) + 1);
    atomic_store(&seed, chance);
    kinds = 1 + chance % ((1 << KINDS) - 1);
    one_in = (uint64_t)1 << (chance >> 16) % 4;
    longest = (uint64_t)16 << (chance >> 32) % 7;
}

/* Return the number of pauses in this process; for tests. */
unsigned long
soak_perturb_pauses(void)
{
    return atomic_load(&pauses);
}

/* Pause, or do not, as the random numbers say. errno does not change. */
static void
perturb(enum kind kind)
{
    if (!(kinds >> kind & 1)) {
        return;
    }
    uint64_t chance = next();
    if (chance % (one_in * often[kind]) != 0) {
        return;
    }
    chance >>= 16;
    atomic_fetch_add(&pauses, 1);
    int kept = errno;
    if (chance % 4 == 0) {
        sched_yield();
    }
    else {
        long microseconds = (long)(chance / 4 % longest);
        nanosleep(&(struct timespec){.tv_nsec = 1000 * microseconds}, NULL);
    }
    errno = kept;
}

/* Set `real` to the function of this name that is not preloaded. */
#define REAL(name) \
    static __typeof__(name) *real; \
    if (real == NULL) { \
        real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name); \
    }

/* Define a function that calls the one of the same name, with a pause before and after
   the call. */
#define PERTURBED(kind, name, parameters, arguments) \
    int name parameters \
    { \
        REAL(name) \
        perturb(kind); \
        int result = real arguments; \
        perturb(kind); \
        return result; \
    }

PERTURBED(JOIN, pthread_join, (pthread_t thread, void **value), (thread, value))
PERTURBED(JOIN, pthread_clockjoin_np,
          (pthread_t thread, void **value, clockid_t clock,
           const struct timespec *deadline),
          (thread, value, clock, deadline))
PERTURBED(JOIN, pthread_tryjoin_np, (pthread_t thread, void **value),
          (thread, value))
PERTURBED(JOIN, pthread_detach, (pthread_t thread), (thread))
PERTURBED(POST, sem_post, (sem_t *semaphore), (semaphore))
PERTURBED(WAIT, sem_wait, (sem_t *semaphore), (semaphore))
PERTURBED(WAIT, sem_trywait, (sem_t *semaphore), (semaphore))
PERTURBED(WAIT, sem_clockwait,
          (sem_t *semaphore, clockid_t clock, const struct timespec *deadline),
          (semaphore, clock, deadline))

struct beginning {
    void *(*function)(void *);
    void *arg;
};

static void *
run(void *arg)
{
    struct beginning beginning = *(struct beginning *)arg;
    free(arg);
    perturb(START);
    return beginning.function(beginning.arg);
}

int
pthread_create(pthread_t *thread, const pthread_attr_t *attr,
               void *(*function)(void *), void *arg)
{
    REAL(pthread_create)
    struct beginning *beginning = malloc(sizeof(*beginning));
    if (beginning == NULL) {
        return EAGAIN;
    }
    *beginning = (struct beginning){function, arg};
    perturb(START);
    int result = real(thread, attr, run, beginning);
    if (result != 0) {
        free(beginning);
    }
    perturb(START);
    return result;
}

pid_t
fork(void)
{
    REAL(fork)
    perturb(FORK);
    pid_t pid = real();
    if (pid == 0) {
        /* Each child of a loop that forks gets random numbers of its own. */
        atomic_store(&seed, mixed(state + (uint64_t)getpid()));
        state = 0;
    }
    perturb(FORK);
    return pid;
}
