// SPDX-License-Identifier: MIT OR Apache-2.0

#include "helper.h"

#include "background.h"
#include "lock.h"
#include "log.h"
#include "os.h"
#include "spawn.h"

#include <errno.h>

enum {
    LINGER_MS = 1000,
    LINGER_STEP_MS = 100,
    WAIT_MOST_MS = 1000, // work may become due earlier than was said
    // How long a wait lasts before the word is read again: the kernel may refuse to wait or to
    // wake.
    LOOK_AGAIN_MS = 10,
    TRY_PAUSE_MS = 50,   // a part takes far less
    STOP_WAIT_MS = 1000, // the end of the program is delayed by no more
};

static struct {
    struct zp_lock lock;
    uint32_t running;  // the thread exists, or is being created
    uint32_t busy;     // it is working on a part
    uint32_t sleeping; // it waits on `calls`
    uint32_t calls;
    uint32_t paused;
    bool off;         // it could not be started, or was stopped for good
    bool cannot_wait; // the kernel refuses futex: the helper ends rather than spin
} helper;

// Store, then full fence, then load, on both sides, for each pair of words here: at least one of
// the two threads sees what the other stored (Dekker; tests/model/helper.pml).

static uint32_t get(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

static void set(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_SEQ_CST);
}

static bool is_off(void)
{
    return __atomic_load_n(&helper.off, __ATOMIC_SEQ_CST);
}

static void turn_off(void)
{
    __atomic_store_n(&helper.off, true, __ATOMIC_SEQ_CST);
}

void zp_helper_init(void)
{
    zp_lock_init(&helper.lock, ZP_RANK_HELPER);
}

// ---- The thread ------------------------------------------------------------------------------

// Milliseconds until there is work.
static uint32_t work_due(void)
{
    return is_off() ? ZP_NEVER : zp_background_due();
}

static void do_part(void)
{
    set(&helper.busy, 1);
    if (!get(&helper.paused))
        zp_background_part();
    set(&helper.busy, 0);
    if (get(&helper.paused)) {
        zp_os_wake(&helper.busy);
        zp_os_wait(&helper.paused, 1, LOOK_AGAIN_MS);
    } else {
        zp_background_aside();
    }
}

// Waits for a call, or until work is due. Returns milliseconds until work is due after that.
static uint32_t wait_for_work(void)
{
    uint32_t calls = get(&helper.calls);
    set(&helper.sleeping, 1);
    uint32_t ms = work_due();
    if (ms != 0 && !is_off()) {
        uint32_t most = ms == ZP_NEVER ? LINGER_STEP_MS : WAIT_MOST_MS;
        int error = zp_os_wait(&helper.calls, calls, ms < most ? ms : most);
        helper.cannot_wait = error == -EPERM || error == -ENOSYS;
    }
    set(&helper.sleeping, 0);
    return work_due();
}

// Waits until there is work; false if there is none for a while, and none will be due.
static bool linger(void)
{
    for (unsigned waited = 0; waited < LINGER_MS && !is_off();) {
        uint32_t ms = wait_for_work();
        if (ms == 0)
            return true;
        waited = ms == ZP_NEVER || helper.cannot_wait ? waited + LINGER_STEP_MS : 0;
    }
    return false;
}

static bool take_over(void)
{
    uint32_t none = 0;
    return __atomic_compare_exchange_n(&helper.running, &none, 1, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

// Until `running` became 0, threads that added work took this thread to be there.
static bool is_called_back(void)
{
    uint32_t ms = work_due();
    return (ms == 0 || (ms != ZP_NEVER && !helper.cannot_wait)) && take_over();
}

static void run(void)
{
    do {
        while (work_due() == 0 || linger())
            do_part();
        set(&helper.running, 0);
        zp_os_wake(&helper.running);
    } while (is_called_back());
}

// ---- Starting and stopping -------------------------------------------------------------------

static ZP_COLD void start(void)
{
    if (is_off() || !take_over() || zp_spawn(run))
        return;
    turn_off();
    set(&helper.running, 0);
    zp_os_wake(&helper.running);
    zp_log(ZP_LOG_WARNING, "no thread could be started for work in the background", NULL);
}

void zp_helper_wake(void)
{
    if (!get(&helper.sleeping))
        return;
    __atomic_fetch_add(&helper.calls, 1, __ATOMIC_SEQ_CST);
    zp_os_wake(&helper.calls);
}

bool zp_helper_call(void)
{
    if (!get(&helper.running))
        start();
    else
        zp_helper_wake();
    return !is_off();
}

bool zp_helper_keep(void)
{
    // A read-modify-write, as a full fence: the caller counted what is retained before it, and the
    // helper reads that count after it stored that it ends.
    if (!__atomic_fetch_or(&helper.running, 0, __ATOMIC_SEQ_CST))
        start();
    return !is_off();
}

void zp_helper_stop(void)
{
    turn_off();
    __atomic_fetch_add(&helper.calls, 1, __ATOMIC_SEQ_CST);
    zp_os_wake(&helper.calls);
    for (unsigned ms = 0; get(&helper.running) && ms < STOP_WAIT_MS; ms += LOOK_AGAIN_MS)
        zp_os_wait(&helper.running, 1, LOOK_AGAIN_MS);
}

// ---- Fork ------------------------------------------------------------------------------------

void zp_helper_pause(void)
{
    zp_lock_take(&helper.lock);
    set(&helper.paused, 1);
    while (get(&helper.busy))
        zp_os_wait(&helper.busy, 1, LOOK_AGAIN_MS);
}

bool zp_helper_try_pause(void)
{
    if (!zp_lock_try(&helper.lock))
        return false;
    set(&helper.paused, 1);
    for (unsigned ms = 0; get(&helper.busy) && ms < TRY_PAUSE_MS; ms += LOOK_AGAIN_MS)
        zp_os_wait(&helper.busy, 1, LOOK_AGAIN_MS);
    if (!get(&helper.busy))
        return true;
    zp_helper_resume();
    return false;
}

void zp_helper_resume(void)
{
    set(&helper.paused, 0);
    zp_os_wake(&helper.paused);
    zp_lock_release(&helper.lock);
}

void zp_helper_reset(void)
{
    zp_lock_reset(&helper.lock);
    helper.running = helper.busy = helper.sleeping = helper.paused = 0;
}
