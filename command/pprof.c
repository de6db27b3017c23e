// SPDX-License-Identifier: MIT OR Apache-2.0
//
// pprof's format: a message of protocol buffers (profile.proto of google/pprof), gzip'd.
//
// A message is a row of fields: a key, which is the field's number and how the value is coded, and
// the value: a number in groups of seven bits, or a length and bytes. A message inside another is
// bytes. The gzip file holds the message in stored blocks, which are not compressed.

#include "command/export.h"
#include "command/say.h"

#include <stdlib.h>
#include <string.h>

// ---- Messages --------------------------------------------------------------------------------

struct message {
    unsigned char *bytes;
    size_t length, room;
};

static void add_bytes(struct message *message, const void *bytes, size_t length)
{
    if (length > message->room - message->length) {
        message->room = 2 * (message->room + length);
        message->bytes = realloc(message->bytes, message->room);
        if (message->bytes == NULL)
            exit(zp_fail(ZP_FAILED, "no memory"));
    }
    if (length != 0)
        memcpy(message->bytes + message->length, bytes, length);
    message->length += length;
}

static void clear(struct message *message)
{
    free(message->bytes);
    *message = (struct message){.bytes = NULL};
}

static void add_groups(struct message *message, uint64_t number)
{
    do {
        unsigned char group = (unsigned char)(number & 127) | (number > 127 ? 128 : 0);
        add_bytes(message, &group, 1);
        number >>= 7;
    } while (number != 0);
}

static void add_number(struct message *message, unsigned field, uint64_t number)
{
    add_groups(message, (uint64_t)field << 3);
    add_groups(message, number);
}

static void add_text(struct message *message, unsigned field, const void *text, size_t length)
{
    add_groups(message, (uint64_t)field << 3 | 2);
    add_groups(message, length);
    add_bytes(message, text, length);
}

// Adds `part` as a field, and empties it.
static void add_message(struct message *message, unsigned field, struct message *part)
{
    add_text(message, field, part->bytes, part->length);
    clear(part);
}

// ---- Strings ---------------------------------------------------------------------------------

// A string is known by its number. Equal ones may have several: the format allows that.
struct strings {
    struct message table; // as fields of the profile
    uint64_t count;
};

enum { // the fields of Profile
    SAMPLE_TYPE = 1,
    SAMPLE = 2,
    MAPPING = 3,
    LOCATION = 4,
    FUNCTION = 5,
    STRING_TABLE = 6,
    TIME_NANOS = 9,
    DEFAULT_SAMPLE_TYPE = 14,
};

static uint64_t string(struct strings *strings, const char *text)
{
    add_text(&strings->table, STRING_TABLE, text, strlen(text));
    return strings->count++;
}

// ---- The profile -----------------------------------------------------------------------------

static const struct {
    const char *type, *unit;
} values[] = {
    {"alloc_objects", "count"}, {"alloc_space", "bytes"}, {"inuse_objects", "count"},
    {"inuse_space", "bytes"},   {"peak_space", "bytes"},  {"fresh", "count"},
    {"written_space", "bytes"},
};

enum { VALUES = sizeof(values) / sizeof(values[0]), DEFAULT_VALUE = 1 };

static void add_types(struct message *profile, struct strings *strings)
{
    struct message type = {.bytes = NULL};
    for (unsigned i = 0; i < VALUES; i++) {
        uint64_t name = string(strings, values[i].type);
        add_number(&type, 1, name);
        add_number(&type, 2, string(strings, values[i].unit));
        add_message(profile, SAMPLE_TYPE, &type);
        if (i == DEFAULT_VALUE)
            add_number(profile, DEFAULT_SAMPLE_TYPE, name);
    }
}

// A location has the number of its symbol in the list, from 1 on.
static void add_sample(struct message *profile, const struct zp_profile_site *site,
                       const struct zp_symbols *symbols)
{
    struct message sample = {.bytes = NULL}, list = {.bytes = NULL};
    const struct zp_site *is = &site->is;
    const uint64_t numbers[VALUES] = {is->count,      is->bytes, is->live,   is->live_bytes,
                                      is->peak_bytes, is->fresh, is->written};
    for (uint32_t i = 0; i < is->depth; i++)
        add_groups(&list, (uint64_t)(zp_symbol_of(symbols, site->frames[i]) - symbols->all) + 1);
    add_message(&sample, 1, &list);
    for (unsigned i = 0; i < VALUES; i++)
        add_groups(&list, numbers[i]);
    add_message(&sample, 2, &list);
    add_message(profile, SAMPLE, &sample);
}

static void add_mappings(struct message *profile, struct strings *strings,
                         const struct zp_profile_file *file)
{
    struct message mapping = {.bytes = NULL};
    for (unsigned i = 0; i < file->mapping_count; i++) {
        const struct zp_mapped *from = &file->mappings[i];
        add_number(&mapping, 1, i + 1);
        add_number(&mapping, 2, from->start);
        add_number(&mapping, 3, from->end);
        add_number(&mapping, 4, from->offset);
        add_number(&mapping, 5, string(strings, from->file));
        add_number(&mapping, 7, 1); // functions have names: pprof need not look for them
        add_message(profile, MAPPING, &mapping);
    }
}

static void add_symbol(struct message *profile, struct strings *strings,
                       const struct zp_profile_file *file, const struct zp_symbol *symbol,
                       uint64_t number)
{
    struct message part = {.bytes = NULL}, line = {.bytes = NULL};
    const struct zp_mapped *mapping = zp_profile_mapping(file, symbol->address - 1);
    add_number(&part, 1, number);
    if (mapping != NULL)
        add_number(&part, 2, (uint64_t)(mapping - file->mappings) + 1);
    add_number(&part, 3, symbol->address);
    add_number(&line, 1, number);
    add_number(&line, 2, symbol->line);
    add_message(&part, 4, &line);
    add_message(profile, LOCATION, &part);

    uint64_t name = string(strings, symbol->function);
    add_number(&part, 1, number);
    add_number(&part, 2, name);
    add_number(&part, 3, name);
    add_number(&part, 4, string(strings, symbol->source));
    add_message(profile, FUNCTION, &part);
}

// ---- gzip ------------------------------------------------------------------------------------

static uint32_t checksum(const unsigned char *bytes, size_t length)
{
    uint32_t sum = UINT32_MAX;
    for (size_t i = 0; i < length; i++) {
        sum ^= bytes[i];
        for (unsigned bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (sum & 1 ? 0xEDB88320u : 0);
    }
    return ~sum;
}

static void put_little(FILE *to, uint32_t number, unsigned bytes)
{
    for (; bytes > 0; bytes--, number >>= 8)
        putc((int)(number & 255), to);
}

static void put_gzip(FILE *to, const unsigned char *bytes, size_t length)
{
    enum { BLOCK_MOST = 65535 };
    static const unsigned char header[] = {0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255};
    fwrite(header, sizeof(header), 1, to);
    for (size_t at = 0; at < length || at == 0;) {
        size_t block = length - at < BLOCK_MOST ? length - at : BLOCK_MOST;
        putc(at + block == length, to); // the last one; stored
        put_little(to, (uint32_t)block, 2);
        put_little(to, ~(uint32_t)block, 2);
        fwrite(bytes + at, block, 1, to);
        at += block;
    }
    put_little(to, checksum(bytes, length), 4);
    put_little(to, (uint32_t)length, 4);
}

void zp_export_pprof(FILE *to, const struct zp_profile_file *file, const struct zp_symbols *symbols)
{
    struct message profile = {.bytes = NULL};
    struct strings strings = {.count = 0};
    string(&strings, ""); // number 0 has to be empty
    add_types(&profile, &strings);
    for (unsigned i = 0; i < file->site_count; i++)
        add_sample(&profile, &file->sites[i], symbols);
    add_mappings(&profile, &strings, file);
    for (unsigned i = 0; i < symbols->count; i++)
        add_symbol(&profile, &strings, file, &symbols->all[i], i + 1);
    add_number(&profile, TIME_NANOS, file->ended * 1000000000u);
    add_bytes(&profile, strings.table.bytes, strings.table.length);
    put_gzip(to, profile.bytes, profile.length);
    clear(&strings.table);
    clear(&profile);
}
