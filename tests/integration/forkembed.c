/* Embeds the interpreter in a program that has fork() handlers of its own:
 *
 *     forkembed PROGRAM early     registered before the interpreter is there:
 *                                 they call Python, in a thread without a state
 *     forkembed PROGRAM ends      forks before the interpreter is there, after
 *                                 it, and while another thread ends it
 *     forkembed PROGRAM parent    the child of a fork of which Python is
 *                                 not told goes on with it, and ends it
 *
 * PROGRAM is the path of the interpreter: its library is used. Prints the exit
 * status of each child.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 20

static const char *program;
static atomic_int stop;

static void
fail(const char *what)
{
    fprintf(stderr, "forkembed: %s failed\n", what);
    exit(2);
}

static void
initialize(void)
{
    PyConfig config;
    PyConfig_InitPythonConfig(&config);
    config.site_import = 0;
    if (PyStatus_Exception(PyConfig_SetBytesString(
            &config, &config.program_name, program))
        || PyStatus_Exception(Py_InitializeFromConfig(&config))) {
        fail("initialization");
    }
    PyConfig_Clear(&config);
}

static void
run(const char *script)
{
    if (PyRun_SimpleString(script) != 0) {
        fail("the script");
    }
}

static void
tell(pid_t pid)
{
    int status;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) {
        fail("fork");
    }
    printf("%d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
    fflush(stdout);
}

static void
call_python(void)
{
    if (Py_IsInitialized()) {
        PyGILState_STATE state = PyGILState_Ensure();
        run("len([])");
        PyGILState_Release(state);
    }
}

static void *
fork_foreign(void *Py_UNUSED(arg))
{
    pid_t pid = fork();
    if (pid == 0) {
        _exit(3);
    }
    tell(pid);
    return NULL;
}

static void
in_thread(void *(*function)(void *))
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, function, NULL) != 0
        || pthread_join(thread, NULL) != 0) {
        fail("the thread");
    }
}

static void
early(void)
{
    if (pthread_atfork(call_python, call_python, NULL) != 0) {
        fail("pthread_atfork");
    }
    initialize();
    PyThreadState *state = PyEval_SaveThread();
    in_thread(fork_foreign);
    PyEval_RestoreThread(state);
    Py_FinalizeEx();
}

static void *
fork_on_and_on(void *Py_UNUSED(arg))
{
    while (!stop) {
        pid_t pid = fork();
        int status;
        if (pid == 0) {
            _exit(0);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
            fail("fork");
        }
    }
    return NULL;
}

static void
ends(void)
{
    pthread_t thread;
    fork_foreign(NULL);
    initialize();
    Py_FinalizeEx();
    fork_foreign(NULL);
    if (pthread_create(&thread, NULL, fork_on_and_on, NULL) != 0) {
        fail("pthread_create");
    }
    for (int i = 0; i < 10; i++) {
        initialize();
        Py_FinalizeEx();
    }
    stop = 1;
    pthread_join(thread, NULL);
}

static void
parent(void)
{
    initialize();
    run("import threading");
    for (int tells = 0; tells < 2; tells++) {
        pid_t pid = fork();
        if (pid == 0) {
            alarm(SECONDS);
            if (tells) {
                PyOS_AfterFork_Child();
            }
            run("threads = [threading.Thread(target=int) for _ in range(3)]\n"
                "for thread in threads: thread.start()\n"
                "for thread in threads: thread.join()\n");
            _exit(Py_FinalizeEx() ? 1 : 4);
        }
        tell(pid);
    }
    Py_FinalizeEx();
}

int
main(int argc, char **argv)
{
    if (argc != 3) {
        fail("reading the arguments");
    }
    program = argv[1];
    alarm(SECONDS);
    if (strcmp(argv[2], "early") == 0) {
        early();
    }
    else if (strcmp(argv[2], "ends") == 0) {
        ends();
    }
    else {
        parent();
    }
    return 0;
}
