// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Functions of libc that allocate what the program then frees.

#include "crash.h"

int main(void)
{
    require_library();
    char *text = opaque(malloc(3 * MIB)), *copy, *printed;
    memset(text, 'x', 3 * MIB - 1);
    text[3 * MIB - 1] = '\0';
    copy = strdup(text);
    CHECK(copy != NULL && strcmp(text, copy) == 0);
    CHECK(asprintf(&printed, "%s%s", text, copy) == 6 * (int)MIB - 2);
    free(text);
    free(printed);
    free(copy);
    return 0;
}
