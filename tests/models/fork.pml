/*
 * A fork at any step of the other threads. One thread forks. It holds the GIL and
 * HEAD_LOCK, which fork_prepare() takes. After the fork, the model is that of
 * the child: its memory is unchanged, and the forking thread is its only thread.
 * The parent is not modelled further: its other threads only see that HEAD_LOCK
 * is held until fork_parent() calls fork_release(); see wait_for_threads.pml.
 * Nor is a fork by a thread that holds HEAD_LOCK already, as head_in_use
 * tells: it takes no lock, and the child continues with HEAD_LOCK held.
 *
 * The worker ends: threadhandle_run(); PyThreadState_Clear(), which calls
 * threadlife_end_clear(); and _PyThreadState_DeleteCurrent(), which calls
 * tstate_delete_common(), threadlife_note_unlinked(), threadlife_fini() and
 * threadlife_release_gil(). The handle has its reference to the event from
 * _PyThreadState_GetDoneEvent(). The joiner joins the worker:
 * threadhandle_do_join(), threadhandle_done(),
 * threadhandle_must_join_os_thread(), _PyOSThread_Join(). The main thread waits
 * for the non-daemon threads, which are the worker and another thread. Any of
 * these four threads may fork; the joiner and the main thread do so in a signal
 * handler.
 *
 * The child calls _PyThreadState_AfterFork_Child(), and then
 * _PyThreadState_DeleteExcept(). That calls threadlife_note_cut_short() and, for
 * each thread state, destructors, which may join the worker, and
 * threadhandle_cut_short(). The child then joins the worker, starts a thread
 * that joins the worker, too, and waits for this thread. If the worker forks, it
 * is the child's only thread, and the new thread waits until it ends.
 *
 * Python code that a thread of the parent was running is not unwound in the
 * child: its references are leaked, and the objects that they refer to are never
 * freed. Everything else is freed, exactly once.
 */

#define WORKER 0
#define OTHER 1
#define STARTED 2       /* in the child */
#define STATES 3        /* number of threads that may be non-daemon */
#define JOINER 3
#define MAIN 4
#define FOREIGN 5
#define NOBODY 6

byte forker = NOBODY;
#define CHILD (forker != NOBODY)
#define GONE(who) (CHILD && forker != who)

bool gil;
bool head_lock;         /* whether HEAD_LOCK is held */
bool half_linked;       /* whether the list of thread states is being changed */

/* The thread states of non-daemon threads that are in the interpreter's list */
bool listed[STATES];
byte nondaemon = 2;

/* The threads that wait for those: the main thread, and the thread that forked */
#define WAITERS 2
bool linked[WAITERS];
bool woken[WAITERS];
byte target[WAITERS];
#define HAS_STACK(w) (w == 1 || !GONE(MAIN))

/* The worker's event */
bool v;                 /* whether it is set */
byte turnstile;         /* number of its lock; 0 for NULL */
byte refcount = 2;      /* the thread state's and the handle's reference */
bool freed;
bool state_has_event = true;

/*
 * The locks of the event: lock 1 is made by the parent, lock 2 by the child. Lock 1
 * is unusable in the child if a thread of the parent was in a call that uses it.
 */
#define LOCKS 3
#define MY_LOCK (CHILD -> 2 : 1)
bool exists[LOCKS];
bool held[LOCKS];
bool inside;            /* whether the joiner is in a call that uses lock 1 */
bool broken;            /* whether lock 1 is unusable */

/* The worker's handle: two references of the worker, one of the joiner, and one of
   the other thread */
byte handle = 4;
bool joiner_has_handle = true;
bool other_has_handle = true;
bool deallocated;
bool on_delete = true;  /* whether the worker's thread state has one */
bool os_lock;
bool has_os_handle = true;
bool same_generation = true;
bool exited;            /* whether the worker's OS thread has exited */
byte claimed;           /* how often the OS thread was joined or detached */

#define ACCESS() assert(!freed)
#define ACCESS_HANDLE() assert(!deallocated)
/* _PyOSThread_IsJoinable() and _PyThreadState_ForkGeneration(). The C library calls
   fork_child(), which changes the generation, before anything else in the child. */
#define HAS_OS_THREAD (has_os_handle && same_generation)

inline take_gil()
{
    atomic { !gil -> gil = true }
}

inline drop_gil()
{
    atomic { assert(gil); gil = false }
}

/* _PyThreadState_AcquireListLock() */
inline lock()
{
    atomic { !head_lock -> head_lock = true }
}

/* _PyThreadState_ReleaseListLock() */
inline unlock()
{
    atomic { assert(head_lock); head_lock = false }
}

inline usable(n)
{
    assert(exists[n] && !(n == 1 && broken))
}

/* The OS thread is joined or detached: only the parent may do that, for it is a
   thread of the parent. */
inline claim()
{
    assert(!CHILD);
    claimed++
}

/* _PyEvent_Notify() */
inline notify()
{
    atomic { ACCESS(); old = v; v = true };
    if
    :: old -> skip
    :: else ->
        atomic { ACCESS(); seen = turnstile };
        if
        :: seen -> atomic { usable(seen); held[seen] = false }
        :: else -> skip
        fi
    fi
}

/*
 * _PyEventRc_Decref() and _PyEvent_Fini(). The thread that drops the last
 * reference is the only one that can use the event, so this is one step.
 */
inline decref()
{
    ACCESS();
    refcount--;
    if
    :: refcount == 0 ->
        if
        :: turnstile -> usable(turnstile); exists[turnstile] = false
        :: else -> skip
        fi;
        freed = true
    :: else -> skip
    fi
}

/* Py_DECREF, with the GIL held, and threadhandle_dealloc(): one step, for the same
   reason */
inline drop_handle()
{
    ACCESS_HANDLE();
    handle--;
    if
    :: handle == 0 ->
        deallocated = true;
        if
        :: HAS_OS_THREAD && !os_lock -> claim()
        :: else -> skip
        fi;
        decref()
    :: else -> skip
    fi
}

/* threadlife_notify(), with HEAD_LOCK held */
inline notify_waiters()
{
    atomic {
        w = 0;
        do
        :: w < WAITERS ->
            if
            :: linked[w] && nondaemon <= target[w] ->
                assert(HAS_STACK(w));
                woken[w] = true
            :: else -> skip
            fi;
            w++
        :: else -> w = 0; break
        od
    }
}

/* tstate_delete_common() and threadlife_note_unlinked(), with the GIL held */
inline leave(who)
{
    lock();
    listed[who] = false;
    nondaemon--;
    notify_waiters();
    unlock()
}

/*
 * One round of the loop in threadhandle_do_join(), which begins and ends with the
 * GIL held. Each round looks at the event and at the OS thread anew.
 */
inline join_round(patient)
{
    over = false;
    interrupted = false;
    atomic {
        ACCESS_HANDLE();
        ACCESS();
        join_os_thread = HAS_OS_THREAD;     /* threadhandle_must_join_os_thread() */
        set = v                             /* threadhandle_done() */
    };
    if
    :: set && !join_os_thread -> over = true
    :: set && join_os_thread -> join_once(patient)
    :: else -> wait_for_event(patient)
    fi
}

/* _PyOSThread_Join(), which is called and returns with the GIL held */
inline join_once(patient)
{
    drop_gil();
    if
    :: atomic { !HAS_OS_THREAD -> ACCESS_HANDLE() }
    :: atomic { HAS_OS_THREAD -> ACCESS_HANDLE() };
        if
        :: atomic { !os_lock -> ACCESS_HANDLE(); os_lock = true };
            if
            :: atomic { !HAS_OS_THREAD -> ACCESS_HANDLE() }
            :: atomic { HAS_OS_THREAD && (exited || CHILD) -> claim() };
                atomic { ACCESS_HANDLE(); has_os_handle = false }
            /* The OS thread has not exited, and a signal has arrived. */
            :: !patient -> interrupted = true
            fi;
            atomic { ACCESS_HANDLE(); os_lock = false }
        :: !patient -> interrupted = true
        fi
    fi;
    take_gil()
}

/*
 * PyEvent_WaitTimed(), _PyEvent_IsSet(), event_get_turnstile() and
 * event_load_turnstile(). The GIL is held except during the wait. It is held
 * again when the turnstile is released for the next waiter, in
 * event_attach_and_release().
 */
inline wait_for_event(patient)
{
    atomic {
        if
        :: turnstile == 0 ->
            assert(!exists[MY_LOCK]);
            exists[MY_LOCK] = true;
            held[MY_LOCK] = true;
            turnstile = MY_LOCK
        :: else -> skip
        fi
    };
    atomic { ACCESS(); set = v; seen = turnstile };
    if
    :: set -> skip
    :: else ->
        drop_gil();
        atomic { usable(seen); inside = (seen == 1) };
        if
        :: atomic { !held[seen] -> usable(seen); held[seen] = true };
            take_gil();
            atomic { usable(seen); held[seen] = false; inside = false }
        :: !patient -> interrupted = true; inside = false;
            take_gil()
        fi;
        ACCESS()
    fi
}

/*
 * One round of the loop in _PyInterpreterState_WaitForThreads(), with the GIL
 * held: threadlife_is_over(), threadlife_link(), threadlife_unlink(). The wait is
 * over when no non-daemon thread is left but the waiter itself.
 */
inline wait_round(me, patient)
{
    interrupted = false;
    lock();
    over = (nondaemon <= target[me]);
    if
    :: over -> assert(listed[WORKER] + listed[OTHER] + listed[STARTED] == target[me])
    :: else -> linked[me] = true
    fi;
    unlock();
    if
    :: over -> skip
    :: else ->
        drop_gil();
        if
        :: woken[me]
        :: !patient -> interrupted = true
        fi;
        take_gil();
        lock();
        linked[me] = false;
        unlock();
        woken[me] = false       /* _PyEvent_Fini() */
    fi
}

/* The forking thread holds the GIL, and is the only thread of the child. */
inline fork(me)
{
    /* fork_prepare() takes HEAD_LOCK with the GIL held; no thread that holds
       HEAD_LOCK needs the GIL. */
#ifndef PLANT_FORK_WITHOUT_LOCK
    lock();
#endif
    atomic {
        assert(gil && !CHILD && !half_linked);
        assert(nondaemon == listed[WORKER] + listed[OTHER]);
        forker = me;
        broken = inside;
        head_lock = false       /* fork_child() */
    };

    /* _PyThreadState_AfterFork_Child() */
#ifndef PLANT_GENERATION_KEPT
    same_generation = false;
#endif
#ifndef PLANT_WAITERS_KEPT
    linked[0] = false; linked[1] = false;
#endif
    if
    :: listed[WORKER] ->
#ifndef PLANT_TURNSTILE_KEPT
        turnstile = 0;          /* _PyEvent_AfterFork() */
#endif
#ifndef PLANT_EVENT_NOT_NOTIFIED
        if
        :: me != WORKER -> notify()
        :: else -> skip
        fi
#else
        skip
#endif
    :: else -> skip
    fi;

    /* _PyThreadState_DeleteExcept() and threadlife_note_cut_short() */
    lock();
    cleared = (listed[WORKER] && me != WORKER);
    listed[WORKER] = (me == WORKER);
    listed[OTHER] = (me == OTHER);
#ifndef PLANT_COUNT_KEPT
    nondaemon = (me == WORKER || me == OTHER -> 1 : 0);
#endif
#ifndef PLANT_WAITERS_KEPT
    linked[0] = false; linked[1] = false;
#endif
    if
#ifndef PLANT_EVENT_NOT_NOTIFIED
    :: cleared -> notify()
#endif
    :: else -> skip
    fi;
    unlock();
    if
    :: cleared ->
        /* Destructors run before the worker's thread state is cleared; they hold
           the GIL of the forking thread. */
        if
        :: run destructor(); atomic { destructed -> destructed = false }
        :: skip
        fi;
        if
        :: on_delete ->
            on_delete = false;
            /* threadhandle_cut_short() */
            if
            :: same_generation -> claim()   /* _PyOSThread_LetGo() */
            :: else -> atomic { drop_handle() }; atomic { drop_handle() }
            fi
        :: else -> skip
        fi;
        notify();               /* threadlife_end_clear() */
        atomic { state_has_event = false; decref() }
    :: else -> skip
    fi
}

bool destructed;

proctype destructor()
{
    bool over, interrupted, set, join_os_thread;
    byte seen;

    do
    :: over -> break
    :: else -> join_round(true)
    od;
    destructed = true
}

/* Start a thread in the child, with the GIL held; if `may_join`, it joins the
   worker. */
inline start_thread(may_join)
{
    lock();
    listed[STARTED] = true;
    nondaemon++;                /* _PyThreadState_SetDaemon() */
    notify_waiters();
    unlock();
    if
    :: may_join -> ACCESS_HANDLE(); handle++
    :: else -> skip
    fi;
    run started(may_join)
}

proctype started(bool may_join)
{
    bool over, interrupted, set, join_os_thread;
    byte seen, w;

    take_gil();
    do
    :: over || !may_join -> break
    :: else -> join_round(true)
    od;
    if
    :: may_join -> atomic { drop_handle() }
    :: else -> skip
    fi;
    leave(STARTED);
    drop_gil()
}

/* What the child does before it ends, unless the worker forked: it waits for the
   thread that it has started. */
inline child_waits()
{
    over = false;
    do
    :: over -> break
    :: else -> wait_round(1, true)
    od
}

/* The first process; it ends last, after all others. */
active proctype end()
{
    bool leaked;

    atomic {
        listed[WORKER] = true;
        listed[OTHER] = true;
        run worker(); run joiner(); run other();
#ifdef WITH_FOREIGN
        run foreign()
#else
        run main_thread()
#endif
    };
    (_nr_pr == 1);
    leaked = joiner_has_handle || other_has_handle || state_has_event;
    assert(leaked || (freed && deallocated && handle == 0 && !exists[2]));
    assert(CHILD || (!leaked && claimed == 1 && !os_lock && !exists[1]))
}

proctype worker()
{
    bool old, cleared;
    byte seen, w;

    {
        take_gil();
        if
        :: fork(WORKER); start_thread(true); drop_gil(); take_gil()
        :: true
        fi;
        /* The end of threadhandle_run(), which does not release the GIL */
        atomic { on_delete = false; handle-- };
        atomic { drop_handle() };
        /* PyThreadState_Clear(): destructors, then threadlife_end_clear() */
        if
        :: drop_gil(); take_gil()
        :: true
        fi;
        notify();
        leave(WORKER);
        atomic { state_has_event = false; decref() };     /* threadlife_fini() */
        /* threadlife_release_gil() */
        lock();
        drop_gil();
        unlock();
        exited = true
    } unless { GONE(WORKER) }
}

proctype joiner()
{
    bool over, interrupted, set, join_os_thread, old, cleared, tired;
    byte seen, w;

    {
        take_gil();
        do
        :: over -> break
        :: else ->
            join_round(tired);
            if
            :: interrupted ->
                tired = true;
                /* A signal handler runs, as a pending call. */
                if
                :: fork(JOINER); over = false
                :: true
                fi
            :: else -> skip
            fi
        od;
        atomic { joiner_has_handle = false; drop_handle() };
        drop_gil()
    } unless { GONE(JOINER) }
}

proctype other()
{
    bool over, interrupted, set, join_os_thread, old, cleared;
    byte seen, w;

    {
        take_gil();
        if
        :: fork(OTHER);
            target[1] = 1;
            start_thread(true);
            do
            :: over -> break
            :: else -> join_round(true)
            od;
            child_waits()
        :: true
        fi;
        atomic { other_has_handle = false; drop_handle() };
        leave(OTHER);
        drop_gil()
    } unless { GONE(OTHER) }
}

proctype main_thread()
{
    bool over, interrupted, old, cleared, tired;
    byte seen, w;

    {
        take_gil();
        do
        :: over -> break
        :: else ->
            wait_round(0, tired);
            if
            :: interrupted ->
                tired = true;
                /* A signal handler runs, as a pending call. */
                if
                :: fork(MAIN); start_thread(false)
                :: true
                fi
            :: else -> skip
            fi
        od;
        drop_gil()
    } unless { GONE(MAIN) }
}

/*
 * A thread that C code has started makes a thread state, for which it needs no
 * GIL. That changes nothing else, so a run of its own checks it, without the main
 * thread.
 */
proctype foreign()
{
    {
        /* new_threadstate(): the new thread state is a daemon's */
        atomic { !head_lock -> head_lock = true; half_linked = true };
        atomic { half_linked = false; head_lock = false }
    } unless { GONE(FOREIGN) }
}
