// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A fuzz target: the first bytes are a machine, the others an environment, its entries parted by
// zeros.
//
// Breaks when any environment crashes the option parser, changes errno, sets an option to what it
// does not allow, or leads to a configuration that the pool does not take.

#include "resolved.h"

#include <fcntl.h>

enum { ENTRIES_MOST = 64, BYTES_MOST = 4096 };

static struct zp_machine choose_machine(struct unit_random *choices)
{
    return (struct zp_machine){
        .cpus = 1 + (unsigned)unit_random_below(choices, 8192),
        .memory = {.total = (size_t)1 << unit_random_below(choices, 64),
                   .available = (size_t)1 << unit_random_below(choices, 64)},
        .address_space = SIZE_MAX >> unit_random_below(choices, 64),
        .cache = (size_t)1 << unit_random_below(choices, 64),
        .strict = unit_random_below(choices, 2) != 0,
        .huge_pages = unit_random_below(choices, 2) != 0,
        .mappings = (size_t)1 << unit_random_below(choices, 64),
    };
}

// Without what it would say to the user.
static void parse_silently(struct zp_options *options, char *const *environment)
{
    int saved = dup(STDERR_FILENO), null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    MUST(saved >= 0 && null >= 0);
    dup2(null, STDERR_FILENO);
    errno = 4711;
    zp_options_parse(options, environment);
    int error = errno;
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(null);
    MUST(error == 4711);
}

static void split(char *text, size_t length, char **environment)
{
    unsigned entries = 0;
    for (char *at = text; at < text + length && entries < ENTRIES_MOST; at += strlen(at) + 1)
        environment[entries++] = at;
    environment[entries] = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct unit_random choices = fuzz_choices(bytes, length);
    struct zp_machine machine = choose_machine(&choices);
    length = (size_t)(choices.end - choices.next);
    if (length > BYTES_MOST)
        return 0;
    char *text = malloc(length + 1); // its own block, so that a read beyond the end shows
    MUST(text != NULL);
    memcpy(text, choices.next, length);
    text[length] = '\0';
    char *environment[ENTRIES_MOST + 1];
    split(text, length, environment);

    struct zp_options options, again;
    zp_options_defaults(&options);
    parse_silently(&options, environment);
    check_options(&options);
    check_resolved(&options, &machine);

    again = options;
    parse_silently(&again, environment);
    MUST(memcmp(&again, &options, sizeof(options)) == 0);
    free(text);
    return 0;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    return 0;
}
