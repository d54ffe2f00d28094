/*
 * A handle's join: the event, and then the thread of the operating system,
 * which can be joined or detached once. Modules/_threadhandle.c:
 * threadhandle_join_once(), threadhandle_do_join(),
 * threadhandle_must_join_os_thread(), threadhandle_try_join() and
 * threadhandle_reap(), threadhandle_set_done(), threadhandle_cut_short(),
 * threadhandle_let_go(), threadhandle_unlock(), threadhandle_fence(),
 * _PyThreadHandle_Fini(), threadhandle_dealloc(). What is done once the thread
 * has exited: the end of threadhandle_run().
 *
 * The first joiner to come takes the lock. The others go round again when the
 * event is set, unless the thread has been joined by then.
 *
 * Joiners with no timeout come back when the thread of the operating system
 * has exited; others may give up while they wait for the event, for the lock
 * or for that thread. Another thread looks, as it ends, whether it can be
 * joined without waiting. A new thread that is given the identifier of the one
 * that is joined may want to join that one, too. Or the interpreter ends: who
 * is inside a join does not come back to Python, and the handle is kept.
 */

#ifndef JOINERS
#define JOINERS 2
#endif

/*
 * Who else is there, two at a time: three, with two joiners, are some million
 * states. The namesake changes nothing that another one looks at, so what it
 * may find needs no third; and the other two are together in a run.
 */
#ifndef NAMESAKE
#define NAMESAKE 1
#endif
#ifndef REAPER
#define REAPER 1
#endif
#ifndef SET_DONE
#define SET_DONE 1
#endif
#define REFERENCES (JOINERS + NAMESAKE + REAPER + SET_DONE)

bool done;              /* is the event set? */
bool exited;            /* is the thread of the operating system gone? */
bool os_lock;           /* is the lock held? */
bool has_os_handle = true;
bool detach;            /* declared done, or when the interpreter ends */
bool gil;               /* held by who looks without waiting, or lets go */
bool finalizing;
byte claimed;           /* times that it was joined or detached */
byte handle = REFERENCES;
bool deallocated;

/*
 * Always in one step with what needs the handle. That misses nothing: what was
 * deallocated just before stays so.
 */
#define ACCESS() assert(!deallocated)

/* The oldest process outlives the others. */
active proctype end()
{
    (_nr_pr == 1);
    assert((deallocated || finalizing) && !os_lock && claimed == 1)
}

active proctype os_thread()
{
    done = true;        /* in PyThreadState_Clear(): threadlife_end_clear() */
    /* destructors of C thread-local variables */
    exited = true
}

inline try_lock(result)
{
    atomic {
        ACCESS();
        result = !os_lock;
        os_lock = true
    }
}

inline unlock()
{
    atomic { ACCESS(); assert(os_lock); os_lock = false }
}

/*
 * threadhandle_join_os_thread(), with os_lock held. Nobody else writes
 * has_os_handle meanwhile. That it goes is a step of its own: until then,
 * others see a thread that is not there any more.
 */
inline join_os_thread(patient, gone)
{
    if
    :: atomic { !has_os_handle -> ACCESS(); gone = true }
    :: atomic { has_os_handle && detach -> ACCESS(); claimed++; gone = true };
        has_os_handle = false
    :: atomic { has_os_handle && !detach -> ACCESS(); gone = false };
        if
        :: atomic { exited -> claimed++; gone = true };
            atomic { ACCESS(); has_os_handle = false }
        :: !patient -> skip
        fi
    fi
}

/* With `detach` set */
inline let_go()
{
    try_lock(locked);
    if
    :: locked -> join_os_thread(false, gone); unlock()
    :: else -> skip
    fi
}

/* threadhandle_unlock(). What was found out about the thread stays so. */
inline unlock_after_wait()
{
    unlock();
#ifndef PLANT_LEFT_BEHIND
    if
    :: atomic { detach -> ACCESS() }; let_go()
    :: atomic { !detach -> ACCESS() }
    fi;
#endif
    locked = false
}

/*
 * Py_DECREF with the GIL; the last one deallocates. It is one step: nobody
 * else has the handle then, and who looks at it nevertheless fails after this
 * step as well as in the midst of it.
 */
inline drop_handle()
{
    atomic {
        handle--;
        if
        :: handle == 0 ->
            /* Nobody is inside a join. */
            assert(!os_lock && !deallocated);
            claimed = claimed + has_os_handle;
            deallocated = true
        :: else -> skip
        fi
    }
}

active [JOINERS] proctype joiner()
{
    bool locked, gone, found, seen_done;
    bool patient;       /* no timeout */

    if
    :: patient = true
    :: patient = false
    fi;

    do
    :: if
        /* threadhandle_must_join_os_thread() and _PyEvent_IsSet() */
        :: atomic { !has_os_handle && done -> ACCESS(); break }
        :: atomic { else -> ACCESS(); seen_done = done }
        fi;
        try_lock(locked);
        if
        :: done -> skip
        :: !patient -> goto gave_up
        fi;
        if
        :: locked || seen_done -> skip
        :: else ->
            if
            :: finalizing -> goto kept
            :: atomic { !has_os_handle -> ACCESS(); gone = true; break }
            :: atomic { else -> ACCESS(); goto again }
            fi
        fi;
        /* threadhandle_join_once() */
#ifdef PLANT_JOIN_WITHOUT_LOCK
        locked = true;
#endif
        /* threadhandle_has_os_thread() */
        atomic { ACCESS(); gone = !has_os_handle };
        if
        :: gone || locked -> skip
        :: else ->
            if
            :: atomic { !os_lock -> ACCESS(); os_lock = true; locked = true }
            :: !patient -> goto gave_up
            fi
        fi;
        if
        :: gone -> skip
        :: else -> join_os_thread(patient, gone)
        fi;
        if
        :: locked -> found = gone; unlock_after_wait(); gone = found
        :: else -> skip
        fi;
        if
        :: finalizing -> goto kept
        :: else -> skip
        fi;
        if
        :: gone -> break
        :: !gone && !patient -> goto gave_up
        :: else -> skip
        fi;
again:
        skip
    od;
    assert(done);
    /* Whoever declared it done does not want to wait for it. */
    assert(exited || detach);
    goto drop;

gave_up:
    if
    :: locked -> unlock_after_wait()
    :: else -> skip
    fi;
drop:
    if
    :: finalizing -> skip
    :: else -> drop_handle()
    fi;
kept:
    skip
}

#if NAMESAKE
active proctype namesake()
{
    if
    /* The identifier is used again once nothing is left of the thread. */
    :: claimed > 0 && exited ->
        if
        :: atomic { !has_os_handle && done -> ACCESS() }
        :: atomic { else -> ACCESS() };
#ifdef PLANT_IDENTIFIER_FOR_IDENTITY
            assert(false)   /* "cannot join current thread" */
#endif
            assert(done)
        fi
    :: skip
    fi;
    drop_handle()
}
#endif

#if REAPER
active proctype reaper()
{
    bool locked, gone;

    if
    :: atomic { done && !gil && !finalizing -> gil = true };
        /* threadhandle_try_join() */
        if
        :: atomic { has_os_handle -> ACCESS() };
            try_lock(locked);
            if
            :: locked -> join_os_thread(false, gone); unlock()
            :: else -> skip
            fi
        :: atomic { !has_os_handle -> ACCESS() }
        fi;
        gil = false
    :: skip
    fi;
    drop_handle()
}
#endif

#if SET_DONE
active proctype set_done()
{
    bool locked, gone;

    if
    :: atomic { !gil -> gil = true };
        if
        :: detach = true; done = true
        :: finalizing = true; done = true; detach = true
        fi;
        let_go();
        gil = false
    :: skip
    fi;
    drop_handle()
}
#endif
