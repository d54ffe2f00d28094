/* A program beside an interpreter for another processor, which runs that in an
 * emulator. The interpreter takes this for itself, so that processes that it starts
 * by sys.executable are emulated, too, without a setting of the system.
 *
 * It is linked statically: variables for the dynamic linker of the interpreter,
 * LD_PRELOAD above all, must do nothing here. The emulator passes them on.
 *
 * EMULATOR, and ROOT, the directory of its libraries, are defined by the compiler's
 * command line. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
    static char self[PATH_MAX], python[PATH_MAX + sizeof("python")];
    ssize_t length = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char **command = calloc(argc + 7, sizeof(*command));
    if (length < 0 || command == NULL) {
        perror("emulated");
        return 127;
    }
    strcpy(python, self);
    strcpy(strrchr(python, '/') + 1, "python");
    int n = 0;
    command[n++] = EMULATOR;
    command[n++] = "-L";
    command[n++] = ROOT;
    command[n++] = "-0";
    command[n++] = self;
    command[n++] = python;
    for (int i = 1; i < argc; i++) {
        command[n++] = argv[i];
    }
    execv(EMULATOR, command);
    perror(EMULATOR);
    return 127;
}
