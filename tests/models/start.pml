/*
 * _start_native() waits until the new thread has begun, or is not going to any
 * more: threadhandle_start(), then threadhandle_wait_started(). The handle is
 * told, by threadhandle_note_begun(): by _StartedEvent.set(), with
 * threadhandle_set_started(), unless the new thread has not the memory for it; by
 * the end of threadhandle_run(); or by threadhandle_cut_short(), when the
 * interpreter ends or in the child of a fork.
 *
 * If it is the new thread itself that tells it, the event is set when that
 * releases the GIL in PyEval_SaveThread(), or at its end. It may also drop the GIL
 * in the evaluation loop, which sets no event, and may never end. So the first
 * wait has a timeout; who waits without one says so before, in `waits`.
 *
 * One that waits may be interrupted once, and its signal handler may fork.
 * Another thread may fork, or end the interpreter: from there on, who wants the
 * GIL is cut short, but is not to be left asleep on the event.
 */

#define STARTER 1
#define OTHER 2
#define NOBODY 0

byte forker = NOBODY;
#define CHILD (forker != NOBODY)
#define GONE(who) (CHILD && forker != who)

bool gil;
bool finalizing;

bool begun;             /* has Thread._started been set? */
bool on_delete;         /* of the new thread's thread state */
bool told;              /* the handle's `begun` */
bool waits;             /* the handle's `starter_waits` */
bool pending;           /* is the event the new thread's release_event? */
bool v;                 /* the handle's event */
bool turnstile;         /* is there one: it is made before the start */
bool held;
bool inside;            /* is the starter inside an operation on it? */
bool broken;            /* in the child, because the starter was */
bool raised;            /* a RuntimeError: it could not be started */
bool returned;

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

/* threadhandle_note_begun(), in the new thread or in another one */
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

/* PyThreadState_Clear() in _PyThreadState_DeleteExcept(), of the new thread's */
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
    /* Thread._reset_internal_locks(), of a thread whose handle is done */
    begun = true
}

/* The oldest process outlives the others. */
active proctype end()
{
end_never:                      /* if the new thread never ends */
    (_nr_pr == 1);
    if
    :: GONE(STARTER) -> skip
    :: else ->
        assert(finalizing || returned != raised);
        /* Nobody is told that a thread has not started which then runs. */
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
                /* pending calls */
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
        :: begun = true;        /* the event itself */
            if
            :: release_gil(); take_gil()
            :: true
            fi;
            if
            :: note_begun(true) /* threadhandle_set_started() */
            :: true             /* no memory */
            fi
        :: true                 /* no memory */
        fi;
        if
        :: release_gil(); take_gil()
        :: drop_gil(); take_gil()   /* the evaluation loop */
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
