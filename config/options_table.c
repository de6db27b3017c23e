// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Prints the options as the Markdown table of the README (scripts/docs).

#include "config/options.h"

#include <stdio.h>

int main(void)
{
    puts("| name | values | default | meaning |\n|---|---|---|---|");
    for (size_t i = 0; i < zp_option_count; i++) {
        const struct zp_option *option = &zp_option_table[i];
        if (option->kind != ZP_OPTION_UNAVAILABLE)
            printf("| `%s` | %s | `%s` | %s |\n", option->name, option->allowed, option->fallback,
                   option->help);
    }
    return 0;
}
