/*
 * A handle's join: the event, and then the thread of the operating system,
 * which can be joined or detached once. Modules/_threadhandle.c:
 * threadhandle_do_join(), threadhandle_must_join_os_thread(),
 * threadhandle_is_current(), threadhandle_done(), threadhandle_set_done(),
 * threadhandle_cut_short(),
 * threadhandle_dealloc(), and the end of threadhandle_run(). Python/osthread.c:
 * _PyOSThread_IsJoinable(), _PyOSThread_Join(), osthread_wait(),
 * osthread_release(), osthread_unjoinable(), osthread_claimed(),
 * _PyOSThread_LetGo(), osthread_let_go(), _PyOSThread_NoteDone(),
 * _PyOSThread_Fini(), osthread_try_join(), unjoined_reap(),
 * _PyThreadHandle_Fini().
 *
 * What is done with the mutex of the ring held is one step: nothing is waited
 * for with it, and all that it protects is written with it.
 *
 * Joiners with no timeout come back when the thread of the operating system
 * has exited; others may give up while they wait for the event, for the lock
 * or for that thread. A reaper, as it ends, joins the thread if it has exited;
 * it has no reference, and the handle may go meanwhile. A new thread that is
 * given the identifier of the one that is joined may want to join that one,
 * too. Or the interpreter ends: who is inside a join does not come back to
 * Python, and the handle is kept. And C code that runs in the thread may
 * detach it.
 */

#ifndef JOINERS
#define JOINERS 2
#endif

/* Who else is there. */
#ifndef NAMESAKE
#define NAMESAKE 1
#endif
#ifndef REAPERS
#define REAPERS 1
#endif
#ifndef SET_DONE
#define SET_DONE 1
#endif
#ifdef PLANT_DETACHED_UNKNOWN
#define DETACHED_UNKNOWN 1
#else
#define DETACHED_UNKNOWN 0
#endif
/* One is that of the thread itself. */
#define REFERENCES (1 + JOINERS + NAMESAKE + SET_DONE)

bool done;              /* is the event set? */
bool exited;            /* is the thread of the operating system gone? */
bool detached;          /* by C code */
bool os_lock;           /* is the lock held? */
bool joinable = true;
bool unclaimed = true;
bool in_ring;
bool reaping;           /* is there a reaper that has not been crossed out? */
bool let_go;            /* declared done, or when the interpreter ends */
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
    assert(deallocated || finalizing);
    assert(!os_lock || deallocated);
    assert(claimed == 1)
}

inline claim()
{
    joinable = false;
    unclaimed = false;
    in_ring = false
}

/* It is still the thread that this was started as. */
inline claim_once()
{
    assert(unclaimed);
    claimed++
}

/* osthread_release() */
inline release()
{
    assert(os_lock);
#ifndef PLANT_LEFT_BEHIND
    if
    :: unclaimed && !joinable ->
        if
        /* Of a thread that has not come to its end, the system says so. */
        :: detached && !in_ring -> skip
        :: else -> claim_once()
        fi;
        claim()
    :: else -> skip
    fi;
#endif
    os_lock = false
}

/* _PyOSThread_LetGo() */
inline let_it_go()
{
    atomic {
        ACCESS();
        let_go = true;
        joinable = false;
        if
        :: unclaimed && !os_lock -> os_lock = true; release()
        :: else -> skip
        fi
    }
}

/* Py_DECREF with the GIL; the last one deallocates: _PyOSThread_Fini(). */
inline drop_handle()
{
    atomic {
        handle--;
        if
        :: handle == 0 ->
            assert(!deallocated);
            /* Nobody is inside a join. */
            assert(!os_lock || reaping);
            if
#ifndef PLANT_NOT_CROSSED_OUT
            :: reaping -> reaping = false
#endif
            :: else ->
                if
                :: unclaimed -> claim_once()
                :: else -> skip
                fi
            fi;
            in_ring = false;
            deallocated = true
        :: else -> skip
        fi
    }
}

active proctype os_thread()
{
    if
    /* C code. If the thread is detached already, as any other one that Python
       starts is, the system says so. */
    :: atomic { detached = true; claimed = claimed + unclaimed }
    :: skip
    fi;
    if
    :: finalizing -> goto cut_short
    :: skip
    fi;
    /* _PyOSThread_NoteDone() */
    atomic {
        ACCESS();
        if
        :: detached && !DETACHED_UNKNOWN -> claim()
        :: else ->
            if
            :: unclaimed -> in_ring = true
            :: else -> skip
            fi
        fi
    };
    drop_handle();
    done = true;        /* in PyThreadState_Clear(): threadlife_end_clear() */
cut_short:
    /* destructors of C thread-local variables */
    exited = true
}

active [JOINERS] proctype joiner()
{
    bool runs, joins;
    bool patient;       /* no timeout */

    if
    :: patient = true
    :: patient = false
    fi;

    do
    :: if
        /* Nobody holds the GIL here once the interpreter ends. */
        :: finalizing -> goto kept
        :: atomic { !done && !finalizing -> ACCESS() };
            /* PyEvent_WaitTimed(), and back with the GIL */
            if
            :: done -> skip
            :: !patient -> goto drop
            fi
        /* threadhandle_must_join_os_thread() */
        :: atomic { done && !joinable && !finalizing -> ACCESS(); break }
        :: atomic { done && joinable && !finalizing -> ACCESS() };
            /* _PyOSThread_Join() */
            if
            :: atomic { !joinable -> ACCESS(); runs = false; goto returned }
            :: atomic { joinable -> ACCESS() }
            fi;
#ifndef PLANT_JOIN_WITHOUT_LOCK
            if
            :: atomic { !os_lock -> ACCESS(); os_lock = true }
            :: !patient -> atomic { ACCESS(); runs = joinable };
                goto returned
            fi;
#endif
            atomic { ACCESS(); joins = joinable };
            runs = false;
            if
            :: joins ->
                if
                :: atomic { exited -> claim_once() }
                :: !patient -> runs = true
                fi
            :: else -> skip
            fi;
            atomic {
                ACCESS();
                if
                :: joins && !runs -> claim()
                :: else -> skip
                fi;
#ifndef PLANT_JOIN_WITHOUT_LOCK
                release()
#endif
            };
returned:
            if
            :: finalizing -> goto kept
            :: else -> skip
            fi;
            if
            :: !runs -> break
            :: runs && !patient -> goto drop
            :: else -> skip
            fi
        fi
    od;
    assert(done);
    /* Whoever declared it done does not want to wait for it. */
    assert(exited || let_go || detached);

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
    :: claimed > 0 && exited && !finalizing ->
        if
        :: atomic { !joinable && done -> ACCESS() }
        :: atomic { else -> ACCESS() };
            /* Whoever has joined it has the lock, and needs no GIL to release
               it. Who is taken for the thread itself does not wait for that. */
#ifndef PLANT_IDENTIFIER_FOR_IDENTITY
            atomic { !os_lock -> ACCESS(); os_lock = true };
            atomic { ACCESS(); release() }
#endif
        fi;
        assert(done);
        /* From here on, the thread passes for dead. */
        assert(!joinable)
    :: skip
    fi;
    drop_handle()
}
#endif

#if REAPERS
active [REAPERS] proctype reaper()
{
    bool runs, mine;

    if
    :: atomic { in_ring && !os_lock -> ACCESS(); os_lock = true; reaping = true };
        /* osthread_try_join() */
        if
        :: atomic { exited -> assert(unclaimed || deallocated); claimed++ };
            runs = false
        :: runs = true
        fi;
        atomic {
            if
            :: !reaping && runs -> claimed++
            :: !reaping && !runs -> skip
            :: reaping ->
                ACCESS();
                reaping = false;
                if
                :: !runs -> claim()
                :: else -> skip
                fi;
                release()
            fi
        }
    :: skip
    fi
}
#endif

#if SET_DONE
active proctype set_done()
{
    if
    :: let_it_go(); done = true
    /* At finalization, the event is set first. */
    :: finalizing = true; done = true; let_it_go()
    :: skip
    fi;
    drop_handle()
}
#endif
