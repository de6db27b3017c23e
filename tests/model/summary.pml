// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The summary of the classes that shards have: core/summary.[ch], with what core/shard.c does around
// it. One class, two shards.
//
// Two threads put a slot into a shard of their own and take one out of it, several times. Two others
// get, find nothing, and remove the class from the summary. All loads and stores of the protocol are
// sequentially consistent in core, and so they are here.
//
// Not modelled: the locks of the shards, as each has one thread that changes it; other classes,
// which are other bits of the same words.
//
// Holds: at the end a class that a shard has is in the summary.
//
// Explored: 422,801 states; 4 mutants.

#define PUTS 3
#define GETS 2

bool nonempty[2];
bool summary;
byte done;

// zp_eviction_add, zp_summary_add
inline put(shard)
{
    // mutant load_first: seen = summary;
    nonempty[shard] = true;
    seen = summary; // mutant load_first: skip;
    if
    :: !seen -> summary = true // mutant not_added: :: !seen
    :: seen
    fi
}

active [2] proctype owner()
{
    byte puts;
    bool seen;
    do
    :: puts < PUTS ->
        put(_pid);
        puts++;
        if
        :: nonempty[_pid] = false // what it put is taken, and the class stays in the summary
        :: puts == PUTS
        fi
    :: puts == PUTS -> break
    od;
    done++
}

inline gather()
{
    present = nonempty[0];
    present = present || nonempty[1]
}

// zp_shards_take finds nothing
active [2] proctype getter()
{
    byte gets;
    bool present;
    do
    :: gets < GETS ->
        gets++;
        if
        :: summary ->
            gather();
            if
            :: !present ->
                summary = false; // mutant removed_late: skip;
                gather(); // mutant no_second_look: skip;
                // mutant removed_late: summary = false;
                if
                :: present -> summary = true
                :: !present
                fi
            :: present
            fi
        :: !summary
        fi
    :: gets == GETS -> break
    od;
    done++
}

active proctype end_of_run()
{
    done == 4;
    assert(summary || !(nonempty[0] || nonempty[1]))
}
