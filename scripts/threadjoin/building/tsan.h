/* Included ahead of each file when ThreadSanitizer is built in.

   The libtsan of GCC 12 knows pthread_timedjoin_np(), but not
   pthread_clockjoin_np(). A thread joined behind its back is one that still
   runs, with an identifier that the next one gets, too, and it gives up:
   "dup thread with used id".

   Py_BUILD_CORE: where configure looks for a function, it declares it in its
   own way. */

#if defined(Py_BUILD_CORE) && !defined(THREADJOIN_TSAN_H)
#define THREADJOIN_TSAN_H

#ifndef _GNU_SOURCE
#  define _GNU_SOURCE 1
#endif
#include <pthread.h>
#include <time.h>

static inline __attribute__((unused)) int
tsan_clockjoin(pthread_t thread, void **result, clockid_t clock,
               const struct timespec *deadline)
{
    struct timespec now, realtime;
    clock_gettime(clock, &now);
    clock_gettime(CLOCK_REALTIME, &realtime);
    realtime.tv_sec += deadline->tv_sec - now.tv_sec;
    realtime.tv_nsec += deadline->tv_nsec - now.tv_nsec;
    if (realtime.tv_nsec < 0) {
        realtime.tv_nsec += 1000000000;
        realtime.tv_sec--;
    }
    else if (realtime.tv_nsec >= 1000000000) {
        realtime.tv_nsec -= 1000000000;
        realtime.tv_sec++;
    }
    return pthread_timedjoin_np(thread, result, &realtime);
}

#define pthread_clockjoin_np tsan_clockjoin

#endif
