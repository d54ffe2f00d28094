/*
 * Thread.join() of CPython 3.9 to 3.12. Each step of the model is a load, a
 * store or a call of the bytecode: threads can take turns between any two.
 *
 * Thread A runs and ends; the other threads join it. With INTERRUPTS=1, an
 * exception from a signal handler may interrupt each joiner while it waits.
 */

#ifndef JOINERS
#define JOINERS 2
#endif
#ifndef INTERRUPTS
#define INTERRUPTS 0
#endif

bool running = true;    /* whether A has a thread state */
bool locked = true;     /* whether the lock that A's thread state releases is held */
bool has_lock = true;   /* whether a._tstate_lock is not None */
bool stopped = false;   /* a._is_stopped */
byte assertion_errors;  /* number of joins that raised AssertionError */
byte runtime_errors;    /* number of joins that raised RuntimeError */

active proctype A()
{
    printf("A ends\n");
    /* release_sentinel() in _threadmodule.c, when the thread state is cleared */
    atomic { running = false; locked = false }
}

/* Release the lock; if it is not held, raise RuntimeError. */
inline release_lock()
{
    atomic {
        if
        :: locked -> locked = false; printf("%d releases\n", _pid)
        :: else -> runtime_errors++; printf("%d RuntimeError\n", _pid); failed = true
        fi
    }
}

/* Thread._stop() */
inline stop()
{
    mine = has_lock;
    atomic {
        if
        :: mine && locked ->
            assertion_errors++; printf("%d AssertionError\n", _pid); failed = true
        :: else -> printf("%d finds the lock free\n", _pid)
        fi
    }
    if
    :: failed -> skip
    :: else -> stopped = true; has_lock = false
    fi
}

/* Thread._wait_for_tstate_lock() */
active [JOINERS] proctype joiner()
{
    bool mine, failed, acquired;

    mine = has_lock;
    if
    :: !mine ->
        assert(stopped);
        goto done
    :: else -> skip
    fi;

    if
    :: atomic { !locked -> locked = true; acquired = true; printf("%d acquires\n", _pid) }
    :: INTERRUPTS -> printf("%d is interrupted\n", _pid); failed = true
    fi;
    if
    :: acquired -> release_lock()
    :: else -> skip
    fi;
    if
    :: !failed -> stop()
    :: else -> skip
    fi;

    /* The except block, which bpo-45274 added */
    if
    :: failed ->
        if
        :: locked ->
            failed = false;
            release_lock();
            if
            :: !failed -> stop()
            :: else -> skip
            fi
        :: else -> skip
        fi
    :: else -> skip
    fi;
done:
    skip
}

/* The properties to check, one at a time */
#ifdef NO_ERROR
ltl no_error { [] (assertion_errors + runtime_errors == 0) }
#endif
#ifdef NO_TWO_ERRORS
ltl no_two_errors { [] !(assertion_errors > 0 && runtime_errors > 0) }
#endif
#ifdef ALIVE_WHILE_RUNNING
ltl alive_while_running { [] (running -> !stopped) }
#endif
