// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Prints what a process's live file says, as JSON. The exit status is that of enum zp_live_result.

#include "stats/format.h"

#include <stdlib.h>
#include <unistd.h>

int main(int count, char **arguments)
{
    static struct zp_live live;
    struct zp_sink sink;
    if (count != 2)
        return 64;
    enum zp_live_result result = zp_live_read((pid_t)atoi(arguments[1]), &live);
    if (result != ZP_LIVE_READ)
        return (int)result;
    struct zp_about about = zp_about_live(&live);
    zp_sink_begin(&sink, STDOUT_FILENO);
    zp_format_json(&sink, &about);
    zp_sink_add(&sink, "\n");
    return zp_sink_end(&sink) == 0 ? ZP_LIVE_READ : 64;
}
