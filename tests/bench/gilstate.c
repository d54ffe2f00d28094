/* What PyGILState_Ensure() and PyGILState_Release() take in a thread that Python
   did not start.

   A library for ctypes: it takes what it calls from the interpreter that loads
   it, and one fits all. */

#define _POSIX_C_SOURCE 200809L

#include <pthread.h>
#include <time.h>

/* As in the stable ABI; the type is an enum there. */
int PyGILState_Ensure(void);
void PyGILState_Release(int);

struct sample {
    long loops;
    double seconds;
};

static double
now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Each time, a thread state is made and deleted. */
static void *
measure(void *arg)
{
    struct sample *sample = arg;
    double start = now();
    for (long i = 0; i < sample->loops; i++) {
        PyGILState_Release(PyGILState_Ensure());
    }
    sample->seconds = now() - start;
    return NULL;
}

/* Return the seconds for one pair of calls in a new thread, over LOOPS of them;
   -1 if there can be none. The caller must not have the GIL. */
double
ensure_release(long loops)
{
    struct sample sample = {loops, 0};
    pthread_t thread;
    if (pthread_create(&thread, NULL, measure, &sample)
        || pthread_join(thread, NULL))
    {
        return -1;
    }
    return sample.seconds / (double)loops;
}
