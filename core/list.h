// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Doubly linked lists of slots, ordered from the newest to the oldest; the links are in the
// records.
//
// Locking: by the owner of the list. Fork: nothing to do.

#ifndef ZP_CORE_LIST_H
#define ZP_CORE_LIST_H

#include "slot.h"

struct zp_list {
    struct zp_slot *newest, *oldest;
};

// Adds a slot as the next newer one to `older`, or as the oldest if that is NULL.
static inline void zp_list_insert(struct zp_list *list, enum zp_order order, struct zp_slot *older,
                                  struct zp_slot *slot)
{
    struct zp_slot *newer = older != NULL ? older->links[order].newer : list->oldest;
    slot->links[order] = (struct zp_link){newer, older};
    *(newer != NULL ? &newer->links[order].older : &list->newest) = slot;
    *(older != NULL ? &older->links[order].newer : &list->oldest) = slot;
}

static inline void zp_list_add(struct zp_list *list, enum zp_order order, struct zp_slot *slot)
{
    zp_list_insert(list, order, list->newest, slot);
}

static inline void zp_list_remove(struct zp_list *list, enum zp_order order, struct zp_slot *slot)
{
    struct zp_link link = slot->links[order];
    *(link.newer != NULL ? &link.newer->links[order].older : &list->newest) = link.older;
    *(link.older != NULL ? &link.older->links[order].newer : &list->oldest) = link.newer;
}

// Calls `visit` for every slot, the oldest first. It may remove any slot: a removed one keeps its
// links, which lead to slots that are still in the list.
static inline void zp_list_visit(const struct zp_list *list, enum zp_order order,
                                 void (*visit)(struct zp_slot *slot))
{
    for (struct zp_slot *slot = list->oldest, *newer; slot != NULL; slot = newer) {
        newer = slot->links[order].newer;
        visit(slot);
    }
}

#endif
