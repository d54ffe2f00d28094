/*
 * _start_native() waits until the new thread has begun, or is not going to any
 * more: threadhandle_start(), then threadhandle_wait_started(). The handle is
 * told by _StartedEvent.set(), with threadhandle_set_started(), unless the new
 * thread has not the memory for it; by the end of threadhandle_run(); or by
 * threadhandle_cut_short(), when the interpreter ends or in the child of a fork.
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

/* PyThreadState_Clear() in _PyThreadState_DeleteExcept(), of the new thread's */
inline cut_short()
{
    if
    :: on_delete ->
        on_delete = false;
#ifndef PLANT_CUT_SHORT_DOES_NOT_TELL
        if
        :: CHILD && !v ->
#ifndef PLANT_TURNSTILE_KEPT
            turnstile = false;      /* _PyEvent_AfterFork() */
#endif
            notify()
        :: !CHILD -> notify()
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

active proctype starter()
{
    bool old, set, tired, interrupted;

    {
        take_gil();
        /* threadhandle_start() */
        turnstile = true;       /* _PyEvent_Prepare() */
        held = true;
        on_delete = true;
        run new_thread();

        /* threadhandle_wait_started() */
        do
        :: set -> break
        :: else ->
            interrupted = false;
            drop_gil();
            /* PyEvent_WaitTimed() */
            if
            :: v -> skip
            :: else ->
                atomic { assert(turnstile && !broken); inside = true };
                if
                :: atomic { !held -> held = true };
                    atomic { held = false; inside = false }
                :: !tired -> tired = true; interrupted = true; inside = false
                fi
            fi;
            set = v;
            take_gil();
            if
            :: interrupted ->
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
    bool old;

    {
        /* threadhandle_run() */
        take_gil();
        if
        :: begun = true;        /* the event itself */
            if
            :: drop_gil(); take_gil()
            :: true
            fi;
            if
            :: notify()         /* threadhandle_set_started() */
            :: true             /* no memory */
            fi
        :: true                 /* no memory */
        fi;
        if
        :: drop_gil(); take_gil()
        :: true
        fi;
#ifndef PLANT_END_DOES_NOT_TELL
        notify();
#endif
        on_delete = false;
        drop_gil();
ended:
        skip
    } unless { CHILD }
}

active proctype other()
{
    bool old;

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
