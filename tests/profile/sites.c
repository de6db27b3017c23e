// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A program whose call sites are known: what each requests, writes, keeps and reads.
// usage: sites FILE [fork | exec | threads]

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#ifdef __clang__
#define SITE __attribute__((noinline))
#else
#define SITE __attribute__((noinline, noclone))
#endif

static char *volatile kept[3];

SITE static void fills(void)
{
    for (unsigned i = 0; i < 10; i++) {
        char *buffer = malloc(4 * MIB);
        memset(buffer, 1, 4 * MIB);
        free(buffer);
    }
}

SITE static void touches(void)
{
    for (unsigned i = 0; i < 5; i++) {
        char *volatile buffer = malloc(16 * MIB);
        buffer[0] = 1;
        free(buffer);
    }
}

SITE static void keeps(void)
{
    for (unsigned i = 0; i < 3; i++) {
        kept[i] = malloc(24 * MIB);
        memset(kept[i], 1, 24 * MIB);
    }
}

SITE static void grows(void)
{
    char *buffer = malloc(2 * MIB);
    for (unsigned i = 3; i < 9; i++)
        buffer = realloc(buffer, i * MIB);
    free(buffer);
}

SITE static void reads(const char *name)
{
    for (unsigned i = 0; i < 4; i++) {
        int file = open(name, O_RDONLY);
        char *buffer = malloc(20 * MIB);
        if (file < 0 || read(file, buffer, 20 * MIB) != (ssize_t)(20 * MIB))
            exit(3);
        free(buffer);
        close(file);
    }
}

static void *in_thread(void *nothing)
{
    for (unsigned i = 0; i < 100; i++)
        free(malloc(4 * MIB));
    return nothing;
}

int main(int count, char **words)
{
    const char *what = count > 2 ? words[2] : "";
    fills();
    touches();
    keeps();
    grows();
    reads(words[1]);
    if (strcmp(what, "fork") == 0) {
        pid_t child = fork();
        if (child == 0) {
            touches();
            free(kept[0]);
            exit(0);
        }
        waitpid(child, NULL, 0);
    }
    if (strcmp(what, "threads") == 0) {
        pthread_t threads[4];
        for (unsigned i = 0; i < 4; i++)
            pthread_create(&threads[i], NULL, in_thread, NULL);
        for (unsigned i = 0; i < 4; i++)
            pthread_join(threads[i], NULL);
    }
    return 0;
}
