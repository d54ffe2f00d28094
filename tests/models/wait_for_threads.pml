/*
 * _PyInterpreterState_WaitForThreads(), and the functions that change the
 * number of non-daemon threads that it waits for: Python/threadlife.c.
 *
 * The threads that are waited for may start other ones. Two threads wait: the
 * main thread, which does not count as a non-daemon thread and may be
 * interrupted once, and a non-daemon thread. One more thread forks, at any
 * moment.
 */

#ifndef THREADS
#define THREADS 3
#endif
#define SELF THREADS        /* the thread state of the waiting thread */
#define STATES (THREADS + 1)
#define WAITERS 2

bool listed[STATES];        /* whether it is in the interpreter's list of states */
byte nondaemon;             /* interp->threadlife.nondaemon */
bool head_lock;             /* whether HEAD_LOCK is held */

bool linked[WAITERS];       /* whether it is in interp->threadlife.waiters */
bool on_stack[WAITERS];     /* whether the waiter's stack frame exists */
bool event[WAITERS];        /* whether its event is set */
byte target[WAITERS];       /* it waits until `nondaemon` is at most this */

/* HEAD_LOCK: _PyThreadState_AcquireListLock() */
inline lock()
{
    atomic { !head_lock -> head_lock = true }
}

/* _PyThreadState_ReleaseListLock() */
inline unlock()
{
    atomic { assert(head_lock); head_lock = false }
}

inline count_listed()
{
    d_step {
        n = 0; listed_now = 0;
        do
        :: n < STATES -> listed_now = listed_now + listed[n]; n++
        :: else -> break
        od;
        n = 0
    }
}

/* threadlife_notify(), with HEAD_LOCK held */
inline notify()
{
    w = 0;
    do
    :: w < WAITERS && linked[w] && nondaemon <= target[w] ->
        assert(on_stack[w]);
#ifndef PLANT_FORGOTTEN_NOTIFY
        event[w] = true;
#endif
        w++
    :: w < WAITERS && !(linked[w] && nondaemon <= target[w]) -> w++
    :: w == WAITERS -> break
    od
}

/*
 * new_threadstate() links the thread state, which is a daemon's at first; then
 * _PyThreadState_SetDaemon() counts it.
 */
inline begin(number)
{
    lock();
    listed[number] = true;
    nondaemon++;
    notify();
    unlock()
}

/* tstate_delete_common(), and threadlife_note_unlinked() in it */
inline leave(number)
{
#ifdef PLANT_COUNT_BEFORE_UNLINK
    lock(); nondaemon--; notify(); unlock();
    lock(); listed[number] = false; unlock()
#else
    lock();
    listed[number] = false;
    nondaemon--;
    notify();
    unlock()
#endif
}

/* A thread may start another one, whose thread state is in the list before its
   own is taken out. */
proctype thread(byte me)
{
    byte w;

    if
    :: me + 1 < THREADS -> begin(me + 1); run thread(me + 1)
    :: true
    fi;
    leave(me)
}

/* _PyInterpreterState_WaitForThreads(); it leaves the loop when no thread is left
   to wait for. */
inline wait_for_threads(me)
{
    on_stack[me] = true;
    do
    :: /* threadlife_is_over() and threadlife_link() */
        lock();
        over = (nondaemon <= target[me]);
#ifdef PLANT_LINK_WITHOUT_LOCK
        unlock();
        lock();
#endif
        if
        :: over -> count_listed()
        :: else -> linked[me] = true
        fi;
        unlock();
        if
        :: over -> break
        :: else -> skip
        fi;
        if
        :: event[me]
        :: me == 0 && !interrupted -> interrupted = true; raised = true
        fi;
#ifdef PLANT_LEAVE_LINKED
        if
        :: raised -> on_stack[me] = false; goto interruption
        :: else -> skip
        fi;
#endif
        /* threadlife_unlink() */
        lock();
        linked[me] = false;
        unlock();
        event[me] = false;      /* _PyEvent_Fini() */
        if
        :: raised -> on_stack[me] = false; goto interruption
        :: else -> skip
        fi
    od;
    on_stack[me] = false;
    /* While the lock was held, no thread state was in the list but the waiter's
       own, if it has one there. */
    assert(listed_now == target[me])
}

active proctype main_thread()
{
    byte n, listed_now;
    bool over, interrupted, raised;

    atomic {
        target[1] = 1;
        listed[0] = true; run thread(0);
        listed[SELF] = true; run other_waiter();
        run forker();
        nondaemon = 2
    }
again:
    wait_for_threads(0);
    goto end;

interruption:
    /* threading does not call it again, but finalization may. */
    raised = false;
    goto again;
end:
    skip
}

proctype other_waiter()
{
    byte n, w, listed_now;
    bool over, interrupted, raised;

    wait_for_threads(1);
interruption:
    assert(!raised);
    leave(SELF)
}

/*
 * fork_prepare(), in a thread that does not hold the lock yet, as head_in_use
 * tells; then the list that the child gets; then fork_parent(), which calls
 * fork_release() in the parent. The rest of the child is in fork.pml.
 */
proctype forker()
{
    byte n, listed_now;

#ifndef PLANT_FORK_WITHOUT_LOCK
    lock();
#endif
    count_listed();
    /* The list and the count that the child gets agree. */
    assert(nondaemon == listed_now);
#ifndef PLANT_FORK_WITHOUT_LOCK
    unlock()
#endif
}
