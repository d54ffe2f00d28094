/* Stands beside an interpreter for another processor, and has an emulator run
 * it. To the interpreter this is its own name, so that what it starts again,
 * by sys.executable, is emulated too, without any setting of the system.
 *
 * Linked statically, for the variables that are meant for the interpreter's
 * dynamic linker, LD_PRELOAD above all, must do nothing here. The emulator
 * hands them on.
 *
 * EMULATOR and ROOT, its directory of libraries, are defined by whoever
 * compiles this. */
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
