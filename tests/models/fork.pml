/*
 * A fork at any step of the others. One thread forks, holding the GIL and the
 * lock of the thread states, as fork_prepare() has it. From there on this is the
 * child: the memory is as it was, and of the threads only the forking one is
 * left. The parent goes on as if nothing had been: what the others see of it is
 * a lock that is held for a while, see wait_for_threads.pml, and fork_parent()
 * releases it, with fork_release(). A thread that has the lock already, which
 * head_is_mine() tells, is not here: it takes nothing, and the child goes on
 * where it was.
 *
 * The worker ends: threadhandle_run(), PyThreadState_Clear() with
 * threadlife_end_clear(), _PyThreadState_DeleteCurrent() with
 * tstate_delete_common(), threadlife_note_unlinked(), threadlife_fini() and
 * threadlife_release_gil(). The handle has its reference to the event from
 * _PyThreadState_GetDoneEvent(). The joiner joins it: threadhandle_do_join(),
 * threadhandle_done(), threadhandle_must_join_os_thread(), _PyOSThread_Join().
 * The main thread waits for the threads that are no daemons: the worker and
 * another one. Any of the four may fork: the joiner and the main thread in a
 * signal handler.
 *
 * In the child: _PyThreadState_AfterFork_Child(), and then
 * _PyThreadState_DeleteExcept(), with threadlife_note_cut_short() and, for each
 * thread state, destructors that may join the worker, and
 * threadhandle_cut_short(). Then it joins the worker, starts a thread that does
 * so, too, and waits for it. If it was the worker that forked, the new thread
 * waits for the worker, which does end.
 *
 * Python code that a thread of the parent was running is not unwound in the
 * child: the references that it had are leaked, and nothing that hangs on them
 * is ever freed. All else is freed, once.
 */

#define WORKER 0
#define OTHER 1
#define STARTED 2       /* in the child */
#define STATES 3        /* of those that may be no daemons */
#define JOINER 3
#define MAIN 4
#define FOREIGN 5
#define NOBODY 6

byte forker = NOBODY;
#define CHILD (forker != NOBODY)
#define GONE(who) (CHILD && forker != who)

bool gil;
bool head_lock;
bool half_linked;       /* is a thread state being linked, or unlinked? */

/* The thread states in the interpreter's list that are no daemons' */
bool listed[STATES];
byte nondaemon = 2;

/* Those who wait for them: the main thread; the thread that forked */
#define WAITERS 2
bool linked[WAITERS];
bool woken[WAITERS];
byte target[WAITERS];
#define HAS_STACK(w) (w == 1 || !GONE(MAIN))

/* The worker's event */
bool v;
byte turnstile;         /* number of the lock; 0 for NULL */
byte refcount = 2;      /* of the thread state, of the handle */
bool freed;
bool state_has_event = true;

/*
 * Its locks: one that the parent makes, one that the child makes. The first is
 * broken in the child if a thread of the parent was inside an operation on it.
 */
#define LOCKS 3
#define MY_LOCK (CHILD -> 2 : 1)
bool exists[LOCKS];
bool held[LOCKS];
bool inside;            /* is the joiner inside an operation on lock 1? */
bool broken;            /* lock 1 */

/* The worker's handle: references of the worker (2), the joiner, the other */
byte handle = 4;
bool joiner_has_handle = true;
bool other_has_handle = true;
bool deallocated;
bool on_delete = true;  /* of the worker's thread state */
bool os_lock;
bool has_os_handle = true;
bool same_generation = true;
bool exited;            /* the worker's thread of the operating system */
byte claimed;           /* times that it was joined or detached */

#define ACCESS() assert(!freed)
#define ACCESS_HANDLE() assert(!deallocated)
/* _PyOSThread_IsJoinable() and _PyThreadState_ForkGeneration(). The C
   library has fork_child() change it before anything else. */
#define HAS_OS_THREAD (has_os_handle && same_generation)

inline take_gil()
{
    atomic { !gil -> gil = true }
}

inline drop_gil()
{
    atomic { assert(gil); gil = false }
}

/* head_lock() */
inline lock()
{
    atomic { !head_lock -> head_lock = true }
}

/* head_unlock() */
inline unlock()
{
    atomic { assert(head_lock); head_lock = false }
}

inline usable(n)
{
    assert(exists[n] && !(n == 1 && broken))
}

/* Of the thread of the operating system, which is the parent's */
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
 * _PyEventRc_Decref() and _PyEvent_Fini(): the last one has it for itself, so
 * it is one step.
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

/* Py_DECREF with the GIL, and threadhandle_dealloc(): one step likewise */
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

/* threadlife_notify(), with the lock of the thread states held */
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

/* tstate_delete_common() and threadlife_note_unlinked(), with the GIL */
inline leave(who)
{
    lock();
    listed[who] = false;
    nondaemon--;
    notify_waiters();
    unlock()
}

/*
 * One round of threadhandle_do_join(), which begins and ends with the GIL held.
 * What a round found out about the event and the thread is not kept.
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

/* _PyOSThread_Join(), called with the GIL held, as it comes back with it */
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
            /* The thread lingers, and a signal has arrived. */
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
 * event_load_turnstile(). The GIL is held but for the wait, and there when the
 * next one is let through: event_attach_and_release().
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
 * One round of _PyInterpreterState_WaitForThreads(), with the GIL, which is over
 * when none but the waiter itself is left: threadlife_is_over(),
 * threadlife_link(), threadlife_unlink().
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

/* Whoever forks has the GIL, and goes on as the only thread of the child. */
inline fork(me)
{
    /* fork_prepare(): with the GIL, which nobody who has the lock needs */
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
        /* Destructors that run before it is the worker's turn: their GIL is ours. */
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

/* In the child, with the GIL: it joins the worker if `may_join`. */
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

/* What the child of a thread does that is not the worker: it does not end before. */
inline child_waits()
{
    over = false;
    do
    :: over -> break
    :: else -> wait_round(1, true)
    od
}

/* The oldest process outlives the others. */
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
        /* The end of threadhandle_run(): nothing here lets go of the GIL. */
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
                /* pending calls */
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
                /* pending calls */
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
 * A thread of C code gets a thread state, for which it needs no GIL. It changes
 * nothing else, so it stands in for the main thread in a run of its own.
 */
proctype foreign()
{
    {
        /* new_threadstate(); it is born a daemon's */
        atomic { !head_lock -> head_lock = true; half_linked = true };
        atomic { half_linked = false; head_lock = false }
    } unless { GONE(FOREIGN) }
}
