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
#include "options.def"
#undef ZP_OPTION
};

const size_t zp_option_count = sizeof(zp_option_table) / sizeof(zp_option_table[0]);

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

static bool parse_number(const char *text, int64_t *value)
{
    const char *end = parse_digits(text, value);
    return end != NULL && *end == '\0';
}

static bool parse_signed(const char *text, int64_t *value)
{
    bool negative = *text == '-';
    bool accepted = parse_number(text + negative, value);
    if (negative)
        *value = -*value;
    return accepted;
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

static bool parse_size(const char *text, int64_t *value)
{
    const char *end = parse_bytes(text, value);
    return end != NULL && *end == '\0';
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

static bool parse_list(const struct zp_option *option, const char *text, struct zp_size_list *list)
{
    memset(list, 0, sizeof(*list));
    list->is_word = strcmp(text, option->choices) == 0;
    if (list->is_word || strcmp(text, option->fallback) == 0)
        return true;
    for (unsigned i = 0; i < ZP_SIZES_MOST; i++) {
        text = parse_item(option, text, &list->sizes[i]);
        if (text == NULL)
            return false;
        if (*text == '\0')
            return true;
        if (*text++ != ',')
            return false;
    }
    return false; // too many
}

unsigned zp_size_list_count(const struct zp_size_list *list)
{
    unsigned count = 0;
    while (count < ZP_SIZES_MOST && list->sizes[count].count != 0)
        count++;
    return count;
}

static bool parse_choice(const char *text, const char *choices, int64_t *value)
{
    size_t length = strlen(text);
    *value = 0;
    for (const char *word = choices; *word != '\0'; (*value)++) {
        size_t word_length = strcspn(word, "|");
        if (word_length == length && memcmp(word, text, length) == 0)
            return true;
        word += word_length + (word[word_length] == '|');
    }
    return false;
}

// A name without any of these is rather a misspelt word, where a word is possible.
static bool may_be_path(const char *text)
{
    return strpbrk(text, "/.%") != NULL;
}

static bool parse_path(const struct zp_option *option, const char *text, char *path)
{
    int64_t word;
    size_t length = strnlen(text, ZP_OPTION_PATH_MOST);
    memset(path, 0, ZP_OPTION_PATH_MOST);
    if (strcmp(text, option->fallback) == 0)
        return true;
    if (length == 0 || length == ZP_OPTION_PATH_MOST)
        return false;
    if (option->choices != NULL && !may_be_path(text) &&
        !parse_choice(text, option->choices, &word))
        return false;
    memcpy(path, text, length);
    return true;
}

static bool parse_one_number(const struct zp_option *option, const char *text, int64_t *value)
{
    if (strcmp(text, "auto") == 0 && strncmp(option->allowed, "auto", 4) == 0) {
        *value = ZP_AUTO;
        return true;
    }
    bool accepted = option->kind == ZP_OPTION_SIZE     ? parse_size(text, value)
                    : option->kind == ZP_OPTION_SIGNED ? parse_signed(text, value)
                                                       : parse_number(text, value);
    if (accepted && (*value < option->least || *value > option->most))
        accepted = false;
    if (accepted && option->kind == ZP_OPTION_POWER_OF_TWO && (*value & (*value - 1)) != 0)
        accepted = false;
    return accepted;
}

static bool parse_node(const struct zp_option *option, const char *text, int64_t *value)
{
    bool accepted = parse_choice(text, option->choices, value);
    *value = ~*value;
    return accepted || parse_one_number(option, text, value);
}

static bool parse_value(const struct zp_option *option, const char *text, union value *value)
{
    switch (option->kind) {
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

static void warn_refused(const struct zp_option *option, const char *text)
{
    struct zp_line line;
    zp_line_begin(&line, "zeropool: ");
    zp_line_text(&line, option->name);
    zp_line_text(&line, "=");
    zp_line_bytes(&line, text, strnlen(text, 64));
    zp_line_text(&line, ": expected ");
    zp_line_text(&line, option->allowed);
    zp_line_text(&line, "; using ");
    zp_line_text(&line, option->fallback);
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

bool zp_options_set(struct zp_options *options, const struct zp_option *option, const char *text)
{
    union value value;
    bool accepted = parse_value(option, text, &value);
    if (accepted)
        set_field(options, option, &value);
    return accepted;
}

bool zp_option_accepts(const struct zp_option *option, const char *text)
{
    union value value;
    return parse_value(option, text, &value);
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
    if (!zp_options_set(options, option, text))
        warn_refused(option, text);
}

void zp_options_defaults(struct zp_options *options)
{
    for (size_t i = 0; i < zp_option_count; i++) {
        const struct zp_option *option = &zp_option_table[i];
        zp_options_set(options, option, option->fallback);
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
    zp_options_set(options, option, option->fallback);
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
