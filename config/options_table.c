// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Prints the options for the documentation (scripts/docs): as the Markdown table of
// docs/options.md, or with the argument "man" as the entries of man/libzeropool.7.

#include "config/options.h"

#include <stdio.h>
#include <string.h>

static void markdown(const struct zp_option *option)
{
    printf("| `%s` | %s | `%s` | %s |\n", option->name, option->allowed, option->fallback,
           option->help);
}

// A minus is one that can be copied. The texts have no other character that means something there.
static void put_roff(const char *text)
{
    for (; *text != '\0'; text++)
        printf("%s%c", *text == '-' || *text == '\\' ? "\\" : "", *text);
}

static void roff(const struct zp_option *option)
{
    printf(".TP\n.B %s\n", option->name);
    put_roff(option->help);
    printf(".\n.br\nValues: ");
    put_roff(option->allowed);
    printf(". Default: ");
    put_roff(option->fallback);
    puts(".");
}

int main(int count, char **arguments)
{
    void (*print)(const struct zp_option *option) = roff;
    if (count < 2 || strcmp(arguments[1], "man") != 0) {
        print = markdown;
        puts("| name | values | default | meaning |\n|---|---|---|---|");
    }
    for (size_t i = 0; i < zp_option_count; i++)
        print(&zp_option_table[i]);
    return 0;
}
