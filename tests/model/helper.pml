// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The life of the helper thread: core/helper.c, all of it.
//
// Two threads of the program add work and call the helper, one forks, one may end the program;
// the thread may fail to start. Each load and each store of a word is a step of its own: they are
// sequentially consistent, so no store waits in a buffer. Work is there at once, or due later: then
// the helper is kept, not called.
//
// Not modelled: what the work is (scrub_queue.pml); the time limit of zp_helper_stop, after which
// nothing is promised; the child, where all words are 0 as at the start.
//
// Holds: there is never more than one helper at work; it does nothing between pause and resume, nor
// after a stop that has waited for it; no work is left when all is quiet, unless the helper is off;
// no thread sleeps then except a helper without work.
//
// Explored: 3,916,744 states; 18 mutants.

#define TIME_OUTS 2
#include "common.pml"

#define PROGRAMS 2
#define PUTS 1
#define LINGER_STEPS 1

// What zp_background_due tells: there is work, or there will be.
byte work;
bool later;
bool come; // the time for what was due later
bool running, busy, sleeping, paused, off;
byte calls;
bool lock;

bool call_awaited, resume_awaited, busy_awaited, running_awaited; // asleep on the word
byte created;                                                     // threads yet to begin
bool at_part, forking, stopped;                                   // for what is to hold

inline has_work(answer)
{
    if
    :: off -> answer = false
    :: !off -> answer = work > 0 || come
    fi
}

// Whether there is work in sight.
inline has_any_work(answer)
{
    if
    :: off -> answer = false
    :: !off -> answer = work > 0 || come || later
    fi
}

// ---- The thread ------------------------------------------------------------------------------

// zp_background_part; another thread may have done the work.
inline work_part()
{
    atomic { assert(!at_part && !forking && !stopped); at_part = true }
    if
    :: atomic { work > 0 -> work-- }
    :: atomic { work == 0 && come -> come = false; later = false }
    :: work == 0 && !come
    fi;
    atomic { assert(!forking); at_part = false }
}

inline do_part()
{
    busy = true; // mutant busy_late: skip;
    if
    :: !paused -> // mutant not_paused: :: true ->
        // mutant busy_late: busy = true;
        work_part()
    :: paused
    fi;
    busy = false;
    if
    :: !paused
    :: paused ->
        wake(busy_awaited); // mutant pause_unanswered: skip;
        fall_asleep(resume_awaited, paused, true);
        sleep_on(resume_awaited)
    fi
}

inline wait_for_work()
{
    seen = calls;    // mutant calls_late: skip;
    sleeping = true; // mutant sleeping_late: skip;
    has_work(any);   // mutant no_second_look: any = false;
    // mutant calls_late: seen = calls;
    if
    :: any
    :: !any ->
        // mutant sleeping_late: sleeping = true;
        if
        :: off
        :: !off && later -> come = true // its time is over, if no call comes before
        :: !off && !later ->
            fall_asleep(call_awaited, calls, seen);
end_idle:
            if // a step of lingering is short: what is due later is seen after it without a call
            :: atomic { later -> call_awaited = false }
            :: atomic { call_awaited && time_outs > 0 -> time_outs--; call_awaited = false }
            :: !call_awaited
            fi
        fi
    fi;
    sleeping = false;
    has_work(any)
}

inline linger()
{
    steps = 0;
    do
    :: steps < LINGER_STEPS && !off ->
        wait_for_work();
        steps++;
        if
        :: any -> break
        :: !any
        fi
    :: steps == LINGER_STEPS || off -> any = false; break
    od
}

inline take_over(taken)
{
    d_step { taken = !running; running = true } // mutant taken_twice: taken = !running; running = true
}

// Room for two threads, so that a second one would show.
active [2] proctype helper()
{
    byte seen, steps;
    bool any;
end_not_there:
    atomic { created > 0 -> created-- }
    do
    :: true ->
        has_work(any);
        if
        :: any
        :: !any -> linger()
        fi;
        if
        :: any -> do_part()
        :: !any ->
            running = false;
            wake(running_awaited); // mutant stop_unanswered: skip;
            has_any_work(any);     // mutant work_left_at_end: any = false;
            skip;                  // mutant later_left_at_end: has_work(any);
            if
            :: any -> take_over(any)
            :: !any
            fi;
            if
            :: any
            :: !any -> goto end_not_there
            fi
        fi
    od
}

// ---- Starting and stopping -------------------------------------------------------------------

inline start()
{
    if
    :: off
    :: !off ->
        take_over(taken);
        if
        :: taken -> created++
        :: taken -> // neither a small stack nor the usual one was granted
            off = true;
            running = false;
            wake(running_awaited) // mutant refusal_unanswered: skip
        :: !taken
        fi
    fi
}

inline zp_helper_call()
{
    if
    :: !running -> start()
    :: running ->
        if
        :: sleeping ->
            calls++; // mutant not_called: skip;
            wake(call_awaited) // mutant not_woken: skip
        :: !sleeping
        fi
    fi
}

inline zp_helper_keep()
{
    if
    :: !running -> start() // mutant not_kept: :: !running -> skip
    :: running
    fi
}

active [PROGRAMS] proctype program()
{
    byte puts;
    bool taken;
    do
    :: puts < PUTS ->
        puts++;
        if
        :: work++;
            zp_helper_call()
        :: later = true;
            zp_helper_keep()
        fi
    :: puts == PUTS -> break
    od
}

active proctype ending_program()
{
    if
    :: true // it goes on
    :: true ->
        off = true;
        calls++;
        wake(call_awaited);
        do
        :: running ->
            fall_asleep(running_awaited, running, true);
            sleep_on(running_awaited)
        :: !running -> break // mutant stop_impatient: :: true -> break
        od;
        stopped = true
    fi
}

// ---- Fork ------------------------------------------------------------------------------------

inline zp_helper_pause()
{
    take_lock(lock);
    paused = true; // mutant paused_late: skip;
    do
    :: busy ->
        fall_asleep(busy_awaited, busy, true);
        sleep_on(busy_awaited)
    :: !busy -> break // mutant pause_impatient: :: true -> break
    od
    // mutant paused_late: ; paused = true
}

inline zp_helper_resume()
{
    paused = false;
    wake(resume_awaited); // mutant not_resumed: skip;
    release_lock(lock)
}

active proctype forking_program()
{
    zp_helper_pause();
    atomic { assert(!at_part); forking = true }
    forking = false;
    zp_helper_resume()
}

// ---- When all is quiet -----------------------------------------------------------------------

active proctype quiet()
{
    timeout -> assert((work == 0 && !later) || off)
}
