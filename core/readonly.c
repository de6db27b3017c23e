// SPDX-License-Identifier: MIT OR Apache-2.0

#include "readonly.h"

#include "os.h"

int zp_readonly_begin(struct zp_slot *slot)
{
    int error = zp_os_protect(slot->base, slot->committed, PROT_READ);
    if (error != 0)
        return error;
    slot->references = 1;
    slot->writable_epoch = slot->epoch;
    slot->epoch = ZP_EPOCH_NONE;
    slot->readonly = true;
    return 0;
}

bool zp_readonly_release(struct zp_slot *slot)
{
    if (__atomic_sub_fetch(&slot->references, 1, __ATOMIC_ACQ_REL) != 0)
        return false;
    slot->readonly = false;
    if (zp_os_protect(slot->base, slot->committed, PROT_READ | PROT_WRITE) != 0)
        zp_slot_note_change(slot); // its mapping is replaced when it is decommitted
    else if (slot->mapping == ZP_MAPPING_PLAIN)
        slot->epoch = slot->writable_epoch;
    return true;
}

bool zp_readonly_put(struct zp_slot *slot, struct zp_counters *counters)
{
    bool last = zp_readonly_release(slot);
    if (!last)
        zp_count(&counters->puts, (uint64_t)-1);
    return last;
}
