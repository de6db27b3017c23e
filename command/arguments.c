// SPDX-License-Identifier: MIT OR Apache-2.0

#include "arguments.h"

#include "command/help.h"
#include "command/profiles.h"
#include "command/say.h"
#include "config/nearest.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---- Names -----------------------------------------------------------------------------------

enum { PREFIX = sizeof("ZEROPOOL_") - 1 };

void zp_option_flag(const struct zp_option *option, char name[ZP_FLAG_NAME_MOST])
{
    size_t i = 0;
    const char *rest = option->name + PREFIX;
    name[i++] = '-';
    name[i++] = '-';
    for (; *rest != '\0' && i < ZP_FLAG_NAME_MOST - 1; rest++)
        name[i++] = (char)(*rest == '_' ? '-' : tolower((unsigned char)*rest));
    name[i] = '\0';
}

static const struct zp_flag *find_flag(const struct zp_command *command, const char *name,
                                       size_t length)
{
    for (const struct zp_flag *flag = command->flags; flag->name != NULL; flag++)
        if (strlen(flag->name) == length && memcmp(flag->name, name, length) == 0)
            return flag;
    return NULL;
}

bool zp_option_is_flag(const struct zp_command *command, const struct zp_option *option)
{
    char name[ZP_FLAG_NAME_MOST];
    zp_option_flag(option, name);
    return command->options != 0 && find_flag(command, name, strlen(name)) == NULL;
}

static const struct zp_option *find_option(const struct zp_command *command, const char *word,
                                           size_t length)
{
    char name[ZP_FLAG_NAME_MOST];
    for (size_t i = 0; command->options != 0 && i < zp_option_count; i++) {
        zp_option_flag(&zp_option_table[i], name);
        if (strlen(name) == length && memcmp(name, word, length) == 0)
            return &zp_option_table[i];
    }
    return NULL;
}

struct nearest {
    const char *word;
    size_t length;
    unsigned apart;
    char name[ZP_FLAG_NAME_MOST];
};

static void consider(struct nearest *nearest, const char *name)
{
    unsigned apart = zp_letters_apart(nearest->word, nearest->length, name, strlen(name));
    if (apart < nearest->apart) {
        nearest->apart = apart;
        snprintf(nearest->name, sizeof(nearest->name), "%s", name);
    }
}

static int refuse_name(const struct zp_command *command, const char *word, size_t length)
{
    if (length > ZP_FLAG_NAME_MOST)
        length = ZP_FLAG_NAME_MOST; // there is none so long; the line stays one
    struct nearest nearest = {.word = word, .length = length, .apart = ZP_NO_MISSPELLING};
    for (const struct zp_flag *flag = command->flags; flag->name != NULL; flag++)
        consider(&nearest, flag->name);
    for (size_t i = 0; i < zp_option_count; i++) {
        char name[ZP_FLAG_NAME_MOST];
        zp_option_flag(&zp_option_table[i], name);
        if (zp_option_is_flag(command, &zp_option_table[i]))
            consider(&nearest, name);
    }
    if (nearest.apart < ZP_NO_MISSPELLING)
        return zp_wrong("%.*s is not an option; did you mean %s?", (int)length, word, nearest.name);
    return zp_wrong("%.*s is not an option; `zeropool %s --help` lists them", (int)length, word,
                    command->name);
}

// ---- Values ----------------------------------------------------------------------------------

bool zp_read_number(const char *text, long least, long most, long *number)
{
    char *end;
    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *number = strtol(text, &end, 10);
    return *end == '\0' && errno == 0 && *number >= least && *number <= most;
}

const char *zp_flag_value(const struct zp_arguments *arguments, const char *name)
{
    for (unsigned i = arguments->given_count; i-- > 0;)
        if (arguments->given[i].flag != NULL && strcmp(arguments->given[i].flag->name, name) == 0)
            return arguments->given[i].value;
    return NULL;
}

bool zp_flag_number(const struct zp_arguments *arguments, const char *name, long least, long most,
                    long fallback, long *number)
{
    const char *value = zp_flag_value(arguments, name);
    *number = fallback;
    if (value == NULL || zp_read_number(value, least, most, number))
        return true;
    zp_wrong("%s %s: expected a number from %ld to %ld", name, value, least, most);
    return false;
}

static int refuse_value(const struct zp_option *option, const char *name, const char *value)
{
    return zp_wrong("%s %s: expected %s", name, value, option->allowed);
}

// ---- The command line ------------------------------------------------------------------------

// Takes a flag or an option, and its value from the next word if it is not in the same. Returns
// how many words, 0 after a message.
static unsigned take(struct zp_arguments *arguments, char **words)
{
    const struct zp_command *command = arguments->command;
    const char *word = words[0];
    size_t length = strcspn(word, "=");
    const char *value = word[length] == '=' ? word + length + 1 : NULL;
    const struct zp_flag *flag = find_flag(command, word, length);
    const struct zp_option *option = flag == NULL ? find_option(command, word, length) : NULL;
    bool wants_value = option != NULL || (flag != NULL && flag->value != NULL);
    unsigned used = 1;
    if (flag == NULL && option == NULL) {
        refuse_name(command, word, length);
        return 0;
    }
    if (wants_value && value == NULL && words[1] != NULL) {
        value = words[1];
        used = 2;
    }
    if (wants_value != (value != NULL)) {
        zp_wrong(wants_value ? "%.*s wants a value" : "%.*s takes no value", (int)length, word);
        return 0;
    }
    if (flag != NULL && wants_value && *value == '\0') {
        zp_wrong("%s: the value is empty", flag->name);
        return 0;
    }
    if (option != NULL && !zp_option_accepts(option, value)) {
        char name[ZP_FLAG_NAME_MOST];
        zp_option_flag(option, name);
        refuse_value(option, name, value);
        return 0;
    }
    if (arguments->given_count == ZP_GIVEN_MOST) {
        zp_wrong("more than %d options", ZP_GIVEN_MOST);
        return 0;
    }
    arguments->given[arguments->given_count++] =
        (struct zp_given){flag, option, value != NULL ? value : ""};
    return used;
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static void set_profile(struct zp_options *options, const struct zp_profile *profile)
{
    for (int i = 0; i < ZP_PROFILE_MOST && profile->settings[i].name != NULL; i++) {
        const char *name = profile->settings[i].name;
        zp_options_set(options, zp_option_find(name, strlen(name)), profile->settings[i].value);
    }
}

// An option that does not go with the others, or NULL. The profile may be NULL.
static const struct zp_option *find_conflict(const struct zp_arguments *arguments,
                                             const struct zp_profile *profile)
{
    struct zp_options options;
    zp_options_defaults(&options);
    if (profile != NULL)
        set_profile(&options, profile);
    for (unsigned i = 0; i < arguments->given_count; i++) {
        const struct zp_option *option = arguments->given[i].option;
        if (option != NULL)
            zp_options_set(&options, option, arguments->given[i].value);
    }
    return zp_options_conflict(&options);
}

// Options that cannot go together, and a profile that there is not.
static int check_together(const struct zp_arguments *arguments)
{
    const char *name =
        arguments->command->options != 0 ? zp_flag_value(arguments, "--profile") : NULL;
    const struct zp_profile *profile = name != NULL ? zp_profile_find(name) : NULL;
    char flag[ZP_FLAG_NAME_MOST];
    if (name != NULL && profile == NULL)
        return zp_wrong("--profile %s: expected %s", name, zp_profile_names());
    const struct zp_option *conflict = find_conflict(arguments, profile);
    if (conflict == NULL)
        return ZP_DONE;
    if (find_conflict(arguments, NULL) == NULL)
        return zp_wrong("--profile %s does not go with the other options: %s excludes "
                        "ZEROPOOL_CHECK=full",
                        name, conflict->name);
    zp_option_flag(conflict, flag);
    return zp_wrong("%s does not go with --check full", flag);
}

static int check_words(const struct zp_arguments *arguments)
{
    const char *name = arguments->command->name, *first = arguments->words[0];
    if (first != NULL && *first == '\0')
        return zp_wrong("the first word is empty; `zeropool %s --help`", name);
    switch (arguments->command->takes) {
    case ZP_TAKES_NOTHING:
        return first == NULL ? ZP_DONE : zp_wrong("%s: `zeropool %s` takes no words", first, name);
    case ZP_TAKES_PROGRAM:
        return first != NULL ? ZP_DONE
                             : zp_wrong("no program is named; `zeropool %s --help`", name);
    case ZP_TAKES_PID_OR_PROGRAM:
        return first != NULL
                   ? ZP_DONE
                   : zp_wrong("no process and no program is named; `zeropool %s --help`", name);
    case ZP_TAKES_WORDS:
        break;
    }
    return ZP_DONE;
}

bool zp_arguments_read(struct zp_arguments *arguments, const struct zp_command *command,
                       char **words, int *status)
{
    *arguments = (struct zp_arguments){.command = command, .words = words};
    while (*words != NULL) {
        if (words[0][0] != '-' || words[0][1] == '\0') {
            if (command->takes != ZP_TAKES_WORDS)
                break;
            arguments->words[arguments->word_count++] = *words++; // flags may follow
            continue;
        }
        if (strcmp(*words, "--") == 0) {
            arguments->after_dashes = true;
            words++;
            break;
        }
        if (asks_for_help(*words)) {
            zp_print_help(command);
            *status = zp_finish(ZP_DONE);
            return false;
        }
        unsigned used = take(arguments, words);
        *status = ZP_WRONG;
        if (used == 0)
            return false;
        words += used;
    }
    while (*words != NULL)
        arguments->words[arguments->word_count++] = *words++;
    arguments->words[arguments->word_count] = NULL;
    *status = check_together(arguments);
    if (*status == ZP_DONE)
        *status = check_words(arguments);
    return *status == ZP_DONE;
}
