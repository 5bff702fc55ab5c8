/* Time passes: the kernel's gate is kept as the lease says, what the agent did not demote in time
 * is killed, the fence is proved by looking and knocking, and the watchdog resets the host when
 * neither lease nor fence is sure. */
#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "agent/guard/guard.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/knock.h"
#include "common/io/log.h"
#include "common/io/sign.h"
#include "proto/canon.h"

#define LOOK_MS 250 /* the gate is read back this often */
#define PROVE_AGAIN_MS 500
#define KNOCK_MS 100
#define NOBODY 65534
#define PET_MS 1000

static void kill_writer(const struct writer_conf *writer) {
    char text[1024] = "", path[CONF_PATH_SIZE + 16];
    size_t size = 0;
    uint64_t pid = 0;
    bool killed = false;
    if (writer->kind == WRITER_CGROUP) {
        (void)text_format(path, sizeof path, "%s/cgroup.kill", writer->path);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        killed = fd >= 0 && write(fd, "1", 1) == 1;
        (void)close(fd);
    } else if (file_read(writer->path, text, sizeof text, &size, NULL) == ERR_OK) {
        text[strcspn(text, "\n \t")] = '\0';
        killed = text_to_u64(text, 4194304, &pid) && pid > 1 && (pid_t)pid != getpid() &&
                 kill((pid_t)pid, SIGKILL) == 0;
    }
    log_event(LOG_WARNING, "guard.killed", "writer=%s pid=%u ok=%d", writer->path, (unsigned)pid,
              killed);
}

/* An ordinary user: the gate lets the exempt ones pass. */
static uid_t knock_uid(const struct gate_conf *conf) {
    uid_t uid = NOBODY;
    for (unsigned i = 0; i < conf->exempt_uids_n; i++) {
        uid -= conf->exempt_uids[i] == uid;
    }
    return uid;
}

/* Without configured knocks the guarded ports on loopback are tried. */
static bool knocks_refused(const struct guard *guard) {
    const struct guard_conf *conf = &guard->conf;
    uid_t uid = knock_uid(&conf->gate);
    bool refused = true;
    for (unsigned i = 0; refused && i < conf->knocks_n; i++) {
        refused = knock_refused(conf->knocks[i], uid, KNOCK_MS);
    }
    for (unsigned i = 0; refused && conf->knocks_n == 0 && i < 2u * conf->gate.ports_n; i++) {
        char text[ADDRESS_SIZE];
        (void)text_format(text, sizeof text, "%s:%u", i % 2 == 0 ? "127.0.0.1" : "[::1]",
                          conf->gate.ports[i / 2]);
        refused = knock_refused(text, uid, KNOCK_MS);
    }
    return refused;
}

void fence_prove(struct guard *guard) {
    uint8_t canon[CANON_MAX];
    const struct holder *holder = &guard->holder;
    uint64_t epoch = holder->durable.fenced_epoch;
    struct fence_proof proof = {.present = true, .epoch = epoch};
    guard->prove_next_ms = clock_boot_ms() + PROVE_AGAIN_MS;
    if (holder->leased || epoch == 0 || holder->durable.accepted_epoch > epoch ||
        guard->proved_epoch == epoch) {
        return;
    }
    guard->gate_state = (uint8_t)gate_read();
    if (guard->gate_state != GATE_SHUT || !knocks_refused(guard)) {
        return;
    }
    (void)text_copy(proof.agent, NAME_SIZE, guard->conf.name);
    (void)text_copy(proof.region, NAME_SIZE, guard->pins.region);
    size_t size = canon_fence(guard->pins.cluster, &proof, canon);
    if (sign_bytes(guard->keys.sign_secret, canon, size, guard->fence_signature) == ERR_OK) {
        guard->proved_epoch = epoch;
        log_event(LOG_NOTICE, "fence.proved", "epoch=%llu", (unsigned long long)epoch);
    }
}

void fence_refresh(struct guard *guard) {
    struct text256 why = {{0}};
    struct stamp before = clock_stamp();
    uint32_t open_ms = holder_gate_ms(&guard->holder, before);
    enum err err = open_ms > 0 ? gate_open_for(&guard->conf.gate, open_ms, &why) : gate_shut(&why);
    /* Stopped between the stamp and the kernel's answer: the kernel began to count too late. What
     * is still left, if anything is, will be opened by the next look. */
    if (open_ms > 0 &&
        stamp_most_passed_ms(before, clock_stamp()) > guard->holder.conf.gate_early_ms) {
        log_event(LOG_WARNING, "gate.late", "opened too late; shut again");
        open_ms = 0;
        err = gate_shut(&why);
    }
    if (err != ERR_OK) {
        log_event(LOG_CRIT, "gate.refresh", "%s", why.at);
        return;
    }
    guard->gate_state = open_ms > 0 ? GATE_OPEN : GATE_SHUT;
    guard->inherited = false;
}

/* What the kernel has is compared with what it should have, and made so. */
static void look_after_gate(struct guard *guard, uint64_t now_ms) {
    struct text256 why;
    if (now_ms - guard->looked_ms < LOOK_MS) {
        return;
    }
    guard->looked_ms = now_ms;
    guard->gate_state = (uint8_t)gate_read();
    if (guard->gate_state == GATE_ABSENT) {
        enum err err = gate_install(&guard->conf.gate, &why);
        log_event(LOG_CRIT, "gate.absent", "the gate's rules were not ours; made anew: %s",
                  err == ERR_OK ? "done" : why.at);
        guard->gate_state = (uint8_t)gate_read();
    }
    bool open = guard->gate_state == GATE_OPEN;
    bool wanted = holder_gate_ms(&guard->holder, clock_stamp()) > 0;
    guard->inherited = guard->inherited && open;
    bool hold = guard->holder.conf.policy == HOLDER_HOLD; /* no certificate may come to renew it */
    if ((open != wanted && !guard->inherited) || (wanted && hold)) {
        fence_refresh(guard);
    }
}

/* From the moment it is due the agent has as long for its own fence as lies between T - F and the
 * shutting of the gate; then its writers are killed, once. */
static void kill_when_due(struct guard *guard, bool open, uint64_t now_ms) {
    const struct holder_conf *conf = &guard->holder.conf;
    guard->armed = guard->armed || open;
    if (!holder_soft_fence_due(&guard->holder, clock_stamp())) {
        guard->soft_due_ms = 0;
        guard->soft_fence_done = false;
        return;
    }
    guard->soft_due_ms = guard->soft_due_ms == 0 ? now_ms : guard->soft_due_ms;
    if (!guard->armed || open || guard->inherited ||
        now_ms - guard->soft_due_ms < conf->fence_ms - conf->gate_early_ms) {
        return;
    }
    guard->armed = false;
    for (unsigned i = 0; !guard->soft_fence_done && i < guard->conf.writers_n; i++) {
        kill_writer(&guard->conf.writers[i]);
    }
}

/* Only a valid lease or a gate seen shut keeps this host alive. */
static void pet_watchdog(struct guard *guard, uint64_t now_ms) {
    bool sure = guard->holder.leased || guard->gate_state == GATE_SHUT;
    if (guard->watchdog < 0 || !sure || now_ms - guard->petted_ms < PET_MS) {
        return;
    }
    guard->petted_ms = now_ms;
    if (write(guard->watchdog, "1", 1) != 1) {
        log_event(LOG_ERR, "watchdog.write", "%s", strerror(errno));
    }
}

void fence_start(struct guard *guard) {
    int seconds = (int)((guard->pins.lease.lease_ms + 999) / 1000);
    const char *device = guard->conf.watchdog;
    guard->gate_state = (uint8_t)gate_read();
    guard->inherited = guard->gate_state == GATE_OPEN;
    guard->armed = guard->inherited;
    if (guard->holder.durable.fenced_epoch >= guard->holder.durable.accepted_epoch) {
        fence_refresh(guard); /* whatever lease that was: it is fenced */
    }
    guard->watchdog = device[0] == '\0' ? -1 : open(device, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
    if (device[0] != '\0' && ioctl(guard->watchdog, WDIOC_SETTIMEOUT, &seconds) != 0) {
        log_event(LOG_ERR, "watchdog.open", "device=%s %s", device, strerror(errno));
    }
}

void fence_tick(struct guard *guard) {
    uint64_t now_ms = clock_boot_ms();
    holder_tick(&guard->holder, clock_stamp());
    bool leased = guard->holder.leased;
    bool open = holder_gate_ms(&guard->holder, clock_stamp()) > 0;
    if (open != guard->was_open) {
        log_event(open ? LOG_NOTICE : LOG_WARNING, open ? "gate.open" : "gate.shut",
                  "epoch=%llu left_ms=%u", (unsigned long long)guard->holder.lease_epoch,
                  holder_left_ms(&guard->holder, clock_stamp()));
    }
    if (guard->was_open && !open) {
        fence_refresh(guard);
    }
    if (guard->was_leased && !leased) {
        log_event(LOG_WARNING, "lease.ended", "epoch=%llu",
                  (unsigned long long)guard->holder.lease_epoch);
    }
    guard->was_leased = leased;
    guard->was_open = open;
    guard->proved_epoch = leased ? 0 : guard->proved_epoch;
    look_after_gate(guard, now_ms);
    kill_when_due(guard, open, now_ms);
    if (!leased && now_ms >= guard->prove_next_ms) {
        fence_prove(guard);
    }
    pet_watchdog(guard, now_ms);
}
