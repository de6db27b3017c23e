// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The team: threads that take parts of work which a thread of the program is doing, and waits for.
//
// A thread opens its work to the team, does parts of it itself until none is left, and closes it.
// Closing waits for the members that are still at a part. Nothing depends on the team: if there is
// no member, the thread does all parts.
//
// Always holds: a member touches work only while that is open and the member is counted in it, so
// work may lie on the stack of the thread that opened it. Members are threads of spawn.h: started
// when there is work, gone after a second without any.
//
// Locking: none. Each slot of the table of open work has two words: its state, and the members at
// it. A member counts itself, then loads the state; who closes stores the state, then loads the
// count (Dekker; tests/model/team.pml).
// Fork: nobody waits. The child has no members and no open work.

#ifndef ZP_CORE_TEAM_H
#define ZP_CORE_TEAM_H

#include "base.h"

// The least and the most that are worth it: parts of work that is open at once, and members.
enum { ZP_TEAM_WORKS = 8, ZP_TEAM_MOST = 15 };

struct zp_team_work {
    // Called by each member before its first part; false if it cannot help.
    bool (*join)(struct zp_team_work *work);
    // Does a part; false if there was none left.
    bool (*part)(struct zp_team_work *work);
};

struct zp_team_slot;

// Opens work to so many members. NULL if too much is open, or if no thread may be started.
// Called without locks, outside of the own thread cache. Keeps errno.
struct zp_team_slot *zp_team_open(struct zp_team_work *work, unsigned members);

// The same for members that are there already: no thread is started, so that it may be called
// inside the own thread cache. The second sees to it that so many are there.
struct zp_team_slot *zp_team_open_to_present(struct zp_team_work *work, unsigned members);
void zp_team_call_up(unsigned members);

// From now on so many members; those that are too many leave after their part.
void zp_team_limit(struct zp_team_slot *slot, unsigned members);

// Whether no member is at the work now.
bool zp_team_is_left(const struct zp_team_slot *slot);

// Returns when no member is at the work any more.
void zp_team_close(struct zp_team_slot *slot);

// Whether work may be opened at all.
bool zp_team_is_allowed(void);

// The work that is open now.
unsigned zp_team_open_works(void);

// Members that so many CPUs allow for one more work: those that this thread may use, and that no
// other work of the team has.
unsigned zp_team_room(unsigned cpus);

// Ends all members, before the process may only make the calls that any malloc makes. Until the
// second is called none is started, and no work opened.
void zp_team_dismiss(void);
void zp_team_allow(void);

// In the child of a fork.
void zp_team_reset(void);

#endif
