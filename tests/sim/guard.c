/* A guard, mirrored from agent/guard/: the holder, its durable store, and the kernel's gate, which
 * shuts at its own time whatever the guard does. Its disk writes block it. */
#include "sim.h"

#include <string.h>

_Static_assert((int)HOLDER_FAILSAFE == (int)QUORUM_LOSS_FAILSAFE &&
                   (int)HOLDER_FENCE == (int)QUORUM_LOSS_FENCE &&
                   (int)HOLDER_HOLD == (int)QUORUM_LOSS_HOLD,
               "a policy is handed to the holder as it is");

bool gate_is_open(const struct sim *sim, uint8_t host) {
    return sim->guards[host].gate_shut_us > sim->now_us;
}

static bool is_gate_host(const struct sim *sim, uint8_t host) {
    return host_region(sim, host) != REGION_M;
}

uint8_t promiser_place(const struct sim *sim, uint8_t asker, uint8_t host) {
    uint8_t place = 0;
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        if (!is_gate_host(sim, h) || host_region(sim, h) == host_region(sim, asker)) {
            continue;
        }
        if (h == host) {
            return place;
        }
        place++;
    }
    return NONE;
}

uint8_t promisers_n(const struct sim *sim, uint8_t asker) {
    uint8_t n = 0;
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        n = (uint8_t)(n + (promiser_place(sim, asker, h) != NONE));
    }
    return n;
}

static struct stamp now_of(const struct sim *sim, uint8_t host) {
    return sim_stamp(sim, (uint8_t)(HOST_FIRST + host));
}

void guard_start(struct sim *sim, uint8_t host) {
    struct sim_guard *guard = &sim->guards[host];
    guard->pins = sim->pins[host];
    const struct lease_numbers *lease = &config_at(guard->pins)->lease;
    struct holder_conf conf = {.lease_ms = lease->lease_ms,
                               .fence_ms = lease->fence_ms,
                               .gate_early_ms = lease->gate_early_ms,
                               .promise_ms = lease->promise_ms,
                               .policy = lease->on_quorum_loss,
                               .members_n = sim->members_n,
                               .promisers_n = promisers_n(sim, host)};
    struct holder_durable durable = guard->disk;
    if (mutant_is(sim, MUTANT_PROMISE_VOLATILE)) {
        durable.promised_epoch = 0;
    }
    if (mutant_is(sim, MUTANT_EPOCH_VOLATILE_REVIVES)) {
        durable.accepted_epoch = 0;
    }
    if (mutant_is(sim, MUTANT_PROOF_VOLATILE)) {
        durable.fenced_epoch = 0;
    }
    holder_init(&guard->holder, &conf, &durable, now_of(sim, host));
    if (mutant_is(sim, MUTANT_PROMISE_SHORT)) {
        guard->holder.conf.promise_ms = lease->lease_ms / 4;
    }
    guard->was_leased = false;
    guard->fence_proved = false;
    SAY(sim, (uint8_t)(GUARD_FIRST + host), "starts, accepted %llu fenced %llu promised %llu",
        (unsigned long long)durable.accepted_epoch, (unsigned long long)durable.fenced_epoch,
        (unsigned long long)durable.promised_epoch);
}

/* ------------------------------------------------------------------- the gate */

static void gate_shut(struct sim *sim, uint8_t host) {
    const struct process *agent = &sim->processes[AGENT_FIRST + host];
    bool agent_acts = agent->alive && agent->busy_until_us <= sim->now_us;
    if (mutant_is(sim, MUTANT_NO_GUARD) && !agent_acts) {
        return;
    }
    if (gate_is_open(sim, host)) {
        SAY(sim, (uint8_t)(GUARD_FIRST + host), "shuts the gate");
        sim->guards[host].gate_shut_us = sim->now_us;
    }
}

/* Re-arms the kernel's gate with what the lease still has. */
static void gate_refresh(struct sim *sim, uint8_t host, uint64_t nonce) {
    struct sim_guard *guard = &sim->guards[host];
    uint32_t open_ms = holder_gate_ms(&guard->holder, now_of(sim, host));
    if (open_ms == 0) {
        gate_shut(sim, host);
        return;
    }
    if (!gate_is_open(sim, host)) {
        SAY(sim, (uint8_t)(GUARD_FIRST + host), "opens the gate, epoch %llu, %u ms",
            (unsigned long long)guard->holder.lease_epoch, open_ms);
    }
    guard->gate_shut_us =
        mutant_is(sim, MUTANT_GATE_USER_SPACE) || mutant_is(sim, MUTANT_NO_GUARD)
            ? UINT64_MAX
            : sim->now_us + raw_to_true_us(sim, (uint8_t)(HOST_FIRST + host), open_ms);
    judge_gate_open(sim, host, nonce, guard->holder.lease_epoch);
}

static void fence_prove(struct sim *sim, uint8_t host) {
    struct sim_guard *guard = &sim->guards[host];
    uint64_t epoch = guard->holder.durable.fenced_epoch;
    bool shut = !gate_is_open(sim, host) || mutant_is(sim, MUTANT_PROOF_OPEN);
    if (guard->holder.leased || epoch == 0 || guard->holder.durable.accepted_epoch > epoch ||
        !shut || (guard->fence_proved && guard->proved_epoch == epoch)) {
        return;
    }
    guard->fence_proved = true;
    guard->proved_epoch = epoch;
    faults_moment(sim, (uint8_t)(GUARD_FIRST + host));
    SAY(sim, (uint8_t)(GUARD_FIRST + host), "proves the fence of %llu", (unsigned long long)epoch);
}

void guard_tick(struct sim *sim, uint8_t host) {
    struct sim_guard *guard = &sim->guards[host];
    holder_tick(&guard->holder, now_of(sim, host));
    bool leased = guard->holder.leased;
    bool open_still = mutant_is(sim, MUTANT_NO_GUARD) && !leased;
    if ((guard->was_leased || open_still) && !leased && !mutant_is(sim, MUTANT_PROOF_OPEN)) {
        gate_shut(sim, host);
    }
    if (leased) {
        guard->fence_proved = false;
        if (guard->holder.conf.policy == HOLDER_HOLD) {
            gate_refresh(sim, host, 0);
        }
    }
    guard->was_leased = leased;
    fence_prove(sim, host);
}

bool guard_lease_runs(const struct sim *sim, uint8_t host, uint64_t epoch) {
    const struct sim_guard *guard = &sim->guards[host];
    const struct holder *holder = &guard->holder;
    return sim->processes[GUARD_FIRST + host].alive && holder->lease_epoch == epoch &&
           gate_is_open(sim, host) &&
           holder_left_ms(holder, now_of(sim, host)) > holder->conf.gate_early_ms;
}

/* ------------------------------------------------------------------ the calls */

static void reply(struct sim *sim, uint8_t host, const struct sim_call *call,
                  enum holder_verdict verdict, uint64_t nonce) {
    const struct sim_guard *guard = &sim->guards[host];
    struct stamp now = now_of(sim, host);
    struct sim_message message = {.kind = MSG_REPLY,
                                  .from = (uint8_t)(GUARD_FIRST + host),
                                  .to = (uint8_t)(AGENT_FIRST + host)};
    message.reply = (struct sim_reply){.call = *call,
                                       .verdict = (uint8_t)verdict,
                                       .nonce = nonce,
                                       .accepted_epoch = guard->holder.durable.accepted_epoch,
                                       .fenced_epoch = guard->holder.durable.fenced_epoch,
                                       .promised_epoch = guard->holder.durable.promised_epoch,
                                       .lease_epoch = guard->holder.lease_epoch,
                                       .left_ms = holder_left_ms(&guard->holder, now),
                                       .gate_open = gate_is_open(sim, host),
                                       .fence_proved = guard->fence_proved &&
                                                       guard->proved_epoch ==
                                                           guard->holder.durable.fenced_epoch};
    net_local(sim, &message);
}

static void tamper_accepted(struct sim *sim, uint8_t host, bool fresh) {
    struct holder *holder = &sim->guards[host].holder;
    if (mutant_is(sim, MUTANT_FROM_RECEIPT) && fresh && holder->leased) {
        holder->lease_sent = now_of(sim, host);
    }
}

/* What follows a verdict that stands: the gate is opened or shut for it, the agent is told. */
static void settle(struct sim *sim, uint8_t host, const struct sim_call *call,
                   enum holder_verdict verdict) {
    struct sim_guard *guard = &sim->guards[host];
    bool extends = call->kind == CALL_CERTIFICATE || call->kind == CALL_PROMISES;
    if (verdict == HOLDER_ACCEPTED && extends) {
        tamper_accepted(sim, host, true);
        judge_accepted(sim, host, call->epoch);
        sim->judge.promises_n += call->kind == CALL_PROMISES;
        gate_refresh(sim, host, call->nonce);
        faults_moment(sim, (uint8_t)(GUARD_FIRST + host));
    }
    if (call->kind == CALL_DENIAL || call->kind == CALL_FENCE) {
        guard_tick(sim, host);
    }
    if (call->kind == CALL_PROMISE && verdict == HOLDER_ACCEPTED) {
        faults_moment(sim, (uint8_t)(GUARD_FIRST + host));
        SAY(sim, (uint8_t)(GUARD_FIRST + host), "promises to accept nothing above %llu",
            (unsigned long long)call->epoch);
        if (mutant_is(sim, MUTANT_NO_PROMISE)) {
            guard->holder.durable.promised_epoch = 0;
            guard->holder.wished.promised_epoch = 0;
        }
    }
    reply(sim, host, call, verdict, 0);
}

static void persist(struct sim *sim, uint8_t host, const struct sim_call *call) {
    struct sim_guard *guard = &sim->guards[host];
    uint8_t self = (uint8_t)(GUARD_FIRST + host), machine = (uint8_t)(HOST_FIRST + host);
    uint64_t took_us = disk_takes_us(sim, machine);
    guard->waiting = *call;
    guard->disk_fails = disk_refuses(sim, machine);
    guard->disk_unsure = guard->disk_fails && disk_holds_it_all_the_same(sim, machine);
    guard->wished = *holder_durable_wished(&guard->holder);
    sim->processes[self].wants_disk = true;
    sim->processes[self].disk_done_us = sim->now_us + took_us;
    (void)queue_add(sim, sim->now_us + took_us, SIM_DISK, self);
    if (mutant_is(sim, MUTANT_GUARD_EARLY)) { /* told before the disk has it */
        settle(sim, host, call, holder_persisted(&guard->holder, now_of(sim, host)));
        sim->processes[self].wants_disk = false;
        guard->writes_behind++;
    }
}

void guard_disk(struct sim *sim, uint8_t host) {
    struct sim_guard *guard = &sim->guards[host];
    sim->processes[GUARD_FIRST + host].wants_disk = false;
    if (!guard->disk_fails || guard->disk_unsure) {
        guard->disk = guard->wished;
    }
    if (guard->writes_behind > 0) {
        guard->writes_behind--;
        return;
    }
    if (guard->disk_fails && !mutant_is(sim, MUTANT_GUARD_REFUSED_COUNTS)) {
        SAY(sim, (uint8_t)(GUARD_FIRST + host), "the disk refuses");
        holder_persist_failed(&guard->holder);
        settle(sim, host, &guard->waiting, HOLDER_BUSY);
        return;
    }
    settle(sim, host, &guard->waiting, holder_persisted(&guard->holder, now_of(sim, host)));
}

/* What was on its way to the disk is there or not. */
void guard_crash(struct sim *sim, uint8_t host) {
    struct sim_guard *guard = &sim->guards[host];
    if (sim->processes[GUARD_FIRST + host].wants_disk && !guard->disk_fails && chance(sim, 500)) {
        guard->disk = guard->wished;
    }
    guard->writes_behind = 0;
    sim->processes[GUARD_FIRST + host].wants_disk = false;
}

/* Mutants: an ended lease looks live to the promises; what a promiser is or knows counts not. */
static bool revives(struct sim *sim, uint8_t host, const struct sim_call *call) {
    struct holder *holder = &sim->guards[host].holder;
    bool mutant = mutant_is(sim, MUTANT_PROMISE_NEWER_REVIVES) ||
                  mutant_is(sim, MUTANT_PROMISE_UNCHECKED) ||
                  mutant_is(sim, MUTANT_EPOCH_VOLATILE_REVIVES);
    bool promises = call->kind == CALL_BEGIN_PROMISE || call->kind == CALL_PROMISES;
    if (!mutant || !promises || holder->leased || call->epoch == 0 ||
        holder->durable.accepted_epoch != call->epoch ||
        holder->durable.fenced_epoch >= call->epoch) {
        return false;
    }
    holder->leased = true;
    holder->lease_epoch = call->epoch;
    holder->lease_sent = now_of(sim, host);
    return true;
}

static enum holder_verdict promise(struct sim *sim, uint8_t host, const struct sim_call *call) {
    enum holder_verdict verdict =
        holder_promise(&sim->guards[host].holder, call->epoch, now_of(sim, host));
    bool newer =
        mutant_is(sim, MUTANT_PROMISE_NEWER_REVIVES) || mutant_is(sim, MUTANT_PROMISE_UNCHECKED);
    if ((newer && verdict == HOLDER_KNOWS_NEWER) ||
        (mutant_is(sim, MUTANT_PROMISE_UNCHECKED) && verdict == HOLDER_HAS_LEASE)) {
        verdict = HOLDER_ACCEPTED;
    }
    return verdict;
}

/* Whose numbers the question carries: refused where they are not those of this guard's start. */
static bool numbers_fit(const struct sim *sim, uint8_t host, const struct sim_call *call) {
    bool certificate =
        call->kind == CALL_CERTIFICATE || call->kind == CALL_PROMISES || call->kind == CALL_DENIAL;
    uint8_t numbers = call->kind == CALL_PROMISE ? call->promise.numbers : call->numbers;
    return (!certificate && call->kind != CALL_PROMISE) ||
           numbers_equal(sim, numbers, sim->guards[host].pins);
}

static enum holder_verdict certificate(struct sim *sim, uint8_t host, const struct sim_call *call,
                                       const uint8_t *bytes) {
    struct holder *holder = &sim->guards[host].holder;
    uint64_t fenced_epoch = holder->durable.fenced_epoch;
    bool late = mutant_is(sim, MUTANT_PROOF_LATE) && fenced_epoch == call->epoch &&
                holder->pending == PENDING_NOTHING;
    if (late) {
        holder->durable.fenced_epoch = holder->wished.fenced_epoch = 0;
    }
    enum holder_verdict verdict = holder_certificate(
        holder, bytes, call->epoch, mutant_is(sim, MUTANT_MINORITY) ? UINT64_MAX : call->signers,
        now_of(sim, host));
    if (late && verdict != HOLDER_ACCEPTED) {
        holder->durable.fenced_epoch = fenced_epoch;
        holder->wished.fenced_epoch = fenced_epoch;
    }
    return verdict;
}

static void begin(struct sim *sim, uint8_t host, const struct sim_call *call) {
    struct sim_guard *guard = &sim->guards[host];
    uint8_t bytes[NONCE_SIZE] = {0};
    uint64_t nonce = rng_next(&sim->rng) | 1;
    bool revived = revives(sim, host, call);
    memcpy(bytes, &nonce, sizeof nonce);
    enum holder_verdict verdict =
        holder_begin(&guard->holder, call->kind == CALL_BEGIN_PROMISE ? ROUND_PROMISE : ROUND_LEASE,
                     call->epoch, bytes, now_of(sim, host));
    judge_asked(sim, nonce);
    if (revived) {
        guard->holder.leased = false;
    }
    reply(sim, host, call, verdict, nonce);
}

static enum holder_verdict take_promises(struct sim *sim, uint8_t host, const struct sim_call *call,
                                         const uint8_t *bytes) {
    struct sim_guard *guard = &sim->guards[host];
    uint64_t signers = call->signers;
    if (mutant_is(sim, MUTANT_PROMISE_ONE) && signers != 0) {
        signers = UINT64_MAX;
    }
    return holder_promises(&guard->holder, bytes, call->epoch, signers, now_of(sim, host));
}

void guard_call(struct sim *sim, uint8_t host, const struct sim_call *call) {
    struct sim_guard *guard = &sim->guards[host];
    enum holder_verdict verdict = HOLDER_ACCEPTED;
    uint8_t bytes[NONCE_SIZE] = {0};
    memcpy(bytes, &call->nonce, sizeof call->nonce);
    if (!numbers_fit(sim, host, call)) {
        reply(sim, host, call, HOLDER_NO_MAJORITY, 0);
        return;
    }
    switch ((enum guard_call_kind)call->kind) {
    case CALL_STATUS: break;
    case CALL_BEGIN_LEASE:
    case CALL_BEGIN_PROMISE: begin(sim, host, call); return;
    case CALL_CERTIFICATE: verdict = certificate(sim, host, call, bytes); break;
    case CALL_PROMISES: {
        bool revived = revives(sim, host, call);
        verdict = take_promises(sim, host, call, bytes);
        guard->holder.leased = guard->holder.leased && (!revived || verdict == HOLDER_ACCEPTED);
        break;
    }
    case CALL_DENIAL: verdict = holder_denial(&guard->holder, call->epoch, call->signers); break;
    case CALL_FENCE: verdict = holder_fence(&guard->holder, call->epoch); break;
    case CALL_PROMISE: verdict = promise(sim, host, call); break;
    }
    if (verdict == HOLDER_PERSIST) {
        persist(sim, host, call);
        return;
    }
    settle(sim, host, call, verdict);
}
