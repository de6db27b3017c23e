// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Breaks when a process for which huge pages are switched off (PR_SET_THP_DISABLE) asks for some,
// or one that gets those it asks for does not. With ZEROPOOL_THP=on.
// usage: limits-thp_disabled left|off|left-to-who-asks

#include "tests/preload/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { EXCEPT_ADVISED = 1 << 1 }; // PR_THP_DISABLE_EXCEPT_ADVISED, Linux 6.18

// Whether the mapping that a pointer lies in asks for huge pages.
static bool is_advised(const void *pointer)
{
    FILE *maps = fopen("/proc/self/smaps", "re");
    char line[512];
    bool inside = false, advised = false;
    if (maps == NULL)
        check_skip("no /proc/self/smaps here");
    while (fgets(line, sizeof(line), maps) != NULL) {
        unsigned long from, to;
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            inside = (uintptr_t)pointer >= from && (uintptr_t)pointer < to;
        if (inside && strncmp(line, "VmFlags:", 8) == 0)
            advised = strstr(line, " hg") != NULL;
    }
    fclose(maps);
    return advised;
}

static int look(bool wanted)
{
    require_library();
    char *buffer = opaque(malloc(64 * MIB));
    CHECK(buffer != NULL);
    CHECK(is_advised(buffer) == wanted);
    free(buffer);
    return 0;
}

int main(int argc, char **argv)
{
    CHECK(argc == 2);
    if (strcmp(argv[1], "look") == 0)
        return look(true);
    if (strcmp(argv[1], "look-in-vain") == 0)
        return look(false);
    bool off = strcmp(argv[1], "off") == 0;
    if (!off && page_size() > 4096)
        check_skip("huge pages are too large here to be used");
    bool some = strcmp(argv[1], "left-to-who-asks") == 0;
    if (off && prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) != 0)
        check_skip("huge pages cannot be switched off here");
    if (some && prctl(PR_SET_THP_DISABLE, 1, EXCEPT_ADVISED, 0, 0) != 0)
        check_skip("this kernel switches huge pages off for all or for nobody");
    execl("/proc/self/exe", argv[0], off ? "look-in-vain" : "look", NULL); // and it is inherited
    CHECK(errno == 0);
    return 1;
}
