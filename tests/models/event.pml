/*
 * The event that a thread state and its handle share (Python/event.c), and the
 * threads that wait for it. The first thread that waits makes a lock, the
 * turnstile; each thread that acquires this lock releases it for the next one.
 *
 * The thread state gets the event from _PyThreadState_GetDoneEvent(), with the
 * GIL held. PyThreadState_Clear() sets the event, in threadlife_end_clear(),
 * and threadlife_fini() drops the thread state's reference to it. The handle
 * has a reference from _PyEventRc_Incref(). Each joiner has a reference to the
 * handle, and the last of these drops the handle's reference to the event. A
 * joiner may be interrupted once, or time out, while it waits.
 * threadhandle_set_done() sets the event, too.
 *
 * A joiner that needs the GIL releases the turnstile when it has the GIL, in
 * event_attach_and_release(). Only the speed depends on that: the turnstile may
 * be released at any later time.
 *
 * In the model, memory is sequentially consistent. So are, in event.c, the
 * accesses whose order matters.
 */

#ifndef JOINERS
#define JOINERS 3
#endif

byte v;                     /* whether the event is set */
byte turnstile;             /* number of the turnstile's lock; 0 for NULL */
byte refcount = 2;          /* the thread state's and the handle's reference */
bool freed;                 /* whether the event is freed */
byte handle = JOINERS + 1;  /* references to it: the joiners', set_done's */

#define LOCKS (JOINERS + 1)
bool held[LOCKS];           /* of each lock, whether it is held */
bool exists[LOCKS];         /* of each lock, whether it is allocated */
byte made, gone;            /* number of locks allocated, and freed */

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

/* Py_DECREF of the handle, with the GIL held, and threadhandle_dealloc() */
inline drop_handle()
{
    atomic { handle--; mine = (handle == 0) };
    if
    :: mine -> decref()
    :: else -> skip
    fi
}

/* The first process; it ends last. By then, the event and all locks are freed,
   each once. */
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

/* PyEvent_WaitTimed() and _PyEvent_IsSet(), until the event is set or the joiner
   gives up */
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
        :: interrupted -> break     /* it has timed out, or raises an exception */
        :: else -> skip
        fi
    od;
    assert(v || interrupted);
    drop_handle()
}
