// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Question: what does an allocator cost a program that ends at once?
//
//     bench-start            measures
//     bench-start none       is a program that asks for nothing
//     bench-start large      is a program that makes one large request
//
// Both programs are started again and again, with the library in LD_PRELOAD and without any, in
// turn. Microseconds from the start of each to its end, and its page faults.

#include "bench.h"

#include <spawn.h>
#include <sys/wait.h>

#define TURNS 60
#define WARM 3 // turns that do not count
#define LARGE (8 * MIB)
#define MOST_WORDS 1024 // of the environment

extern char **environ;

static struct {
    const char *program;
    const char *name;
    int has_library;
    double us[TURNS];
    double faults[TURNS];
} cases[] = {
    {.program = "none", .name = "none_without", .has_library = 0},
    {.program = "none", .name = "none_with", .has_library = 1},
    {.program = "large", .name = "large_without", .has_library = 0},
    {.program = "large", .name = "large_with", .has_library = 1},
};

static char *without_library[MOST_WORDS];

static void make_environment(void)
{
    size_t count = 0;

    for (char **word = environ; *word; word++)
        if (strncmp(*word, "LD_PRELOAD=", 11) != 0 && count < MOST_WORDS - 1)
            without_library[count++] = *word;
}

static void run(size_t number, double *us, double *faults)
{
    char *words[] = {(char[]){"bench-start"}, (char[16]){0}, NULL};
    char **environment = cases[number].has_library ? environ : without_library;
    double start = bench_seconds();
    struct rusage usage;
    int status = 0;
    pid_t child;

    snprintf(words[1], 16, "%s", cases[number].program);
    if (posix_spawn(&child, "/proc/self/exe", NULL, NULL, words, environment) != 0)
        bench_die("posix_spawn");
    if (wait4(child, &status, 0, &usage) != child || status != 0)
        bench_die(cases[number].name);
    *us = (bench_seconds() - start) * 1e6;
    *faults = (double)usage.ru_minflt;
}

static void print(const char *case_name, const char *what, const double *samples)
{
    char name[64];

    snprintf(name, sizeof(name), "%s_%s", case_name, what);
    bench_samples(name, samples, TURNS);
}

static void measure(void)
{
    double ignored;

    make_environment();
    for (size_t turn = 0; turn < WARM; turn++)
        for (size_t i = 0; i < COUNT_OF(cases); i++)
            run(i, &ignored, &ignored);
    for (size_t turn = 0; turn < TURNS; turn++)
        for (size_t i = 0; i < COUNT_OF(cases); i++)
            run(i, &cases[i].us[turn], &cases[i].faults[turn]);

    bench_open("start");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        print(cases[i].name, "us", cases[i].us);
        print(cases[i].name, "faults", cases[i].faults);
    }
    bench_close();
}

int main(int argc, char **argv)
{
    const char *what = argc == 2 ? argv[1] : "";

    if (argc == 1) {
        measure();
    } else if (strcmp(what, "large") == 0) {
        char *buffer = bench_get(LARGE);

        buffer[0] = 1;
        bench_keep(buffer);
        free(buffer);
    } else if (strcmp(what, "none") != 0) {
        bench_die("usage: bench-start [none | large]");
    }
    return 0;
}
