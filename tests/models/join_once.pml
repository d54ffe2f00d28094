/*
 * The join of a thread handle: it waits for the event, and then joins the OS
 * thread, which can be joined or detached only once. Modules/_threadhandle.c:
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
 * All that a thread does while it holds the mutex of the ring is one step: a
 * thread that holds this mutex waits for nothing, and all fields that the mutex
 * protects are written while it is held.
 *
 * A joiner without a timeout returns when the OS thread has exited. A joiner
 * with a timeout may give up while it waits for the event, for the lock or for
 * the OS thread. A reaper is another thread that ends, and then joins the OS
 * thread if this has exited; a reaper has no reference to the handle, which may
 * be deallocated meanwhile. The namesake is a new thread, to which the system
 * has given the identifier of the joined thread; it may join the handle, too.
 * Finalization may begin: a thread that is inside a join then does not return
 * to Python, and the handle is not deallocated. C code that runs in the joined
 * thread may detach it.
 */

#ifndef JOINERS
#define JOINERS 2
#endif

/* The threads beside the joined thread and its joiners */
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
/* One of the references is that of the joined thread itself. */
#define REFERENCES (1 + JOINERS + NAMESAKE + SET_DONE)

bool done;              /* whether the event is set */
bool exited;            /* whether the OS thread has exited */
bool detached;          /* whether C code has detached the OS thread */
bool os_lock;           /* whether the lock of the OS thread is held */
bool joinable = true;   /* whether a join is to wait for the OS thread */
bool unclaimed = true;  /* whether the OS thread is still to be joined or
                           detached */
bool in_ring;           /* whether it is in the ring of the OS threads that
                           have ended and that no thread has joined */
bool reaping;           /* whether a reaper joins the OS thread, and the
                           handle has not been deallocated meanwhile */
bool let_go;            /* whether no thread may wait for the OS thread:
                           set by _set_done, and at finalization */
bool finalizing;
byte claimed;           /* how often the OS thread was joined or detached */
byte handle = REFERENCES;       /* number of references to the handle */
bool deallocated;

/*
 * Check that the handle still exists; always in one step with the access to the
 * handle. This finds every access to a deallocated handle, since `deallocated`
 * is never unset.
 */
#define ACCESS() assert(!deallocated)

/* The first process; it ends last, after all others. */
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

/* The OS thread is joined or detached. Assert that it was neither before: its
   identifier may be that of another OS thread by now. */
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
        /* C code has detached the thread, and the thread has not ended yet:
           the system reports that it is detached already. */
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

/* Py_DECREF, with the GIL held; the last reference deallocates the handle:
   _PyOSThread_Fini(). */
inline drop_handle()
{
    atomic {
        handle--;
        if
        :: handle == 0 ->
            assert(!deallocated);
            /* No joiner is inside a join. */
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
    /* C code detaches the thread that it runs in. If the thread is detached
       already, the system reports that, and nothing is done. */
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
    done = true;        /* threadlife_end_clear() in PyThreadState_Clear() */
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
        /* Once finalization has begun, no joiner gets the GIL. */
        :: finalizing -> goto kept
        :: atomic { !done && !finalizing -> ACCESS() };
            /* PyEvent_WaitTimed(), which returns with the GIL held */
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
    /* A join need not wait for an OS thread that was released or detached. */
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
    /* The system uses the identifier again once the OS thread has exited and
       was joined or detached. */
    :: claimed > 0 && exited && !finalizing ->
        if
        :: atomic { !joinable && done -> ACCESS() }
        :: atomic { else -> ACCESS() };
            /* Wait for the lock: the joiner that has joined the OS thread holds
               it, and needs no GIL to release it. A namesake that is taken for
               the joined thread itself does not wait. */
#ifndef PLANT_IDENTIFIER_FOR_IDENTITY
            atomic { !os_lock -> ACCESS(); os_lock = true };
            atomic { ACCESS(); release() }
#endif
        fi;
        assert(done);
        /* From here on, the thread is not alive. */
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
    /* Finalization sets the event first. */
    :: finalizing = true; done = true; let_it_go()
    :: skip
    fi;
    drop_handle()
}
#endif
