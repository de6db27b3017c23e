// SPDX-License-Identifier: MIT OR Apache-2.0

#include "fatal.h"

#include "os.h"
#include "probes.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    STACKS_SECONDS = 10, // more than reading symbols from a cold disk takes
    BYTES_SHOWN = 8,
};

static void end_here(int signal_number)
{
    (void)signal_number;
    signal(SIGABRT, SIG_DFL);
    abort();
}

static void write_stack(const char *title, const struct zp_stack *stack)
{
    if (stack == NULL || stack->frames[0] == NULL)
        return;
    struct zp_line line;
    zp_line_begin(&line, title);
    zp_line_write(&line);
    zp_stack_write(stack);
}

// True for the first thread. Others wait until it ends the program. If the same thread comes here
// again, the report itself has failed.
static bool is_first(void)
{
    static bool taken;
    static ZP_TLS bool mine;
    if (!__atomic_exchange_n(&taken, true, __ATOMIC_RELAXED))
        return mine = true;
    if (mine)
        return false;
    for (;;)
        pause();
}

void zp_fatal_report(struct zp_line *line, const void *pointer, const struct zp_stack *freed)
{
    ZP_PROBE_1(corruption, pointer);
    zp_line_text(line, " (pointer ");
    zp_line_pointer(line, pointer);
    zp_line_text(line, ")");
    zp_line_write(line);
    if (!is_first() || zp_os_is_restricted())
        return;
    signal(SIGSEGV, end_here);
    signal(SIGBUS, end_here);
    signal(SIGALRM, end_here);
    alarm(STACKS_SECONDS);
    struct zp_stack here;
    zp_stack_capture_caller(&here);
    write_stack("zeropool: at:", &here);
    write_stack("zeropool: freed at:", freed);
    alarm(0);
}

void zp_fatal_pointer(const char *operation, const char *fault, const void *pointer,
                      const struct zp_stack *freed)
{
    struct zp_line line;
    zp_line_begin(&line, "zeropool: fatal: ");
    zp_line_text(&line, operation);
    zp_line_text(&line, fault);
    zp_fatal_report(&line, pointer, freed);
    abort();
}

void zp_fatal_write(const char *buffer, size_t size, const char *found,
                    const struct zp_stack *freed)
{
    struct zp_line line;
    zp_line_begin(&line, "zeropool: fatal: write after free at offset ");
    zp_line_number(&line, (size_t)(found - buffer));
    zp_line_text(&line, " of a buffer of ");
    zp_line_number(&line, size);
    zp_line_text(&line, " bytes:");
    for (const char *byte = found; byte < found + BYTES_SHOWN && byte < buffer + size; byte++) {
        zp_line_text(&line, " ");
        zp_line_byte(&line, (uint8_t)*byte);
    }
    zp_fatal_report(&line, buffer, freed);
    abort();
}
