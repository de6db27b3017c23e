// SPDX-License-Identifier: MIT OR Apache-2.0
//
// zeropool record: runs a program with ZEROPOOL_PROFILE set.

#include "command/environment.h"
#include "command/say.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

// The file that --output names, as an absolute name: the program may change its folder.
static bool name_file(const char *output, char file[PATH_MAX])
{
    char folder[PATH_MAX] = "";
    if (output[0] != '/' && getcwd(folder, sizeof(folder)) == NULL)
        return false;
    int length = snprintf(file, PATH_MAX, "%s%s%s", folder, folder[0] != '\0' ? "/" : "", output);
    return length > 0 && length < PATH_MAX;
}

// Said before the program runs, which may take long. The folder of a name with %p may be made
// later.
static int check_place(const char *output, char file[PATH_MAX])
{
    struct stat about;
    char *slash = strrchr(file, '/');
    int error = 0;
    if (stat(file, &about) == 0 && S_ISDIR(about.st_mode))
        return zp_wrong("--output %s: %s", output, strerror(EISDIR));
    *slash = '\0';
    if (strstr(file, "%p") == NULL && access(*file != '\0' ? file : "/", W_OK | X_OK) != 0)
        error = errno;
    *slash = '/';
    return error == 0 ? ZP_DONE : zp_wrong("--output %s: %s", output, strerror(error));
}

int zp_record(const struct zp_arguments *arguments)
{
    char file[PATH_MAX];
    const char *output = zp_flag_value(arguments, "--output");
    if (output == NULL)
        output = "zeropool.profile";
    if (output[0] == '\0' || strcmp(output, "off") == 0 || !name_file(output, file) ||
        strlen(file) >= ZP_OPTION_PATH_MOST)
        return zp_wrong("--output %s is no name for a file", output);
    int status = check_place(output, file);
    if (status != ZP_DONE)
        return status;
    // Python names its functions for profilers then (3.12 and newer).
    if (setenv("ZEROPOOL_PROFILE", file, 1) != 0 || setenv("PYTHONPERFSUPPORT", "1", 0) != 0)
        return zp_fail(ZP_FAILED, "%s", strerror(errno));
    return zp_run(arguments);
}
