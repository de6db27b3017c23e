// SPDX-License-Identifier: MIT OR Apache-2.0
//
// zeropool run: becomes the program, so that status, signals, terminal and number of the process
// are the program's own.

#include "command/children.h"
#include "command/environment.h"
#include "command/library.h"
#include "command/program.h"
#include "command/say.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int zp_run(const struct zp_arguments *arguments)
{
    struct zp_program program;
    struct zp_library library;
    int status = zp_library_require(zp_flag_value(arguments, "--library"), &library);
    if (status == ZP_DONE)
        status = zp_program_find(arguments->words[0], &program);
    if (status != ZP_DONE)
        return status;

    if (program.obstacle != ZP_NO_OBSTACLE)
        zp_say("%s %s; it runs without the library", program.file,
               zp_obstacle_text(program.obstacle));
    else if (program.own_malloc)
        zp_say("%s brings its own malloc, which stays in force", program.file);
    zp_environment_set_options(arguments);
    if (zp_obstacle_allows_preload(program.obstacle))
        zp_environment_preload(library.path);
    zp_children_restore();
    // execvp has a shell run what the kernel does not: that is for scripts.
    if (program.obstacle == ZP_IS_FOREIGN)
        execv(program.path, arguments->words);
    else
        execvp(program.path, arguments->words);
    return zp_program_fail(program.path, errno);
}
