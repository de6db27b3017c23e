// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Room for thread-local variables in an audited program.
//
// jemalloc keeps 2.6 KB for each thread where malloc reaches them by one addition, which is what
// makes it fast; the distribution's archive is compiled so. With LD_AUDIT set, glibc lays out that
// area before it loads what is preloaded, leaves 1.7 KB for it, and ends the program: "cannot
// allocate memory in static TLS block". It leaves more if GLIBC_TUNABLES says so. So the program is
// started anew with that set, and a line says what to set instead.
//
// The dynamic linker must not have come to the first thread-local variable by then. It goes through
// the relocations in their order and calls the resolver of an exported function when it comes to a
// pointer to that; in files linked with -z nocombreloc pointers in data come before the offsets of
// thread-local variables. tests/life/audit.sh fails if that is no longer so.

#include "anew.h"

#include "preload/export.h"

#include <string.h>
#include <unistd.h>

#define TUNABLE "glibc.rtld.optional_static_tls="
#define ENOUGH TUNABLE "4096"

extern void *__libc_stack_end; // of the dynamic linker: where the kernel has put the arguments

EXPORT void zeropool_audited(void);

// In place before the resolver is called, as they stand before it: nothing else is.
__attribute__((used)) static const volatile struct {
    void **stack_end;
    char ***environment; // libc's, which has not started while this is NULL
    void (*moment)(void);
} early = {&__libc_stack_end, &environ, zeropool_audited};

static char *variable(char **environment, zp_text name)
{
    for (; *environment != NULL; environment++)
        if (zp_starts_with(*environment, name))
            return *environment;
    return NULL;
}

static bool has_tunable(zp_text tunables)
{
    for (; *tunables != '\0'; tunables++)
        if (zp_starts_with(tunables, TUNABLE))
            return true;
    return false;
}

static void say(void)
{
    static const char line[] =
        "zeropool: LD_AUDIT leaves too little room for thread-local variables; "
        "starting anew with GLIBC_TUNABLES=" ENOUGH "\n";
    zp_kernel_call(SYS_write, STDERR_FILENO, line, sizeof(line) - 1);
}

// The same environment, with `tunables` (or nothing) and what is needed.
static void start_with_room(char **arguments, char **environment, zp_text tunables)
{
    static const char name[] = "GLIBC_TUNABLES=", enough[] = ENOUGH;
    size_t count = 0, length = tunables != NULL ? zp_length_of(tunables) : sizeof(name) - 1;
    while (environment[count] != NULL)
        count++;
    char *changed[count + 2];
    char setting[length + sizeof(enough) + 1];
    volatile char *to = setting;
    for (zp_text from = tunables != NULL ? tunables : name; *from != '\0'; from++)
        *to++ = *from;
    if (tunables != NULL)
        *to++ = ':';
    for (size_t i = 0; i < sizeof(enough); i++)
        *to++ = enough[i];
    char *volatile *entry = changed;
    *entry++ = setting;
    for (size_t i = 0; i < count; i++)
        if (environment[i] != tunables)
            *entry++ = environment[i];
    *entry = NULL;
    const char *file = zp_executable(environment);
    say();
    zp_kernel_call(SYS_execve, file, arguments, changed);
}

__attribute__((used)) static void (*make_room(void))(void)
{
    if (*early.environment != NULL) // a dlopen, later
        return NULL;
    long *stack = zp_start_of_stack(*early.stack_end);
    if (stack == NULL)
        return NULL;
    char **arguments = (char **)(stack + 1), **environment = arguments + *stack + 1;
    char *audit = variable(environment, "LD_AUDIT=");
    char *tunables = variable(environment, "GLIBC_TUNABLES=");
    bool may_help = audit != NULL && audit[sizeof("LD_AUDIT=") - 1] != '\0' &&
                    (tunables == NULL || !has_tunable(tunables));
    // Without AT_BASE the dynamic linker was run by hand; with AT_SECURE it does not listen.
    if (may_help && zp_from_kernel(environment, AT_BASE) != 0 &&
        zp_from_kernel(environment, AT_SECURE) == 0)
        start_with_room(arguments, environment, tunables);
    return NULL;
}

void zeropool_audited(void) __attribute__((ifunc("make_room")));
