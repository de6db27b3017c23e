// SPDX-License-Identifier: MIT OR Apache-2.0

#include "filter.h"

#include "command/environment.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

static void become(char *const *words, FILE *input, FILE *output)
{
    int silence = open("/dev/null", O_WRONLY | O_CLOEXEC);
    zp_environment_without();
    if (dup2(fileno(input), STDIN_FILENO) >= 0 && dup2(fileno(output), STDOUT_FILENO) >= 0 &&
        (silence < 0 || dup2(silence, STDERR_FILENO) >= 0))
        execvp(words[0], words);
    _exit(127);
}

FILE *zp_filter(char *const *words, FILE *input)
{
    FILE *output = tmpfile();
    int status = -1;
    fflush(stdout);
    pid_t child = -1;
    if (output != NULL && fflush(input) == 0 && fseek(input, 0, SEEK_SET) == 0)
        child = fork();
    if (child == 0)
        become(words, input, output);
    if (child > 0)
        waitpid(child, &status, 0);
    fclose(input);
    if (child > 0 && status == 0 && fseek(output, 0, SEEK_SET) == 0)
        return output;
    if (output != NULL)
        fclose(output);
    return NULL;
}
