/* What the system itself takes for a thread: pthread_create + pthread_join.

   usage: bench_floor LOOPS SAMPLES

   Prints, in the form of bench_worker.py, the seconds for one thread in each
   of SAMPLES samples of LOOPS threads, after one more to warm up. */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void *
nothing(void *arg)
{
    return arg;
}

static double
now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Return the seconds that one thread takes, or -1 if one cannot be started. */
static double
sample(long loops)
{
    double start = now();
    for (long i = 0; i < loops; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, nothing, NULL)
            || pthread_join(thread, NULL))
        {
            return -1;
        }
    }
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
    printf("{\"values\": [");
    for (long i = 0; i < samples; i++) {
        double seconds = sample(loops);
        if (seconds < 0) {
            fprintf(stderr, "a thread cannot be started\n");
            return 1;
        }
        printf("%s%.9g", i ? ", " : "", seconds);
    }
    printf("]}\n");
    return 0;
}
