/* Embeds the interpreter: starts and ends it, or subinterpreters of it, over
 * and over. Each process does one thing:
 *
 *     embed PROGRAM loop ROUNDS SCRIPT     initialize, run, finalize
 *     embed PROGRAM subs ROUNDS SCRIPT     subinterpreters of one interpreter
 *     embed PROGRAM other ROUNDS SCRIPT    as loop, but finalize in a thread
 *                                          that Python did not start, while
 *                                          the first thread state is there
 *
 * PROGRAM is the path of the interpreter: its library is used. Prints the
 * bytes in use by malloc() after half of the rounds, and after the last. Then
 * waits until all threads of the process have been joined or detached.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <unistd.h>

static const char *script;

static void
fail(const char *what)
{
    fprintf(stderr, "embed: %s failed\n", what);
    exit(2);
}

static void
initialize(const char *program)
{
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    config.site_import = 0;
    if (PyStatus_Exception(PyConfig_SetBytesString(
            &config, &config.program_name, program))) {
        fail("PyConfig_SetBytesString");
    }
    if (PyStatus_Exception(Py_InitializeFromConfig(&config))) {
        fail("Py_InitializeFromConfig");
    }
    PyConfig_Clear(&config);
}

static void
run_script(void)
{
    if (PyRun_SimpleString(script) != 0) {
        fail("the script");
    }
}

static void
finalize(void)
{
    if (Py_FinalizeEx() != 0) {
        fail("Py_FinalizeEx");
    }
}

static void
one_loop(const char *program)
{
    initialize(program);
    run_script();
    finalize();
}

static void
one_subinterpreter(const char *Py_UNUSED(program))
{
    PyThreadState *main_state = PyThreadState_Get();
    PyThreadState *state = Py_NewInterpreter();
    if (state == NULL) {
        fail("Py_NewInterpreter");
    }
    run_script();
    Py_EndInterpreter(state);
    PyThreadState_Swap(main_state);
}

static void *
finalize_here(void *Py_UNUSED(arg))
{
    PyGILState_Ensure();
    run_script();
    finalize();
    return NULL;
}

static void
one_other(const char *program)
{
    pthread_t thread;
    initialize(program);
    run_script();
    PyEval_SaveThread();
    if (pthread_create(&thread, NULL, finalize_here, NULL) != 0
        || pthread_join(thread, NULL) != 0) {
        fail("the thread");
    }
}

/* In pthreadwatch.c, which is preloaded */
static void
await_claimed(void)
{
    int (*unclaimed)(void) = (int (*)(void))dlsym(RTLD_DEFAULT,
                                                  "pthreadwatch_unclaimed");
    if (unclaimed == NULL) {
        fail("dlsym");
    }
    while (unclaimed() > 0) {
        usleep(10000);
    }
}

int
main(int argc, char **argv)
{
    if (argc != 5) {
        fail("reading the arguments");
    }
    const char *program = argv[1];
    const char *mode = argv[2];
    int rounds = atoi(argv[3]);
    script = argv[4];
    void (*one_round)(const char *) = one_loop;
    if (strcmp(mode, "other") == 0) {
        one_round = one_other;
    }
    else if (strcmp(mode, "subs") == 0) {
        one_round = one_subinterpreter;
        initialize(program);
    }
    for (int round = 1; round <= rounds; round++) {
        one_round(program);
        if (round == rounds / 2 || round == rounds) {
            printf("%zu\n", mallinfo2().uordblks);
            fflush(stdout);
        }
    }
    if (one_round == one_subinterpreter) {
        finalize();
    }
    await_claimed();
    return 0;
}
