/*
 * The event that a thread state and its handle share: Python/event.c, and its
 * waiters. A lock is made by the first who waits ("turnstile"); who gets
 * through it lets the next one through.
 *
 * The thread state gets it from _PyThreadState_GetDoneEvent(), with the GIL. It
 * sets the event when it is cleared, by PyThreadState_Clear() with
 * threadlife_end_clear(), and drops its reference when it is deleted, by
 * threadlife_fini(). The handle has a reference from _PyEventRc_Incref().
 * Joiners hold the handle, and the last one drops its reference. Each may be
 * interrupted once, or time out, while it waits. threadhandle_set_done() is a
 * second one to set the event.
 *
 * Who needs the GIL lets the next one through when it has it, with
 * event_attach_and_release(). That is a matter of speed: the next one may be
 * let through any time later.
 *
 * Memory is sequentially consistent here. In event.c the accesses of which the
 * order matters are.
 */

#ifndef JOINERS
#define JOINERS 3
#endif

byte v;                     /* is the event set? */
byte turnstile;             /* number of the lock; 0 for NULL */
byte refcount = 2;          /* of the event: of the thread state, of the handle */
bool freed;
byte handle = JOINERS + 1;  /* references to the handle: joiners, set_done */

#define LOCKS (JOINERS + 1)
bool held[LOCKS];           /* each lock: is it held? */
bool exists[LOCKS];         /* is it allocated? */
byte made, gone;            /* locks that were allocated, and freed */

#define ACCESS() assert(!freed)

inline allocate(n)
{
    atomic { assert(!exists[n]); exists[n] = true; held[n] = true; made++ }
}

inline free_lock(n)
{
    atomic { assert(exists[n]); exists[n] = false; gone++ }
}

inline release(n)
{
    atomic {
        assert(exists[n] && held[n]);
#ifdef PLANT_NO_RELEASE
        skip
#else
        held[n] = false
#endif
    }
}

/* _PyEvent_Notify() */
inline notify()
{
#ifdef PLANT_NOTIFY_BEFORE_SET
    ACCESS(); seen = turnstile;
    atomic { ACCESS(); old = v; v = 1 };
#else
    atomic { ACCESS(); old = v; v = 1 };
#endif
    if
    :: old -> skip
    :: else ->
#ifndef PLANT_NOTIFY_BEFORE_SET
        ACCESS(); seen = turnstile;
#endif
        if
        :: seen -> release(seen)
        :: else -> skip
        fi
    fi
}

/* _PyEventRc_Decref() and _PyEvent_Fini() */
inline decref()
{
    atomic { ACCESS(); refcount--; last = (refcount == 0) };
    if
    :: last ->
        if
        :: turnstile -> free_lock(turnstile)
        :: else -> skip
        fi;
        atomic { ACCESS(); freed = true }
    :: else -> skip
    fi
}

/* Py_DECREF of the handle, with the GIL, and threadhandle_dealloc() */
inline drop_handle()
{
    atomic { handle--; mine = (handle == 0) };
    if
    :: mine -> decref()
    :: else -> skip
    fi
}

/* The oldest process outlives the others: then nothing is left. */
active proctype end()
{
    (_nr_pr == 1);
    assert(freed && refcount == 0 && made == gone)
}

active proctype thread_state()
{
    bool old, last;
    byte seen;

    notify();
#ifdef PLANT_LOST_DECREF
    skip
#else
    decref()
#endif
}

active proctype set_done()
{
    bool old, last, mine;
    byte seen;

    if
    :: notify()
    :: skip
    fi;
    drop_handle()
}

/* PyEvent_WaitTimed() and _PyEvent_IsSet(), until the event is set or the joiner gives up */
active [JOINERS] proctype joiner()
{
    byte lock, me;
    bool interrupted, last, mine, set;

    me = _pid - 2;     /* 1 for the first joiner */
    do
    :: ACCESS(); set = v;
        if
        :: set -> break
        :: else -> skip
        fi;
        /* event_get_turnstile() and event_load_turnstile() */
        ACCESS(); lock = turnstile;
        if
        :: lock -> skip
        :: else ->
            allocate(me);
            atomic {
                ACCESS();
                if
                :: turnstile == 0 -> turnstile = me
                :: else -> skip
                fi
            };
            if
            :: turnstile != me -> held[me] = false; free_lock(me)
            :: else -> skip
            fi;
            ACCESS(); lock = turnstile
        fi;
#ifndef PLANT_NO_SECOND_LOOK
        ACCESS(); set = v;
        if
        :: set -> break
        :: else -> skip
        fi;
#endif
        if
        :: atomic { assert(exists[lock]); !held[lock] -> held[lock] = true };
#ifndef PLANT_NOBODY_ELSE_THROUGH
            release(lock);
#endif
        :: !interrupted -> interrupted = true
        fi;
        ACCESS(); set = v;
        if
        :: set -> break
        :: interrupted -> break     /* its timeout is over, or it raises */
        :: else -> skip
        fi
    od;
    assert(v || interrupted);
    drop_handle()
}
