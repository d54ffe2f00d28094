/* Keep a processor busy until the parent ends, or ends it.

   usage: bench_spin PARENT, the parent's process id */

#define _POSIX_C_SOURCE 200809L

#include <stdlib.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
    pid_t parent = argc == 2 ? (pid_t)atol(argv[1]) : 0;
    while (getppid() == parent) {
        for (volatile long i = 0; i < 1000000; i++) {
        }
    }
    return 0;
}
