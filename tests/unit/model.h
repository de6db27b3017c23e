// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A model of what a program may expect of the pool, and random sequences of operations that are
// checked against it. test_random runs them as they are, test_faults with system calls that fail.

#ifndef ZP_TESTS_UNIT_MODEL_H
#define ZP_TESTS_UNIT_MODEL_H

#include "marks.h"

enum {
    MODEL_BUFFERS = 48,
    MODEL_ERRNO = 4711, // what errno is before each operation, and has to be after it
};

struct model_buffer {
    struct zp_slot *slot;
    char *base;       // the owner's too, though it was given a start behind it
    size_t offset;    // of the start
    size_t usable;    // must stay while the program owns the buffer
    size_t valid;     // bytes whose content is known
    size_t zero_from; // pages without a mark are zero from here on
    struct marks marks;
};

struct model {
    struct model_buffer buffers[MODEL_BUFFERS];
    unsigned count;
    struct unit_random random;
    bool scrub;
    bool helped;      // another thread looks after what is freed
    bool few;         // mappings may run short: then slots that always stand alone do, too
    size_t largest;   // request
    unsigned refused; // gets that returned NULL
    unsigned moved;   // moves that succeeded
};

static inline void model_start(struct model *model, const struct zp_pool_config *config,
                               size_t largest, struct unit_random random)
{
    *model = (struct model){.random = random,
                            .scrub = config->content.scrub,
                            .helped = config->scrub_behind != 0 || config->prewarm.count != 0,
                            .few = config->arena.mappings != 0,
                            .largest = largest};
}

static inline size_t model_below(struct model *model, size_t bound)
{
    return unit_random_below(&model->random, bound);
}

// Small sizes are as likely as large ones, by their logarithm; some are a class to the byte, or a
// byte more.
static inline size_t model_size(struct model *model)
{
    unsigned classes = zp_class_of(model->largest);
    unsigned size_class = (unsigned)model_below(model, model_below(model, 4) == 0 ? classes : 25);
    size_t size = zp_class_size(size_class), above = zp_class_size(size_class + 1);
    switch (model_below(model, 4)) {
    case 0:
        return size;
    case 1:
        return size + 1;
    default:
        return size + model_below(model, above - size);
    }
}

// From every page, which leaves no holes, to the first alone.
static inline size_t model_step_of_pages(struct model *model)
{
    static const size_t steps[] = {1, 2, 3, 7, 16, 40, 100, SIZE_MAX / 2};
    return steps[model_below(model, sizeof(steps) / sizeof(steps[0]))];
}

static size_t model_tails;

static inline void model_add_tail(struct zp_slot *slot)
{
    if (slot->state == ZP_SLOT_POOLED)
        MUST(zp_slot_tail(slot) == 0);
    else if (slot->state != ZP_SLOT_COLD && slot->state != ZP_SLOT_RETIRED)
        model_tails += zp_slot_tail(slot);
}

// What is charged for tails is what there is of them; the helper would change slots meanwhile.
static inline void model_check_tails(void)
{
    model_tails = 0;
    zp_arena_visit(model_add_tail);
    MUST(zp_budget_tails() == model_tails);
}

static inline void model_check_whole(const struct model *model)
{
    MUST(errno == MODEL_ERRNO);
    MUST(zp_budget_used() <= zp_budget_limit());
    MUST(zp_budget_peak() <= zp_budget_limit());
    if (!model->helped)
        model_check_tails();
}

static inline void model_check_buffer(const struct model_buffer *buffer)
{
    const struct zp_slot *slot = buffer->slot;
    MUST(slot->state == ZP_SLOT_LIVE);
    MUST(slot->base == buffer->base);
    MUST(zp_slot_offset(slot) == buffer->offset);
    MUST(slot->usable == buffer->usable);
    MUST(zp_arena_slot(buffer->base) == slot);
    MUST(zp_arena_slot(buffer->base + buffer->usable - 1) == slot);
    marks_check(&buffer->marks, buffer->base, buffer->valid, buffer->zero_from);
    if (zp_pool.scrub)
        marks_check_none(slot->base, slot->usable, slot->committed, buffer->marks.step);
}

static inline void model_check_slot(const struct model *model, const struct zp_slot *slot,
                                    size_t size)
{
    MUST(slot->state == ZP_SLOT_LIVE);
    MUST(zp_slot_room(slot) >= size);
    MUST(slot->usable % unit_page() == 0 && slot->committed % unit_page() == 0);
    MUST(slot->usable <= slot->committed && slot->committed <= zp_arena_capacity(slot));
    MUST((uintptr_t)slot->base % ZP_CLASS_MIN == 0);
    MUST((uintptr_t)slot->start % ZP_CACHE_LINE == 0 && zp_slot_offset(slot) < ZP_LEAST_PAGE);
    MUST(zp_arena_owns(slot->base) && zp_arena_owns(slot->base + slot->usable - 1));
    for (unsigned i = 0; i < model->count; i++) {
        const struct model_buffer *other = &model->buffers[i];
        MUST(other->slot != slot);
        MUST(slot->base + slot->committed <= other->base ||
             other->base + other->usable <= slot->base);
    }
}

static inline struct model_buffer *model_get(struct model *model, size_t size, size_t alignment)
{
    errno = MODEL_ERRNO;
    struct zp_slot *slot = alignment == 1 ? unit_get(size) : zp_pool_get(size, alignment);
    model_check_whole(model);
    if (slot == NULL) {
        model->refused++;
        return NULL;
    }
    model_check_slot(model, slot, size);
    MUST((uintptr_t)slot->start % alignment == 0);
    MUST(zp_slot_is_zero(slot) || !model->scrub);
    if (zp_slot_is_zero(slot) && model_below(model, 8) == 0)
        MUST(unit_is_zero(slot->base, slot->usable));
    else if (zp_slot_is_zero(slot))
        marks_check_none(slot->base, 0, slot->usable, model_step_of_pages(model));

    struct model_buffer *buffer = &model->buffers[model->count++];
    *buffer = (struct model_buffer){
        .slot = slot,
        .base = slot->base,
        .offset = zp_slot_offset(slot),
        .usable = slot->usable,
        .valid = slot->usable,
        .zero_from = zp_slot_is_zero(slot) ? 0 : slot->usable,
        .marks = {unit_random(&model->random), model_step_of_pages(model)},
    };
    marks_write(&buffer->marks, buffer->base, 0, buffer->valid);
    return buffer;
}

static inline void model_put(struct model *model, unsigned index)
{
    struct model_buffer *buffer = &model->buffers[index];
    model_check_buffer(buffer);
    errno = MODEL_ERRNO;
    zp_pool_put(buffer->base + buffer->offset);
    model_check_whole(model);
    if (!model->helped)
        MUST(buffer->slot->state != ZP_SLOT_LIVE && buffer->slot->state != ZP_SLOT_TAKEN);
    *buffer = model->buffers[--model->count];
}

// Takes note that a buffer has grown: what was added must be zero, but for what was its tail where
// nothing is scrubbed; and it gets marks.
static inline void model_note_growth(struct model_buffer *buffer, size_t committed)
{
    size_t now = buffer->slot->usable, zero_from = zp_pool.scrub ? buffer->usable : committed;
    marks_check_none(buffer->base, zero_from, now, 1);
    marks_write(&buffer->marks, buffer->base, buffer->valid, now);
    if (buffer->zero_from > zero_from || buffer->valid < zero_from)
        buffer->zero_from = zero_from;
    buffer->usable = buffer->valid = now;
}

static inline void model_resize(struct model *model, unsigned index, size_t size)
{
    struct model_buffer *buffer = &model->buffers[index];
    struct zp_slot *slot = buffer->slot;
    size_t committed = slot->committed;
    model_check_buffer(buffer);
    errno = MODEL_ERRNO;
    bool resized = zp_pool_resize(slot, size);
    model_check_whole(model);
    if (!resized) {
        MUST(buffer->offset + size > buffer->usable);
        model_check_buffer(buffer);
        return;
    }
    MUST(zp_slot_room(slot) >= size);
    MUST(slot->committed <= zp_arena_capacity(slot));
    if (buffer->offset + size <= buffer->usable) {
        // Of what lies behind the new size nothing is promised.
        size_t kept = zp_round_up(buffer->offset + size, unit_page());
        MUST(slot->usable <= committed);
        buffer->usable = slot->usable;
        buffer->valid = kept < buffer->valid ? kept : buffer->valid;
    } else {
        model_note_growth(buffer, committed);
    }
    model_check_buffer(buffer);
}

// What realloc does when neither the slot nor the pages can help.
static inline void model_copy(struct model *model, unsigned index, size_t size)
{
    struct model_buffer old = model->buffers[index];
    struct model_buffer *copy = model_get(model, size, 1);
    if (copy == NULL)
        return;
    MUST(copy->usable >= old.valid);
    memcpy(copy->base, old.base, old.valid);
    copy->valid = old.valid;
    copy->zero_from = old.zero_from;
    copy->marks = old.marks;
    model_put(model, index);
}

static inline void model_move(struct model *model, unsigned index, size_t size)
{
    struct model_buffer *buffer = &model->buffers[index];
    struct zp_slot *old = buffer->slot;
    size_t committed = old->committed;
    if (size <= buffer->usable)
        size = buffer->usable + 1 + model_below(model, buffer->usable);
    model_check_buffer(buffer);
    errno = MODEL_ERRNO;
    struct zp_slot *to = zp_pool_move(old, size);
    model_check_whole(model);
    if (to == NULL) {
        model_check_buffer(buffer);
        if (model->count < MODEL_BUFFERS)
            model_copy(model, index, size);
        return;
    }
    model->moved++;
    model_check_slot(model, to, size);
    MUST(old->state == ZP_SLOT_COLD || old->state == ZP_SLOT_RETIRED);
    marks_check(&buffer->marks, to->base, buffer->valid, buffer->zero_from);
    buffer->slot = to;
    buffer->base = to->base;
    model_note_growth(buffer, committed);
    model_check_buffer(buffer);
}

// What calloc does with a buffer that may be dirty, here with one that is in use: some of it is
// made zero, and then marked anew.
static inline void model_clear(struct model *model, unsigned index)
{
    struct model_buffer *buffer = &model->buffers[index];
    size_t size = 1 + model_below(model, buffer->usable);
    model_check_buffer(buffer);
    errno = MODEL_ERRNO;
    bool cleared = zp_pool_clear(buffer->slot, size);
    model_check_whole(model);
    if (cleared)
        MUST(unit_is_zero(buffer->base, size));
    buffer->valid = buffer->zero_from = buffer->usable;
    buffer->marks.seed = unit_random(&model->random);
    marks_write(&buffer->marks, buffer->base, 0, buffer->valid);
}

// The program takes its own access to a buffer away and gives it back as it is.
static inline void model_protect_and_put(struct model *model, unsigned index)
{
    struct model_buffer *buffer = &model->buffers[index];
    model_check_buffer(buffer);
    MUST(mprotect(buffer->base, buffer->usable, PROT_NONE) == 0);
    zp_pool_note_marks(buffer->base, buffer->usable);
    errno = MODEL_ERRNO;
    zp_pool_put(buffer->base + buffer->offset);
    model_check_whole(model);
    MUST(buffer->slot->state == ZP_SLOT_COLD || buffer->slot->state == ZP_SLOT_RETIRED);
    *buffer = model->buffers[--model->count];
}

// Mostly none; then enough for marks, or for decay.
static inline void model_let_time_pass(struct model *model)
{
    size_t chance = model_below(model, 40);
    if (chance == 0)
        unit_let_pass(20000);
    else if (chance < 5)
        unit_let_pass(1500);
}

// One operation, whichever.
static inline void model_step(struct model *model)
{
    size_t chance = model_below(model, 100);
    unsigned index = model->count == 0 ? 0 : (unsigned)model_below(model, model->count);
    if (model->count == 0 || (chance < 42 && model->count < MODEL_BUFFERS)) {
        size_t alignment = model_below(model, 6) == 0 ? (size_t)1 << model_below(model, 24) : 1;
        model_get(model, model_size(model), alignment);
    } else if (chance < 84) {
        model_put(model, index);
    } else if (chance < 93) {
        model_resize(model, index, model_size(model));
    } else if (chance < 99) {
        model_move(model, index, model_size(model));
    } else if (model_below(model, 2) == 0) {
        zp_pool_flush();
    } else {
        zp_pool_trim();
    }
    model_let_time_pass(model);
}

#endif
