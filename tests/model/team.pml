// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Work that threads open to the team: core/team.c, but for how members are dismissed.
//
// Two threads of the program open work, do parts of it and close it, one of them twice; there is one
// slot, so that it is used again while members still look at it. Two members at most come, help,
// wait for calls and leave; a member may fail to start, or may not be able to help. Each load and
// each store of a word is a step of its own: they are sequentially consistent, so no store waits in a
// buffer. A part is two steps, between which the work must stay.
//
// Not modelled: a number of members that changes while work is open; zp_team_dismiss; the child of a
// fork, where all words are 0 as at the start; what a part is (core/parts.c).
//
// Holds: a member touches work only while that is open; each part is done once; who closes work
// goes on, and finds nobody at it; there are never more members than are counted; no member sleeps
// that could help with what is open.
//
// Explored: 4,124,918 states; 11 mutants.

#define TIME_OUTS 1
#include "common.pml"

#define PROGRAMS 2
#define PARTS 2
#define LIMIT 1 // members that are wanted at a work
#define MOST 2  // members

mtype:slot = { FREE, CLOSED, OPEN };

mtype:slot state = FREE; // of the slot
byte inside, limit;
byte work;               // whose it is
byte members, sleeping, calls;

bool closing_awaited;    // a thread sleeps on `inside`
bool call_awaited[MOST]; // members that sleep on `calls`
byte created;            // members yet to begin

// Of each thread's work, for what is to hold.
bool there[PROGRAMS]; // it is on its thread's stack
byte left[PROGRAMS];  // parts that nobody has claimed
byte at[PROGRAMS];    // parts that somebody is at
byte ended;           // threads that have done all they do

// Nobody sleeps who could help with what is open, once its owner has called.
#define NOBODY_MISSES_IT \
    (state != OPEN || inside >= limit || left[work] == 0 || (!call_awaited[0] && !call_awaited[1]))

#define wake_members() atomic { call_awaited[0] = false; call_awaited[1] = false }

inline do_part(whose, did)
{
    atomic
    {
        assert(there[whose]);
        did = left[whose] > 0;
        if
        :: did -> left[whose]--; at[whose]++
        :: !did
        fi
    }
    if
    :: did -> atomic { assert(there[whose]); at[whose]-- }
    :: !did
    fi
}

// ---- Members ---------------------------------------------------------------------------------

inline is_wanted(answer)
{
    answer = state == OPEN; // mutant closed_unseen: answer = true;
    if
    :: answer -> answer = inside <= limit
    :: !answer
    fi
}

inline enter(entered)
{
    do
    :: seen = inside;
        if
        :: state != OPEN -> entered = false; break
        :: state == OPEN
        fi;
        if
        :: seen >= limit -> entered = false; break
        :: seen < limit
        fi;
        entered = true; // mutant not_counted: entered = true; break;
        d_step
        {
            entered = inside == seen;
            inside = inside + entered
        }
        if
        :: entered -> break
        :: !entered
        fi
    od
}

inline do_parts()
{
    mine = work;
    assert(there[mine]); // join
    if
    :: any = true
    :: any = false // its descriptors are others
    fi;
    do
    :: any ->
        is_wanted(wanted);
        if
        :: wanted ->
            do_part(mine, any);
            did = did || any
        :: !wanted -> break
        fi
    :: !any ->
        atomic
        {
            if
            :: state == OPEN -> state = CLOSED
            :: else
            fi
        }
        break
    od
}

inline help()
{
    did = false;
    enter(any);
    if
    :: any ->
        is_wanted(wanted); // mutant no_second_look: wanted = true;
        if
        :: wanted -> do_parts()
        :: !wanted
        fi;
        atomic { inside--; any = inside == 0 }
        if
        :: any -> wake(closing_awaited) // mutant close_unanswered: :: any -> skip
        :: !any
        fi
    :: !any
    fi
}

inline wait_for_call()
{
    heard = calls;  // mutant calls_late: skip;
    sleeping++;     // mutant sleeping_late: skip;
    help();         // mutant no_last_look: did = false;
    // mutant calls_late: heard = calls;
    if
    :: did // mutant sleeping_late: :: did -> sleeping++
    :: !did ->
        fall_asleep(call_awaited[me], calls, heard);
        // mutant sleeping_late: sleeping++;
end_idle:
        if
        :: !call_awaited[me]
        :: atomic { call_awaited[me] && time_outs > 0 -> time_outs--; call_awaited[me] = false }
        fi
    fi;
    sleeping--;
    any = did || calls != heard
}

active [MOST] proctype member()
{
    byte me = _pid, seen, heard, mine;
    bool any, wanted, did;
end_not_there:
    atomic { created > 0 -> created-- }
    do
    :: true ->
        do
        :: true ->
            help();
            if
            :: did
            :: !did -> break
            fi
        od;
        wait_for_call();
        if
        :: any
        :: !any ->
            members--;
            goto end_not_there
        fi
    od
}

// ---- Threads that open work ------------------------------------------------------------------

inline start_members()
{
    had = members;
    do
    :: had < limit ->
        d_step
        {
            fits = members == had;
            members = members + fits
        }
        if
        :: !fits -> had = members
        :: fits -> created++; had++; assert(created <= MOST && members <= MOST)
        :: fits -> members--; break // no thread is to be had
        fi
    :: had >= limit -> break
    od
}

inline call()
{
    start_members();
    calls++;
    if
    :: sleeping != 0 -> wake_members() // mutant not_woken: :: sleeping != 0 -> skip
    :: sleeping == 0
    fi
}

inline zp_team_open()
{
    d_step
    {
        fits = state == FREE;
        if
        :: fits -> state = CLOSED
        :: !fits
        fi
    }
    if
    :: fits ->
        work = own;     // mutant opened_early: state = OPEN;
        limit = LIMIT;
        state = OPEN;   // mutant opened_early: work = own;
        call()
    :: !fits
    fi
}

inline zp_team_close()
{
    state = CLOSED; // mutant left_open: skip;
    do
    :: true ->
        had = inside;
        if
        :: had != 0 ->
            fall_asleep(closing_awaited, inside, had);
            sleep_on(closing_awaited)
        :: had == 0 -> break // mutant close_impatient: :: true -> break
        fi
    od;
    state = FREE
}

active [PROGRAMS] proctype program()
{
    byte own = _pid - MOST, had, turns;
    bool fits, any, opened;
    do
    :: turns <= own -> // the second one has two turns
        turns++;
        left[own] = PARTS;
        there[own] = true;
        zp_team_open();
        opened = fits;
        do
        :: true ->
            atomic { assert(!opened || NOBODY_MISSES_IT) }
            do_part(own, any);
            if
            :: any
            :: !any -> break
            fi
        od;
        if
        :: opened -> zp_team_close()
        :: !opened
        fi;
        atomic { assert(left[own] == 0 && at[own] == 0); there[own] = false }
    :: turns > own -> break
    od;
    ended++
}

// ---- When all is quiet -----------------------------------------------------------------------

active proctype quiet()
{
    timeout -> assert(ended == PROGRAMS && state == FREE && inside == 0)
}
