// SPDX-License-Identifier: MIT OR Apache-2.0

#include "trap.h"

#include "core/arena.h"
#include "core/fatal.h"

#include <signal.h>

// A fault at most this many bytes before a live buffer counts as an underrun of that buffer.
enum { NEAR = 4096 };

// "zeropool: fatal: access at offset <n> of a buffer of <n> bytes (pointer 0x...)", or "of a freed
// buffer".
static void report(const struct zp_slot *slot, const char *address)
{
    bool live = slot->state == ZP_SLOT_LIVE, before = address < slot->start;
    struct zp_line line;
    zp_line_begin(&line, "zeropool: fatal: access at offset ");
    zp_line_text(&line, before ? "-" : "");
    zp_line_number(&line, (size_t)(before ? slot->start - address : address - slot->start));
    zp_line_text(&line, live ? " of a buffer of " : " of a freed buffer");
    if (live) {
        zp_line_number(&line, zp_slot_room(slot));
        zp_line_text(&line, " bytes");
    }
    struct zp_stack freed = zp_arena_freed(slot);
    zp_fatal_report(&line, slot->start, live ? NULL : &freed);
}

// The gap behind a slot is also in front of the next one.
static void explain(const char *address)
{
    const struct zp_slot *slot = zp_arena_slot(address), *next = zp_arena_slot(address + NEAR);
    bool live = slot->state == ZP_SLOT_LIVE;
    if (next != slot && next->state == ZP_SLOT_LIVE)
        report(next, address);
    else if (slot->base != NULL && !(live && address < slot->base + slot->usable))
        report(slot, address);
}

static void on_fault(int signal_number, siginfo_t *info, void *context)
{
    (void)context;
    if (zp_arena_owns(info->si_addr) && zp_arena_owns((char *)info->si_addr + NEAR))
        explain(info->si_addr);
    signal(signal_number, SIG_DFL);
}

void zp_trap_set(void)
{
    struct sigaction before;
    const struct sigaction action = {.sa_sigaction = on_fault,
                                     .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    if (sigaction(SIGSEGV, NULL, &before) == 0 && before.sa_handler == SIG_DFL)
        sigaction(SIGSEGV, &action, NULL);
}
