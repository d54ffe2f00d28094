/*
 * _start_native() calls threadhandle_start(), and then waits, in
 * threadhandle_wait_started(), until the new thread has begun or can no longer
 * begin. threadhandle_note_begun() records that in the handle. It is called by
 * _StartedEvent.set(), through threadhandle_set_started(), unless the new thread
 * has no memory for that call; at the end of threadhandle_run(); and by
 * threadhandle_cut_short(), at finalization or in the child of a fork.
 *
 * If the new thread itself calls it, the event is set later: when the new thread
 * releases the GIL in PyEval_SaveThread(), or when it ends. The new thread may
 * also drop the GIL in the evaluation loop, which sets no event, and may never
 * end. So the first wait of the starter has a timeout. Before the starter waits
 * without a timeout, it sets `waits`.
 *
 * The starter may be interrupted once while it waits, and its signal handler may
 * fork. Another thread may fork, or finalize the interpreter. After that, a
 * thread that asks for the GIL is cut short; but no thread may be left waiting
 * for the event.
 */

#define STARTER 1
#define OTHER 2
#define NOBODY 0

byte forker = NOBODY;
#define CHILD (forker != NOBODY)
#define GONE(who) (CHILD && forker != who)

bool gil;
bool finalizing;

bool begun;             /* whether Thread._started is set */
bool on_delete;         /* whether the new thread's state has one */
bool told;              /* the handle's field `begun` */
bool waits;             /* the handle's field `starter_waits` */
bool pending;           /* whether the new thread sets the event when it
                           releases the GIL: its `release_event` */
bool v;                 /* whether the handle's event is set */
bool turnstile;         /* whether the event has one; it is made before the
                           thread is started */
bool held;              /* whether the turnstile is held */
bool inside;            /* whether the starter is in a call that uses it */
bool broken;            /* whether it is unusable in the child, because the
                           starter was in such a call at the fork */
bool raised;            /* the starter has raised: no thread has begun */
bool returned;          /* the starter has returned: the thread has begun */

inline take_gil()
{
    atomic {
        !gil || finalizing;
        if
        :: finalizing -> goto ended
        :: else -> gil = true
        fi
    }
}

inline drop_gil()
{
    atomic { assert(gil); gil = false }
}

/* _PyEvent_Notify() */
inline notify()
{
    atomic { old = v; v = true };
    if
    :: old || !turnstile -> skip
    :: else -> assert(!broken); held = false
    fi
}

/* threadhandle_note_begun(), called in the new thread or in another one */
inline note_begun(in_new_thread)
{
    if
    :: told -> skip
    :: else ->
#ifdef PLANT_WAITS_LOOKED_AT_FIRST
        seen = waits;
        told = true;
#else
        told = true;
        seen = waits;
#endif
        if
        :: !in_new_thread || seen -> notify()
        :: else -> pending = true
        fi
    fi
}

/* PyEval_SaveThread() and _PyThreadState_DeleteCurrent() of the new thread */
inline release_gil()
{
    atomic { was_pending = pending; pending = false; drop_gil() }
    if
    :: was_pending -> notify()
    :: else -> skip
    fi
}

/* _PyThreadState_DeleteExcept(), which calls PyThreadState_Clear() for the new
   thread's state */
inline cut_short()
{
    if
    :: on_delete ->
        on_delete = false;
#ifndef PLANT_CUT_SHORT_DOES_NOT_TELL
        if
        :: CHILD && !told ->
#ifndef PLANT_TURNSTILE_KEPT
            turnstile = false;      /* _PyEvent_AfterFork() */
#endif
            note_begun(false)
        :: !CHILD -> note_begun(false)
        :: else -> skip
        fi
#endif
    :: else -> skip
    fi
}

inline fork(me)
{
    atomic { assert(gil && !CHILD); forker = me; broken = inside };
    cut_short();
    /* Thread._reset_internal_locks(), for the new thread, whose handle is done in
       the child */
    begun = true
}

/* The first process; it ends last, after all others. */
active proctype end()
{
end_never:                      /* a valid end state: the new thread never ends */
    (_nr_pr == 1);
    if
    :: GONE(STARTER) -> skip
    :: else ->
        assert(finalizing || returned != raised);
        /* The starter returns if the new thread has begun, and raises if it has
           not: no thread runs for which an exception was raised. */
        assert(begun || !returned);
        assert(!begun || !raised)
    fi
}

/* PyEvent_WaitTimed() of the starter */
inline wait(timed)
{
    if
    :: v -> skip
    :: else ->
        atomic { assert(turnstile && !broken); inside = true };
        if
        :: atomic { !held -> held = true };
            atomic { held = false; inside = false }
        :: !tired -> tired = true; interrupted = true; inside = false
#ifndef PLANT_NO_TIMEOUT
        :: timed -> late = true; inside = false
#endif
        fi
    fi
}

active proctype starter()
{
    bool old, seen, late, tired, interrupted;

    {
        take_gil();
        /* threadhandle_start() */
        turnstile = true;       /* _PyEvent_Prepare() */
        held = true;
        on_delete = true;
        run new_thread();

        /* threadhandle_wait_started() */
        do
        :: told -> break
        :: else ->
            interrupted = false;
            late = false;
            drop_gil();
            wait(true);
            if
            :: late && !v ->
                waits = true;
                if
                :: told -> skip
                :: else -> wait(false)
                fi
            :: else -> skip
            fi;
            take_gil();
            if
            :: interrupted && !told ->
                /* A signal handler runs, as a pending call. */
                if
                :: !CHILD -> fork(STARTER)
                :: true
                fi
            :: else -> skip
            fi
        od;
        if
        :: begun -> returned = true
        :: else -> raised = true
        fi;
        drop_gil();
ended:
        skip
    } unless { GONE(STARTER) }
}

proctype new_thread()
{
    bool old, seen, was_pending;

    {
        /* threadhandle_run() */
        take_gil();
        if
        :: begun = true;        /* Thread._started is set */
            if
            :: release_gil(); take_gil()
            :: true
            fi;
            if
            :: note_begun(true) /* threadhandle_set_started() */
            :: true             /* no memory for that call */
            fi
        :: true                 /* no memory to get that far */
        fi;
        if
        :: release_gil(); take_gil()
        :: drop_gil(); take_gil()   /* in the evaluation loop */
        :: told ->
            drop_gil();
end_never:
            false
        :: true
        fi;
#ifndef PLANT_END_DOES_NOT_TELL
        note_begun(true);
#endif
        on_delete = false;
        release_gil();
ended:
        skip
    } unless { CHILD }
}

active proctype other()
{
    bool old, seen;

    {
        take_gil();
        if
        :: !CHILD && !finalizing -> fork(OTHER)
        :: finalizing = true; cut_short()
        :: true
        fi;
        drop_gil();
ended:
        skip
    } unless { GONE(OTHER) }
}
