/* Measure what the system itself takes for a thread: pthread_create, one lock that is
   handed over as the GIL is, pthread_join.

   usage: bench_floor LOOPS SAMPLES

   Prints, in the form of worker.py, the seconds and the voluntary context
   switches for one thread in each of SAMPLES samples of LOOPS threads, after one
   more to warm up. */

#define _DEFAULT_SOURCE

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

/* A lock like the GIL: a flag with a mutex and a condition variable. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int locked = 0;

static void
take(void)
{
    pthread_mutex_lock(&mutex);
    while (locked) {
        pthread_cond_wait(&cond, &mutex);
    }
    locked = 1;
    pthread_mutex_unlock(&mutex);
}

static void
drop(void)
{
    pthread_mutex_lock(&mutex);
    locked = 0;
    pthread_cond_signal(&cond);
    pthread_mutex_unlock(&mutex);
}

static void *
nothing(void *arg)
{
    take();
    drop();
    return arg;
}

static double
now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static long
switches(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nvcsw;
}

/* Return the seconds that one thread takes, or -1 if one cannot be started. */
static double
sample(long loops)
{
    double start = now();
    take();
    for (long i = 0; i < loops; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, nothing, NULL)) {
            return -1;
        }
        drop();
        pthread_join(thread, NULL);
        take();
    }
    drop();
    return (now() - start) / (double)loops;
}

int
main(int argc, char **argv)
{
    long loops = argc == 3 ? atol(argv[1]) : 0;
    long samples = argc == 3 ? atol(argv[2]) : 0;
    if (loops < 1 || samples < 1) {
        fprintf(stderr, "usage: bench_floor LOOPS SAMPLES\n");
        return 2;
    }
    sample(loops);
    long before = switches();
    printf("{\"values\": [");
    for (long i = 0; i < samples; i++) {
        double seconds = sample(loops);
        if (seconds < 0) {
            fprintf(stderr, "a thread cannot be started\n");
            return 1;
        }
        printf("%s%.9g", i ? ", " : "", seconds);
    }
    double each = (double)(switches() - before) / (double)(loops * samples);
    printf("], \"switches\": %.9g}\n", each);
    return 0;
}
