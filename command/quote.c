// SPDX-License-Identifier: MIT OR Apache-2.0

#include "quote.h"

#include "command/say.h"

#include <string.h>

static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                            "0123456789%+,-./:=@_";

char *zp_quoted(const char *word)
{
    static const char quote[] = "'\\''"; // ends the quotes, has one of its own, begins them again
    if (*word != '\0' && word[strspn(word, plain)] == '\0')
        return zp_copy_of(word);
    char *text = zp_room(strlen(word) * (sizeof(quote) - 1) + 3, 1), *to = text;
    *to++ = '\'';
    for (; *word != '\0'; word++) {
        if (*word == '\'')
            to = stpcpy(to, quote);
        else
            *to++ = *word;
    }
    *to = '\'';
    return text;
}
