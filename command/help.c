// SPDX-License-Identifier: MIT OR Apache-2.0

#include "help.h"

#include "command/arguments.h"
#include "command/library.h"
#include "command/say.h"
#include "config/options.h"

#include <stdio.h>
#include <string.h>

enum { COLUMNS = 78 };

void zp_print_wrapped(const char *text, int indent)
{
    int column = indent;
    while (*text != '\0') {
        int length = (int)strcspn(text, " ");
        if (column > indent && column + 1 + length > COLUMNS) {
            printf("\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            putchar(' ');
            column++;
        }
        printf("%.*s", length, text);
        column += length;
        text += length;
        text += strspn(text, " ");
    }
    putchar('\n');
}

void zp_print_overview(void)
{
    puts("usage: zeropool COMMAND [ARGUMENT]...\n\n"
         "Runs programs with a pool of zeroed buffers, and shows what that gains.\n");
    for (const struct zp_command *command = zp_commands; command->name != NULL; command++)
        printf("  %-12s%s\n", command->name, command->summary);
    puts("\n`zeropool COMMAND --help` explains one. To begin: zeropool compare -- PROGRAM");
}

static void print_flag(const char *name, const char *value, const char *help)
{
    int width = printf("  %s%s%s", name, value != NULL ? " " : "", value != NULL ? value : "");
    if (width > 22)
        printf("\n%*s", 24, "");
    else
        printf("%*s", 24 - width, "");
    zp_print_wrapped(help, 24);
}

static void print_library_options(const struct zp_command *command)
{
    puts("\nOptions of the library (`zeropool options` explains them):");
    for (size_t i = 0; i < zp_option_count; i++) {
        char name[ZP_FLAG_NAME_MOST];
        if (!zp_option_is_flag(command, &zp_option_table[i]))
            continue;
        zp_option_flag(&zp_option_table[i], name);
        print_flag(name, NULL, zp_option_table[i].allowed);
    }
}

void zp_print_help(const struct zp_command *command)
{
    printf("usage: zeropool %s%s%s\n\n", command->name, *command->synopsis != '\0' ? " " : "",
           command->synopsis);
    zp_print_wrapped(command->text, 0);
    putchar('\n');
    for (const struct zp_flag *flag = command->flags; flag->name != NULL; flag++)
        print_flag(flag->name, flag->value, flag->help);
    print_flag("--help", NULL, "prints this");
    if (command->options != 0)
        print_library_options(command);
}

int zp_help(const struct zp_arguments *arguments)
{
    const char *name = arguments->words[0];
    const struct zp_command *command = name != NULL ? zp_command_find(name) : NULL;
    if (arguments->word_count > 1 || (name != NULL && command == NULL))
        return zp_wrong("%s: no such command",
                        command != NULL ? arguments->words[1] : arguments->words[0]);
    if (command != NULL)
        zp_print_help(command);
    else
        zp_print_overview();
    return zp_finish(ZP_DONE);
}

int zp_version(const struct zp_arguments *arguments)
{
    struct zp_library library;
    (void)arguments;
    if (zp_library_find(NULL, &library) != ZP_DONE)
        printf("zeropool %s; no library found\n", ZP_VERSION);
    else
        printf("zeropool %s; library %s: %s\n", ZP_VERSION, library.version, library.path);
    return zp_finish(ZP_DONE);
}
