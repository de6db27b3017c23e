// SPDX-License-Identifier: MIT OR Apache-2.0

#include "areas.h"

#include <stdbool.h>
#include <stdlib.h>

// A skip list of the addresses at which attributes change.

enum { HEIGHT_MOST = 24 };

struct change {
    uint64_t at;
    uint32_t attributes; // from here to the next change
    unsigned height;
    struct change *next[];
};

static struct {
    struct change *first[HEIGHT_MOST]; // before the first change nothing is mapped
    struct change *spare[HEIGHT_MOST + 1];
    size_t count, peak;
    uint64_t random;
} areas = {.random = 1};

// For each height the link that leads to the first change at or after an address.
struct place {
    struct change **links[HEIGHT_MOST];
    struct change *before;
};

static struct change *find(uint64_t at, struct place *place)
{
    struct change *before = NULL;
    for (unsigned level = HEIGHT_MOST; level-- > 0;) {
        struct change **link = before != NULL ? &before->next[level] : &areas.first[level];
        for (; *link != NULL && (*link)->at < at; link = &before->next[level])
            before = *link;
        place->links[level] = link;
    }
    place->before = before;
    return *place->links[0];
}

static unsigned random_height(void)
{
    areas.random = areas.random * 6364136223846793005u + 1442695040888963407u;
    unsigned zeros =
        (unsigned)__builtin_ctzll(areas.random >> 32 | (uint64_t)1 << (HEIGHT_MOST - 1));
    return zeros + 1;
}

static struct change *make(unsigned height)
{
    struct change *change = areas.spare[height];
    if (change != NULL) {
        areas.spare[height] = change->next[0];
        return change;
    }
    change = malloc(sizeof(*change) + height * sizeof(change->next[0]));
    if (change == NULL)
        abort();
    change->height = height;
    return change;
}

static void count(uint32_t before, uint32_t after)
{
    areas.count += (size_t)(after != AREA_NONE) - (size_t)(before != AREA_NONE);
    if (areas.count > areas.peak)
        areas.peak = areas.count;
}

// The change at an address, made if there is none.
static struct change *split(uint64_t at)
{
    struct place place;
    struct change *found = find(at, &place);
    if (found != NULL && found->at == at)
        return found;
    struct change *made = make(random_height());
    made->at = at;
    made->attributes = place.before != NULL ? place.before->attributes : AREA_NONE;
    for (unsigned level = 0; level < made->height; level++) {
        made->next[level] = *place.links[level];
        *place.links[level] = made;
    }
    areas.count += made->attributes != AREA_NONE;
    return made;
}

static void set(struct change *change, uint32_t attributes)
{
    count(change->attributes, attributes);
    change->attributes = attributes;
}

static void drop(struct change *change)
{
    struct place place;
    find(change->at, &place);
    for (unsigned level = 0; level < change->height; level++)
        *place.links[level] = change->next[level];
    areas.count -= change->attributes != AREA_NONE;
    change->next[0] = areas.spare[change->height];
    areas.spare[change->height] = change;
}

// Removes the changes from `from` to `to` that change nothing.
static void merge(uint64_t from, uint64_t to)
{
    struct place place;
    struct change *change = find(from, &place);
    uint32_t before = place.before != NULL ? place.before->attributes : AREA_NONE;
    while (change != NULL && change->at <= to) {
        struct change *next = change->next[0];
        if (change->attributes == before)
            drop(change);
        else
            before = change->attributes;
        change = next;
    }
}

static void update(uint64_t from, uint64_t to, bool map, uint32_t clear, uint32_t add)
{
    size_t peak = areas.peak;
    split(from);
    split(to);
    struct place place;
    for (struct change *change = find(from, &place); change->at < to; change = change->next[0])
        if (map || change->attributes != AREA_NONE)
            set(change, (change->attributes & ~clear) | add);
    merge(from, to);
    areas.peak = peak > areas.count ? peak : areas.count; // what was split in between is no peak
}

void areas_set(uint64_t from, uint64_t to, uint32_t attributes)
{
    update(from, to, true, UINT32_MAX, attributes);
}

void areas_change(uint64_t from, uint64_t to, uint32_t clear, uint32_t add)
{
    update(from, to, false, clear, add);
}

uint32_t areas_at(uint64_t address)
{
    struct place place;
    struct change *found = find(address, &place);
    if (found != NULL && found->at == address)
        return found->attributes;
    return place.before != NULL ? place.before->attributes : AREA_NONE;
}

size_t areas_count(void)
{
    return areas.count;
}

size_t areas_peak(void)
{
    return areas.peak;
}
