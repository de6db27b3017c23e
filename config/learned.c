// SPDX-License-Identifier: MIT OR Apache-2.0

#include "learned.h"

#include "core/size_class.h"

#include <string.h>

static const char first_line[] = "zeropool learned 1\n", before_list[] = "sizes ",
                  behind_list[] = "\nend ";

enum {
    HEX_DIGITS = 16,
    END_MOST = sizeof(behind_list) - 1 + HEX_DIGITS + 1, // with its newline
    ENTRY_MOST = 32,                                     // a comma, two numbers and what joins them
};

uint64_t zp_learned_hash(const char *bytes, size_t length)
{
    uint64_t hash = 0xCBF29CE484222325u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001B3u;
    return hash;
}

char *zp_learned_hex(char *to, uint64_t hash)
{
    for (unsigned shift = 64; shift != 0; shift -= 4)
        *to++ = "0123456789abcdef"[hash >> (shift - 4) & 15];
    return to;
}

// ---- Writing ---------------------------------------------------------------------------------

static char *add_bytes(char *to, const char *bytes, size_t length)
{
    memcpy(to, bytes, length);
    return to + length;
}

static char *add_number(char *to, uint64_t number)
{
    char digits[20];
    size_t count = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while ((number /= 10) != 0);
    while (count != 0)
        *to++ = digits[--count];
    return to;
}

size_t zp_learned_write(char *text, const char *head, const struct zp_prewarm *list, unsigned count)
{
    char *to = add_bytes(text, first_line, sizeof(first_line) - 1);
    to = add_bytes(to, head, strlen(head));
    to = add_bytes(to, before_list, sizeof(before_list) - 1);
    const char *last = text + ZP_LEARNED_MOST - END_MOST - ENTRY_MOST;
    for (unsigned i = 0; i < count && to <= last; i++) {
        if (i != 0)
            *to++ = ',';
        to = add_number(to, list[i].size);
        if (list[i].count != 1) {
            *to++ = '*';
            to = add_number(to, list[i].count);
        }
    }
    uint64_t hash = zp_learned_hash(text, (size_t)(to - text));
    to = add_bytes(to, behind_list, sizeof(behind_list) - 1);
    to = zp_learned_hex(to, hash);
    *to++ = '\n';
    return (size_t)(to - text);
}

// ---- Reading ---------------------------------------------------------------------------------

// Skips what has to stand there; NULL if it does not.
static const char *skip(const char *at, const char *end, const char *expected)
{
    size_t length = strlen(expected);
    if (at == NULL || (size_t)(end - at) < length || memcmp(at, expected, length) != 0)
        return NULL;
    return at + length;
}

// A number from 1 to `most`; NULL if there is none.
static const char *read_number(const char *at, const char *end, uint64_t most, uint64_t *number)
{
    *number = 0;
    if (at == NULL || at == end || *at < '1' || *at > '9')
        return NULL;
    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        *number = *number * 10 + (uint64_t)(*at - '0');
        if (*number > most)
            return NULL;
    }
    return at;
}

static const char *read_entry(const char *at, const char *end, struct zp_prewarm *entry)
{
    uint64_t size, count = 1;
    at = read_number(at, end, ZP_CLASS_MAX, &size);
    if (at != NULL && at < end && *at == '*')
        at = read_number(at + 1, end, UINT32_MAX, &count);
    if (at != NULL)
        *entry = (struct zp_prewarm){(size_t)size, (uint32_t)count};
    return at;
}

unsigned zp_learned_read(const char *text, size_t length, const char *head, struct zp_prewarm *list)
{
    if (length < END_MOST)
        return 0;
    const char *end = text + length - END_MOST; // of the list
    char hash[HEX_DIGITS + 1] = "";
    zp_learned_hex(hash, zp_learned_hash(text, (size_t)(end - text)));
    const char *rest = skip(skip(end, text + length, behind_list), text + length, hash);
    const char *at = skip(skip(skip(text, end, first_line), end, head), end, before_list);
    if (rest == NULL || *rest != '\n')
        return 0;
    unsigned count = 0;
    while (at != NULL && count < ZP_PREWARM_MOST) {
        at = read_entry(at, end, &list[count++]);
        if (at == end)
            return count;
        at = skip(at, end, ",");
    }
    return 0;
}
