/*
 * _PyInterpreterState_WaitForThreads(), and all that changes the number of
 * non-daemon threads that it waits for: Python/threadlife.c.
 *
 * The threads that it waits for may start others while they run. Two wait: the
 * main thread, which is no non-daemon thread and may be interrupted once, and
 * a thread that is one itself. Another forks at any moment.
 */

#ifndef THREADS
#define THREADS 3
#endif
#define SELF THREADS        /* the thread state of the waiting thread */
#define STATES (THREADS + 1)
#define WAITERS 2

bool listed[STATES];        /* the interpreter's list of thread states */
byte nondaemon;             /* interp->threadlife.nondaemon */
bool head_lock;

bool linked[WAITERS];       /* the list interp->threadlife.waiters */
bool on_stack[WAITERS];     /* is the waiter's memory there? */
bool event[WAITERS];
byte target[WAITERS];

/* HEAD_LOCK: head_lock() */
inline lock()
{
    atomic { !head_lock -> head_lock = true }
}

/* head_unlock() */
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
 * new_threadstate() links it, and it is a daemon's; then
 * _PyThreadState_SetDaemon().
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

/* One that runs may start another, which is listed before it is gone itself. */
proctype thread(byte me)
{
    byte w;

    if
    :: me + 1 < THREADS -> begin(me + 1); run thread(me + 1)
    :: true
    fi;
    leave(me)
}

/* _PyInterpreterState_WaitForThreads(); leaves the loop when it is over. */
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
    /* None was listed, under the lock, but the waiter itself. */
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
    /* threading does not call it again, but the interpreter's end may. */
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
 * fork_prepare(), of a thread that has not got the lock, as head_is_mine() tells;
 * then what the child is given. The child itself is in fork.pml. The parent goes
 * on: fork_parent(), with fork_release().
 */
proctype forker()
{
    byte n, listed_now;

#ifndef PLANT_FORK_WITHOUT_LOCK
    lock();
#endif
    count_listed();
    /* The list that the child gets is whole. */
    assert(nondaemon == listed_now);
#ifndef PLANT_FORK_WITHOUT_LOCK
    unlock()
#endif
}
