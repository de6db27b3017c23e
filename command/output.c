// SPDX-License-Identifier: MIT OR Apache-2.0

#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int zp_output_open(struct zp_output *output, const char *path)
{
    struct stat about;
    *output = (struct zp_output){.path = path};
    if (lstat(path, &about) == 0 && !S_ISREG(about.st_mode)) {
        output->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY | O_CLOEXEC, 0666);
    } else {
        int length = snprintf(output->draft, sizeof(output->draft), "%s.XXXXXX", path);
        if (length >= (int)sizeof(output->draft))
            return -ENAMETOOLONG;
        output->fd = mkostemp(output->draft, O_CLOEXEC);
    }
    return output->fd >= 0 ? 0 : -errno;
}

int zp_output_close(struct zp_output *output, int error, mode_t mode)
{
    bool renames = output->draft[0] != '\0';
    if (error == 0 && renames && fchmod(output->fd, mode) != 0)
        error = -errno;
    if (close(output->fd) != 0 && error == 0)
        error = -errno;
    if (error == 0 && renames && rename(output->draft, output->path) != 0)
        error = -errno;
    if (error != 0 && renames)
        unlink(output->draft);
    return error;
}
