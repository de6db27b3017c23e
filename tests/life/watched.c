// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A correct program of two threads with large buffers, for sanitizers and valgrind. Tells what it
// was started as. With an argument it makes the mistake that the argument names.

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 3, STATUS = 3 };

static const size_t size = 2 << 20;
static volatile int shared;
static char *volatile kept;

static void expect(int condition, const char *what)
{
    if (condition)
        return;
    printf("not so: %s\n", what);
    exit(1);
}

static void *work(void *argument)
{
    for (int i = 0; i < ROUNDS; i++) {
        char *buffer = malloc(size);
        memset(buffer, 1, size);
        mprotect(buffer, 0, PROT_READ); // the library has these in its way
        madvise(buffer, 0, MADV_DONTDUMP);
        buffer = realloc(buffer, 2 * size);
        expect(buffer != NULL && buffer[0] == 1 && buffer[size - 1] == 1, "realloc keeps bytes");
        free(buffer);
        char *zeros = calloc(3, size / 2);
        expect(zeros != NULL && zeros[0] == 0 && zeros[size] == 0, "calloc clears");
        free(zeros);
    }
    return argument;
}

static void *count(void *argument)
{
    for (int i = 0; i < 1000; i++)
        shared++;
    return argument;
}

static void in_two_threads(void *(*function)(void *))
{
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        expect(pthread_create(&threads[i], NULL, function, NULL) == 0, "a thread starts");
    for (int i = 0; i < 2; i++)
        expect(pthread_join(threads[i], NULL) == 0, "a thread ends");
}

static void run_another(void)
{
    pid_t child = fork();
    if (child == 0) {
        free(malloc(size));
        execl("/bin/sh", "sh", "-c", "echo from a child", (char *)NULL);
        _exit(127);
    }
    int status;
    expect(waitpid(child, &status, 0) == child && status == 0, "a child works");
}

static void tell_of_start(int count_of, char **arguments)
{
    char name[32] = "";
    FILE *file = fopen("/proc/self/comm", "r");
    expect(file != NULL && fgets(name, sizeof(name), file) != NULL, "a process has a name");
    fclose(file);
    const char *preload = getenv("LD_PRELOAD"), *other = getenv("OTHER_VARIABLE");
    printf("%sOTHER_VARIABLE=%s\n", name, other != NULL ? other : "(none)");
    if (preload != NULL && strstr(preload, "valgrind") == NULL)
        printf("LD_PRELOAD=%s\n", preload);
    for (int i = 0; i < count_of; i++)
        puts(arguments[i]);
    fflush(stdout);
}

static void make_mistake(const char *mistake)
{
    volatile int large = 0x7fffffff;
    kept = malloc(size);
    if (strcmp(mistake, "address") == 0)
        kept[size] = 1;
    if (strcmp(mistake, "memory") == 0 && kept[size / 2] != 0)
        puts("by chance");
    if (strcmp(mistake, "undefined") == 0)
        large++;
    if (strcmp(mistake, "thread") == 0)
        in_two_threads(count);
    if (strcmp(mistake, "leak") == 0)
        for (int i = 0; i < ROUNDS; i++) // one address may still lie about on the stack
            kept = malloc(size);
    free(kept);
    kept = NULL;
}

int main(int count_of, char **arguments)
{
    tell_of_start(count_of, arguments);
    in_two_threads(work);
    run_another();
    if (count_of > 1)
        make_mistake(arguments[1]);
    return STATUS;
}
