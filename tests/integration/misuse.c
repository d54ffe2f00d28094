/* Something for each sanitizer to report: see test_sanitizer_output.py. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static int shared;

static void
change(int by)
{
    shared += by;
}

static void *
run(void *arg)
{
    change(1);
    return arg;
}

static void
race(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, run, NULL);
    change(2);
    pthread_join(thread, NULL);
}

static void
use(char *text)
{
    text[1] = 'x';
}

static void
use_after_free(void)
{
    char *text = malloc(16);
    free(text);
    use(text);
}

static void
leak(void)
{
    void *volatile lost = malloc(64);
    lost = NULL;
}

static void
overflow(int number)
{
    shared = number + 2147483647;
}

int
main(int argc, char *argv[])
{
    const char *which = argc > 1 ? argv[1] : "";
    if (strcmp(which, "race") == 0) {
        race();
    }
    else if (strcmp(which, "use") == 0) {
        use_after_free();
    }
    else if (strcmp(which, "leak") == 0) {
        leak();
    }
    else if (strcmp(which, "overflow") == 0) {
        overflow(argc);
    }
    return 0;
}
