// SPDX-License-Identifier: MIT OR Apache-2.0
//
// stdio and getline keep large buffers of their own, and grow and free them.

#include "crash.h"

int main(void)
{
    require_library();
    char *text = NULL, *line = NULL;
    size_t size = 0, room = 0;
    FILE *stream = open_memstream(&text, &size);
    CHECK(stream != NULL);
    for (int i = 0; i < 400000; i++)
        fputs("0123456789", stream);
    fputs("\n", stream);
    CHECK(fclose(stream) == 0 && size == 4000001);
    stream = fmemopen(text, size, "r");
    CHECK(stream != NULL && getline(&line, &room, stream) == 4000001);
    CHECK(memcmp(text, line, size) == 0);
    fclose(stream);
    free(line);
    free(text);
    return 0;
}
