// SPDX-License-Identifier: MIT OR Apache-2.0

#include "options.h"

#include "nearest.h"

#include "core/log.h"
#include "core/pool.h"

#include <string.h>

static const char prefix[] = "ZEROPOOL_";

const struct zp_option zp_option_table[] = {
#define ZP_OPTION(name, field, kind, fallback, choices, least, most, allowed, help)                \
    {"ZEROPOOL_" #name,                                                                            \
     ZP_OPTION_##kind,                                                                             \
     fallback,                                                                                     \
     choices,                                                                                      \
     least,                                                                                        \
     most,                                                                                         \
     allowed,                                                                                      \
     help,                                                                                         \
     offsetof(struct zp_options, field)},
#define ZP_PLANNED(name, help)                                                                     \
    {"ZEROPOOL_" #name, ZP_OPTION_UNAVAILABLE, "", NULL, 0, 0, "", help, 0},
#include "options.def"
#undef ZP_OPTION
#undef ZP_PLANNED
};

const size_t zp_option_count = sizeof(zp_option_table) / sizeof(zp_option_table[0]);

enum verdict { ACCEPTED, REFUSED, NOT_YET };

union value {
    int64_t number;
    zp_field_LIST list;
    zp_field_PATH path;
};

static void set_field(struct zp_options *options, const struct zp_option *option,
                      const union value *value)
{
    size_t size = option->kind == ZP_OPTION_LIST   ? sizeof(value->list)
                  : option->kind == ZP_OPTION_PATH ? sizeof(value->path)
                                                   : sizeof(value->number);
    memcpy((char *)options + option->offset, value, size);
}

// ---- Values ----------------------------------------------------------------------------------

// Decimal digits up to INT64_MAX; returns what follows them, NULL if there are none or too many.
static const char *parse_digits(const char *text, int64_t *value)
{
    if (*text < '0' || *text > '9')
        return NULL;
    for (*value = 0; *text >= '0' && *text <= '9'; text++) {
        if (__builtin_mul_overflow(*value, 10, value) ||
            __builtin_add_overflow(*value, *text - '0', value))
            return NULL;
    }
    return text;
}

static enum verdict parse_number(const char *text, int64_t *value)
{
    const char *end = parse_digits(text, value);
    return end != NULL && *end == '\0' ? ACCEPTED : REFUSED;
}

static enum verdict parse_signed(const char *text, int64_t *value)
{
    bool negative = *text == '-';
    enum verdict verdict = parse_number(text + negative, value);
    if (negative)
        *value = -*value;
    return verdict;
}

// Digits and a unit, if there is one; returns what follows, or NULL.
static const char *parse_bytes(const char *text, int64_t *value)
{
    static const char units[] = "kKmMgG";
    const char *end = parse_digits(text, value);
    if (end == NULL || *end == '\0')
        return end;
    const char *unit = strchr(units, *end);
    if (unit == NULL)
        return end;
    int64_t factor = (int64_t)1 << (10 * ((unit - units) / 2 + 1));
    return __builtin_mul_overflow(*value, factor, value) ? NULL : end + 1;
}

static enum verdict parse_size(const char *text, int64_t *value)
{
    const char *end = parse_bytes(text, value);
    return end != NULL && *end == '\0' ? ACCEPTED : REFUSED;
}

// One size of a list, with its count; returns what follows, or NULL.
static const char *parse_item(const struct zp_option *option, const char *text,
                              struct zp_prewarm *item)
{
    int64_t size, count = 1;
    text = parse_bytes(text, &size);
    if (text != NULL && *text == '*')
        text = parse_digits(text + 1, &count);
    if (text == NULL || size < option->least || size > option->most || count < 1 ||
        count > UINT32_MAX)
        return NULL;
    *item = (struct zp_prewarm){(size_t)size, (uint32_t)count};
    return text;
}

static enum verdict parse_list(const struct zp_option *option, const char *text,
                               struct zp_size_list *list)
{
    memset(list, 0, sizeof(*list));
    list->is_word = strcmp(text, option->choices) == 0;
    if (list->is_word || strcmp(text, option->fallback) == 0)
        return ACCEPTED;
    for (unsigned i = 0; i < ZP_SIZES_MOST; i++) {
        text = parse_item(option, text, &list->sizes[i]);
        if (text == NULL)
            return REFUSED;
        if (*text == '\0')
            return ACCEPTED;
        if (*text++ != ',')
            return REFUSED;
    }
    return REFUSED; // too many
}

unsigned zp_size_list_count(const struct zp_size_list *list)
{
    unsigned count = 0;
    while (count < ZP_SIZES_MOST && list->sizes[count].count != 0)
        count++;
    return count;
}

static enum verdict parse_choice(const char *text, const char *choices, int64_t *value)
{
    size_t length = strlen(text);
    *value = 0;
    for (const char *word = choices; *word != '\0'; (*value)++) {
        size_t word_length = strcspn(word, "|");
        if (word_length == length && memcmp(word, text, length) == 0)
            return ACCEPTED;
        word += word_length + (word[word_length] == '|');
    }
    return REFUSED;
}

// A name without any of these is rather a misspelt word, where a word is possible.
static bool may_be_path(const char *text)
{
    return strpbrk(text, "/.%") != NULL;
}

static enum verdict parse_path(const struct zp_option *option, const char *text, char *path)
{
    int64_t word;
    size_t length = strnlen(text, ZP_OPTION_PATH_MOST);
    memset(path, 0, ZP_OPTION_PATH_MOST);
    if (strcmp(text, option->fallback) == 0)
        return ACCEPTED;
    if (length == 0 || length == ZP_OPTION_PATH_MOST)
        return REFUSED;
    if (option->choices != NULL && !may_be_path(text) &&
        parse_choice(text, option->choices, &word) != ACCEPTED)
        return REFUSED;
    memcpy(path, text, length);
    return ACCEPTED;
}

static enum verdict parse_one_number(const struct zp_option *option, const char *text,
                                     int64_t *value)
{
    if (strcmp(text, "auto") == 0 && strncmp(option->allowed, "auto", 4) == 0) {
        *value = ZP_AUTO;
        return ACCEPTED;
    }
    enum verdict verdict = option->kind == ZP_OPTION_SIZE     ? parse_size(text, value)
                           : option->kind == ZP_OPTION_SIGNED ? parse_signed(text, value)
                                                              : parse_number(text, value);
    if (verdict == ACCEPTED && (*value < option->least || *value > option->most))
        verdict = REFUSED;
    if (verdict == ACCEPTED && option->kind == ZP_OPTION_POWER_OF_TWO &&
        (*value & (*value - 1)) != 0)
        verdict = REFUSED;
    return verdict;
}

static enum verdict parse_node(const struct zp_option *option, const char *text, int64_t *value)
{
    enum verdict verdict = parse_choice(text, option->choices, value);
    *value = ~*value;
    return verdict == ACCEPTED ? verdict : parse_one_number(option, text, value);
}

static enum verdict parse_value(const struct zp_option *option, const char *text,
                                union value *value)
{
    switch (option->kind) {
    case ZP_OPTION_UNAVAILABLE:
        return NOT_YET;
    case ZP_OPTION_CHOICE:
        return parse_choice(text, option->choices, &value->number);
    case ZP_OPTION_NODE:
        return parse_node(option, text, &value->number);
    case ZP_OPTION_LIST:
        return parse_list(option, text, &value->list);
    case ZP_OPTION_PATH:
        return parse_path(option, text, value->path);
    default:
        return parse_one_number(option, text, &value->number);
    }
}

// ---- Messages --------------------------------------------------------------------------------

static void warn_refused(const struct zp_option *option, const char *text, enum verdict verdict)
{
    struct zp_line line;
    zp_line_begin(&line, "zeropool: ");
    zp_line_text(&line, option->name);
    zp_line_text(&line, "=");
    zp_line_bytes(&line, text, strnlen(text, 64));
    zp_line_text(&line, verdict == NOT_YET ? ": not available in this version" : ": expected ");
    if (verdict == REFUSED)
        zp_line_text(&line, option->allowed);
    if (option->kind == ZP_OPTION_UNAVAILABLE) {
        zp_line_text(&line, "; ignored");
    } else {
        zp_line_text(&line, "; using ");
        zp_line_text(&line, option->fallback);
    }
    zp_line_write(&line);
}

static void warn_unknown(const char *name, size_t length)
{
    const char *nearest = NULL;
    unsigned best = ZP_NO_MISSPELLING;
    for (size_t i = 0; i < zp_option_count; i++) {
        const char *known = zp_option_table[i].name;
        unsigned apart = zp_letters_apart(name, length, known, strlen(known));
        if (apart < best) {
            best = apart;
            nearest = known;
        }
    }
    struct zp_line line;
    zp_line_begin(&line, "zeropool: ");
    zp_line_bytes(&line, name, length < 64 ? length : 64);
    zp_line_text(&line, " is not an option");
    if (nearest != NULL) {
        zp_line_text(&line, "; did you mean ");
        zp_line_text(&line, nearest);
        zp_line_text(&line, "?");
    }
    zp_line_write(&line);
}

// ---- The environment -------------------------------------------------------------------------

const struct zp_option *zp_option_find(const char *name, size_t length)
{
    for (size_t i = 0; i < zp_option_count; i++) {
        const char *known = zp_option_table[i].name;
        if (strlen(known) == length && memcmp(known, name, length) == 0)
            return &zp_option_table[i];
    }
    return NULL;
}

static enum verdict set_option(struct zp_options *options, const struct zp_option *option,
                               const char *text)
{
    union value value;
    enum verdict verdict = parse_value(option, text, &value);
    if (verdict == ACCEPTED)
        set_field(options, option, &value);
    return verdict;
}

bool zp_options_set(struct zp_options *options, const struct zp_option *option, const char *text)
{
    return set_option(options, option, text) == ACCEPTED;
}

bool zp_option_accepts(const struct zp_option *option, const char *text)
{
    union value value;
    return parse_value(option, text, &value) == ACCEPTED;
}

static void parse_entry(struct zp_options *options, const char *entry)
{
    size_t length = strcspn(entry, "=");
    if (entry[length] != '=')
        return;
    const struct zp_option *option = zp_option_find(entry, length);
    if (option == NULL) {
        warn_unknown(entry, length);
        return;
    }
    const char *text = entry + length + 1;
    enum verdict verdict = set_option(options, option, text);
    if (verdict != ACCEPTED)
        warn_refused(option, text, verdict);
}

void zp_options_defaults(struct zp_options *options)
{
    for (size_t i = 0; i < zp_option_count; i++) {
        const struct zp_option *option = &zp_option_table[i];
        set_option(options, option, option->fallback);
    }
}

void zp_options_parse(struct zp_options *options, char *const *environment)
{
    for (; *environment != NULL; environment++)
        if (strncmp(*environment, prefix, sizeof(prefix) - 1) == 0)
            parse_entry(options, *environment);
}

// ---- Options that exclude each other ---------------------------------------------------------

static void fall_back(struct zp_options *options, const struct zp_option *option)
{
    struct zp_line line;
    set_option(options, option, option->fallback);
    zp_line_begin(&line, "zeropool: ZEROPOOL_CHECK=full looks at freed buffers again; using ");
    zp_line_text(&line, option->name);
    zp_line_text(&line, "=");
    zp_line_text(&line, option->fallback);
    zp_line_write(&line);
}

// CHECK=full examines freed buffers later, so they have to be retained, and zero from free on.
const struct zp_option *zp_options_conflict(const struct zp_options *options)
{
    const char *name = options->check != ZP_CHECK_FULL ? NULL
                       : options->zero != ZP_ZERO_FREE ? "ZEROPOOL_ZERO"
                       : options->decay_ms == 0        ? "ZEROPOOL_DECAY_MS"
                       : options->max_memory == 0      ? "ZEROPOOL_MAX_MEMORY"
                                                       : NULL;
    return name != NULL ? zp_option_find(name, strlen(name)) : NULL;
}

void zp_options_reconcile(struct zp_options *options)
{
    const struct zp_option *option;
    while ((option = zp_options_conflict(options)) != NULL)
        fall_back(options, option);
}
