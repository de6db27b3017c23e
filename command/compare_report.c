// SPDX-License-Identifier: MIT OR Apache-2.0

#include "command/compare.h"
#include "command/json.h"
#include "command/quote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// How many times less or more; both are positive, or the same.
static double ratio(double larger, double smaller)
{
    return smaller > 0 ? larger / smaller : 0;
}

static const char *times(double larger, double smaller, char text[ZP_VALUE_MOST])
{
    double is = ratio(larger, smaller);
    if (is == 0)
        snprintf(text, ZP_VALUE_MOST, "from or to nothing");
    else
        snprintf(text, ZP_VALUE_MOST, is < 100 ? "%.2f times" : "%.0f times", is);
    return text;
}

// ---- The table -------------------------------------------------------------------------------

static void print_verdict(const struct zp_spread *without, const struct zp_spread *with)
{
    char text[ZP_VALUE_MOST];
    switch (zp_compare_spreads(without, with)) {
    case ZP_SAME:
        puts(" no difference");
        break;
    case ZP_LESS:
        printf(" %s less\n", times(without->median, with->median, text));
        break;
    case ZP_MORE:
        printf(" %s more\n", times(with->median, without->median, text));
        break;
    }
}

static void print_measure(const struct zp_comparison *comparison, enum zp_measure measure)
{
    for (unsigned i = 0; i < comparison->side_count; i++) {
        const struct zp_side *side = &comparison->sides[i];
        const struct zp_spread *spread = &side->spread[measure];
        char median[ZP_VALUE_MOST], lowest[ZP_VALUE_MOST], highest[ZP_VALUE_MOST];
        zp_measure_text(measure, spread->median, median);
        zp_measure_text(measure, spread->lowest, lowest);
        zp_measure_text(measure, spread->highest, highest);
        printf("%-11s %-16.16s %10s %9s..%-9s", i == 0 ? zp_measure_names[measure].text : "",
               side->name, median, lowest, highest);
        if (i == 0)
            putchar('\n');
        else
            print_verdict(&comparison->sides[0].spread[measure], spread);
    }
}

// ---- The sentence ----------------------------------------------------------------------------

static void print_rest(const struct zp_side *without, const struct zp_side *side,
                       enum zp_verdict wanted, const char *word)
{
    bool first = true;
    for (int i = ZP_CPU; i < ZP_MEASURES; i++) {
        const struct zp_spread *a = &without->spread[i], *b = &side->spread[i];
        char text[ZP_VALUE_MOST];
        if (zp_compare_spreads(a, b) != wanted)
            continue;
        times(wanted == ZP_LESS ? a->median : b->median, wanted == ZP_LESS ? b->median : a->median,
              text);
        printf("%s%s %s", first ? word : ", ", zp_measure_names[i].text, text);
        first = false;
    }
    if (!first)
        putchar('.');
}

static void print_sentence(const struct zp_side *without, const struct zp_side *side)
{
    const struct zp_spread *a = &without->spread[ZP_TIME], *b = &side->spread[ZP_TIME];
    char text[ZP_VALUE_MOST];
    switch (zp_compare_spreads(a, b)) {
    case ZP_SAME:
        printf("With %s: no difference in time, the ranges overlap.", side->name);
        break;
    case ZP_LESS:
        printf("With %s: faster, %s.", side->name, times(a->median, b->median, text));
        break;
    case ZP_MORE:
        printf("With %s: slower, %s.", side->name, times(b->median, a->median, text));
        break;
    }
    print_rest(without, side, ZP_LESS, "\n  Less: ");
    print_rest(without, side, ZP_MORE, "\n  More: ");
    putchar('\n');
}

void zp_comparison_print(const struct zp_comparison *comparison)
{
    printf("%u runs of each, in turn:", comparison->rounds);
    for (char **word = comparison->program; *word != NULL; word++) {
        char *quoted = zp_quoted(*word);
        printf(" %s", quoted);
        free(quoted);
    }
    printf("\n\n%-11s %-16s %10s %9s  %-9s\n", "", "", "median", "lowest", "highest");
    for (int i = 0; i < ZP_MEASURES; i++)
        print_measure(comparison, (enum zp_measure)i);
    putchar('\n');
    // Of 3 + 3 values in any order, 2 of the 20 ways to mix them keep the ranges apart.
    if (comparison->rounds < 5)
        printf("With so few rounds chance alone keeps two ranges apart in one case of %s.\n",
               comparison->rounds == 3 ? "ten" : "35");
    for (unsigned i = 1; i < comparison->side_count; i++)
        print_sentence(&comparison->sides[0], &comparison->sides[i]);
}

// ---- JSON ------------------------------------------------------------------------------------

static void put_measure(struct zp_json *json, const struct zp_comparison *comparison,
                        const struct zp_side *side, enum zp_measure measure)
{
    static const char *const verdicts[] = {
        [ZP_SAME] = "no difference", [ZP_LESS] = "less", [ZP_MORE] = "more"};
    const struct zp_spread *spread = &side->spread[measure];
    const struct zp_spread *without = &comparison->sides[0].spread[measure];
    zp_json_object(json, zp_measure_names[measure].name);
    zp_json_text(json, "unit", zp_measure_names[measure].unit);
    zp_json_real(json, "median", spread->median);
    zp_json_real(json, "lowest", spread->lowest);
    zp_json_real(json, "highest", spread->highest);
    if (side != &comparison->sides[0])
        zp_json_text(json, "against_without", verdicts[zp_compare_spreads(without, spread)]);
    zp_json_list(json, "runs");
    for (unsigned i = 0; i < comparison->rounds; i++)
        zp_json_real(json, NULL, side->values[measure][i]);
    zp_json_end(json);
    zp_json_end(json);
}

static const char *word_for(const struct zp_side *without, const struct zp_side *side)
{
    switch (zp_compare_spreads(&without->spread[ZP_TIME], &side->spread[ZP_TIME])) {
    case ZP_LESS:
        return "faster";
    case ZP_MORE:
        return "slower";
    default:
        return "no difference";
    }
}

void zp_comparison_print_json(const struct zp_comparison *comparison)
{
    struct zp_json json;
    zp_json_begin(&json);
    zp_json_object(&json, NULL);
    zp_json_list(&json, "program");
    for (char **word = comparison->program; *word != NULL; word++)
        zp_json_text(&json, NULL, *word);
    zp_json_end(&json);
    zp_json_number(&json, "rounds", comparison->rounds);
    zp_json_list(&json, "sides");
    for (unsigned i = 0; i < comparison->side_count; i++) {
        const struct zp_side *side = &comparison->sides[i];
        zp_json_object(&json, NULL);
        zp_json_text(&json, "name", side->name);
        zp_json_text(&json, "library", side->library);
        if (i > 0)
            zp_json_text(&json, "verdict", word_for(&comparison->sides[0], side));
        for (int j = 0; j < ZP_MEASURES; j++)
            put_measure(&json, comparison, side, (enum zp_measure)j);
        zp_json_end(&json);
    }
    zp_json_end(&json);
    zp_json_end(&json);
}
