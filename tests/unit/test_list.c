// SPDX-License-Identifier: MIT OR Apache-2.0

#include "core/list.h"
#include "support.h"

enum { SLOTS = 12 };

static struct zp_slot slots[SLOTS];
static struct zp_list list;

// The same as a plain array, the oldest first.
static struct zp_slot *plain[SLOTS];
static unsigned count;

static unsigned place_of(const struct zp_slot *slot)
{
    unsigned at = 0;
    while (at < count && plain[at] != slot)
        at++;
    return at;
}

static void plain_insert(unsigned at, struct zp_slot *slot)
{
    memmove(&plain[at + 1], &plain[at], (count - at) * sizeof(plain[0]));
    plain[at] = slot;
    count++;
}

static void plain_remove(unsigned at)
{
    count--;
    memmove(&plain[at], &plain[at + 1], (count - at) * sizeof(plain[0]));
}

static void check(enum zp_order order)
{
    MUST(list.oldest == (count > 0 ? plain[0] : NULL));
    MUST(list.newest == (count > 0 ? plain[count - 1] : NULL));
    for (unsigned i = 0; i < count; i++) {
        MUST(plain[i]->links[order].older == (i > 0 ? plain[i - 1] : NULL));
        MUST(plain[i]->links[order].newer == (i + 1 < count ? plain[i + 1] : NULL));
    }
}

// Breaks when adding at an end or in the middle, or removing from there, leaves a link that does
// not fit the others: after every step of a long random sequence, for both orders.
START_TEST(links_agree_with_an_array)
{
    enum zp_order order = _i == 0 ? ZP_ORDER_CLASS : ZP_ORDER_ARRIVAL;
    struct unit_random random = unit_random_start("list", 11);
    for (unsigned step = 0; step < 100000; step++) {
        struct zp_slot *slot = &slots[unit_random_below(&random, SLOTS)];
        unsigned at = place_of(slot);
        if (at < count) {
            zp_list_remove(&list, order, slot);
            plain_remove(at);
        } else if (unit_random_below(&random, 2) == 0) {
            zp_list_add(&list, order, slot);
            plain_insert(count, slot);
        } else {
            at = (unsigned)unit_random_below(&random, (size_t)count + 1);
            zp_list_insert(&list, order, at > 0 ? plain[at - 1] : NULL, slot);
            plain_insert(at, slot);
        }
        check(order);
    }
}
END_TEST

// Breaks when what is done in one order shows in another: a slot is in two lists at once.
START_TEST(orders_are_kept_apart)
{
    for (unsigned i = 0; i < 3; i++)
        slots[i].links[ZP_ORDER_CLASS] = (struct zp_link){&slots[7], &slots[8]};
    for (unsigned i = 0; i < 3; i++)
        zp_list_add(&list, ZP_ORDER_ARRIVAL, &slots[i]);
    zp_list_remove(&list, ZP_ORDER_ARRIVAL, &slots[1]);
    for (unsigned i = 0; i < 3; i++) {
        ck_assert_ptr_eq(slots[i].links[ZP_ORDER_CLASS].newer, &slots[7]);
        ck_assert_ptr_eq(slots[i].links[ZP_ORDER_CLASS].older, &slots[8]);
    }
}
END_TEST

static struct zp_slot *visited[SLOTS];
static unsigned visits;

static void note_visit(struct zp_slot *slot)
{
    MUST(visits < SLOTS);
    visited[visits++] = slot;
}

static void note_and_remove(struct zp_slot *slot)
{
    note_visit(slot);
    zp_list_remove(&list, ZP_ORDER_ARRIVAL, slot);
}

static struct zp_list others;

static void note_and_move(struct zp_slot *slot)
{
    note_and_remove(slot);
    zp_list_insert(&others, ZP_ORDER_ARRIVAL, NULL, slot);
}

// Breaks when a visit does not go from the oldest to the newest, or loses its way when each slot is
// removed as it is seen, or moved to another list.
START_TEST(a_visit_sees_all_in_order)
{
    zp_list_visit(&list, ZP_ORDER_ARRIVAL, note_visit);
    ck_assert_uint_eq(visits, 0);
    for (unsigned i = 0; i < SLOTS; i++)
        zp_list_add(&list, ZP_ORDER_ARRIVAL, &slots[i]);
    static void (*const visit[])(struct zp_slot *) = {note_visit, note_and_remove, note_and_move};
    zp_list_visit(&list, ZP_ORDER_ARRIVAL, visit[_i]);
    ck_assert_uint_eq(visits, SLOTS);
    for (unsigned i = 0; i < SLOTS; i++)
        ck_assert_ptr_eq(visited[i], &slots[i]);
    ck_assert_int_eq(list.oldest == NULL && list.newest == NULL, _i > 0);
}
END_TEST

int main(void)
{
    TCase *tests = unit_tests();
    tcase_add_loop_test(tests, links_agree_with_an_array, 0, 2);
    tcase_add_test(tests, orders_are_kept_apart);
    tcase_add_loop_test(tests, a_visit_sees_all_in_order, 0, 3);
    return unit_run("list", tests);
}
