/* An agent, mirrored from agent/{agent,rounds,peers,fence,reports}.c: it asks for the lease,
 * counts the answers, hands certificates to its guard, carries for the other region, reports. */
#include "sim.h"

#include <string.h>

#define ROUND_AGAIN_MS 100
#define PROMISE_AGAIN_MS 300
#define ROUND_PATIENCE_MS 1000
#define FENCE_AGAIN_MS 300
#define STATUS_AGAIN_MS 200
#define REPORT_AGAIN_MS 400
#define SAYS_FRESH_MS 5000
#define RELAY_AFTER_MS 1200

static uint64_t now_ms_of(const struct sim *sim, uint8_t host) {
    return sim_boot_ms(sim, (uint8_t)(HOST_FIRST + host));
}

/* As installed on this host when the agent started. */
static const struct topology *numbers_of(const struct sim *sim, uint8_t host) {
    return config_at(sim->agents[host].pins);
}

static bool has_guard(const struct sim *sim, uint8_t host) {
    return host_region(sim, host) != REGION_M;
}

void agent_start(struct sim *sim, uint8_t host) {
    static struct sim_agent kept;
    struct sim_agent *agent = &sim->agents[host];
    kept = *agent;
    memset(agent, 0, sizeof *agent);
    agent->boot_id = (((kept.boot_id >> 32) + 1) << 32) | (uint32_t)rng_next(&sim->rng);
    agent->note = kept.note;
    agent->pins = sim->pins[host];
    agent->config_version = kept.config_version;
    if (!mutant_is(sim, MUTANT_NO_LEDGER)) {
        agent->ledger_epoch = kept.ledger_epoch;
        agent->ledger_n = kept.ledger_n;
        memcpy(agent->ledger, kept.ledger, sizeof agent->ledger);
    }
    SAY(sim, (uint8_t)(AGENT_FIRST + host), "starts");
}

/* ----------------------------------------------------- what the members say */

static bool fresh(const struct sim *sim, uint8_t host, unsigned m) {
    const struct sim_agent *agent = &sim->agents[host];
    return agent->says[m].known && now_ms_of(sim, host) - agent->says[m].heard_ms < SAYS_FRESH_MS;
}

uint64_t agent_newest(const struct sim *sim, uint8_t host, bool *ret_ours) {
    const struct sim_agent *agent = &sim->agents[host];
    unsigned needed = majority_of(sim->members_n), not_ours_n = 0;
    uint64_t newest = 0;
    for (unsigned m = 0; m < sim->members_n; m++) {
        unsigned reached_n = 0;
        for (unsigned o = 0; fresh(sim, host, m) && o < sim->members_n; o++) {
            reached_n += fresh(sim, host, o) && agent->says[o].epoch >= agent->says[m].epoch;
        }
        if (reached_n >= needed && agent->says[m].epoch > newest) {
            newest = agent->says[m].epoch;
        }
    }
    for (unsigned m = 0; newest != 0 && m < sim->members_n; m++) {
        not_ours_n += fresh(sim, host, m) && agent->says[m].epoch == newest &&
                      !(agent->says[m].open && agent->says[m].ours);
    }
    *ret_ours = newest != 0 && not_ours_n < needed;
    return newest;
}

static uint64_t promised_land(const struct sim *sim, uint8_t host) {
    const struct sim_agent *agent = &sim->agents[host];
    uint64_t best = 0;
    for (unsigned m = 0; m < sim->members_n; m++) {
        if (fresh(sim, host, m) && agent->says[m].open && agent->says[m].ours &&
            agent->says[m].epoch > best) {
            best = agent->says[m].epoch;
        }
    }
    return best;
}

uint32_t agent_left_ms(const struct sim *sim, uint8_t host) {
    const struct sim_agent *agent = &sim->agents[host];
    uint64_t passed_ms = now_ms_of(sim, host) - agent->status_ms;
    if (!agent->status_known || passed_ms >= agent->status.left_ms) {
        return 0;
    }
    return (uint32_t)(agent->status.left_ms - passed_ms);
}

/* -------------------------------------------------------------------- asking */

static void call_guard(struct sim *sim, uint8_t host, const struct sim_call *call) {
    struct sim_message message = {.kind = MSG_CALL,
                                  .from = (uint8_t)(AGENT_FIRST + host),
                                  .to = (uint8_t)(GUARD_FIRST + host)};
    message.call = *call;
    net_local(sim, &message);
}

void agent_ask(struct sim *sim, uint8_t host, const struct sim_question *question, bool relay) {
    const struct sim_agent *agent = &sim->agents[host];
    for (uint8_t m = 0; m < sim->members_n; m++) {
        struct sim_message message = {
            .kind = MSG_QUESTION, .from = (uint8_t)(AGENT_FIRST + host), .to = m};
        message.question = *question;
        message.question.member = m;
        message.question.carrier = NONE;
        if (rogue_is(sim, host) && mutant_is(sim, MUTANT_REGION_AS_SAID)) {
            message.question.said_region = (uint8_t)(world_owner(sim) + 1);
        }
        net_send(sim, &message);
        bool silent = now_ms_of(sim, host) - agent->answered_ms[m] > RELAY_AFTER_MS;
        for (uint8_t h = 0; relay && silent && h < sim->hosts_n; h++) {
            if (!has_guard(sim, h) || host_region(sim, h) == host_region(sim, host)) {
                continue;
            }
            message.kind = MSG_RELAY;
            message.to = (uint8_t)(AGENT_FIRST + h);
            message.question.carrier = h;
            net_send(sim, &message);
        }
    }
}

static void ask_promises(struct sim *sim, uint8_t host, const struct sim_round *round) {
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        if (promiser_place(sim, host, h) == NONE) {
            continue;
        }
        struct sim_message message = {.kind = MSG_PROMISE_ASK,
                                      .from = (uint8_t)(AGENT_FIRST + host),
                                      .to = (uint8_t)(AGENT_FIRST + h)};
        message.promise = (struct sim_promise){
            .asker = host,
            .giver = h,
            .numbers = sim->agents[host].pins,
            .nonce = round->nonce,
            .epoch = round->epoch,
        };
        net_send(sim, &message);
    }
}

static void begin_round(struct sim *sim, uint8_t host, struct sim_round *round, uint8_t kind,
                        uint64_t epoch, uint8_t voters_n) {
    memset(round, 0, sizeof *round);
    votes_begin(&round->votes, voters_n);
    round->active = true;
    round->asking_guard = true;
    round->started_ms = now_ms_of(sim, host);
    round->epoch = epoch;
    struct sim_call call = {.kind = kind, .epoch = epoch};
    call_guard(sim, host, &call);
}

static void on_nonce(struct sim *sim, uint8_t host, const struct sim_reply *reply) {
    struct sim_agent *agent = &sim->agents[host];
    bool lease = reply->call.kind == CALL_BEGIN_LEASE;
    struct sim_round *round = lease ? &agent->lease_round : &agent->promise_round;
    if (!round->active || !round->asking_guard || round->epoch != reply->call.epoch) {
        if (rogue_is(sim, host) && lease && reply->verdict == HOLDER_ACCEPTED) {
            rogue_asks(sim, host, reply->nonce, reply->call.epoch);
        }
        return;
    }
    round->asking_guard = false;
    if (reply->verdict != HOLDER_ACCEPTED) {
        round->active = false;
        return;
    }
    round->nonce = reply->nonce;
    round->started_ms = now_ms_of(sim, host);
    if (!lease) {
        ask_promises(sim, host, round);
        return;
    }
    struct sim_question question = {
        .agent = host,
        .numbers = agent->pins,
        .purpose = ATTEST_LEASE,
        .nonce = round->nonce,
        .epoch = round->epoch,
    };
    agent_ask(sim, host, &question,
              numbers_of(sim, host)->lease.on_quorum_loss == QUORUM_LOSS_FAILSAFE);
}

static void on_reply(struct sim *sim, uint8_t host, const struct sim_reply *reply) {
    struct sim_agent *agent = &sim->agents[host];
    bool extends = reply->call.kind == CALL_CERTIFICATE || reply->call.kind == CALL_PROMISES;
    if (extends && reply->left_ms > 0 && agent_left_ms(sim, host) == 0) {
        agent->next_lease_ms = now_ms_of(sim, host) + numbers_of(sim, host)->lease.renew_ms;
    }
    agent->status = *reply;
    agent->status_ms = now_ms_of(sim, host);
    agent->status_known = true;
    if (reply->left_ms > 0) {
        agent->lease_epoch = reply->lease_epoch;
    }
    if (reply->call.kind == CALL_BEGIN_LEASE || reply->call.kind == CALL_BEGIN_PROMISE) {
        on_nonce(sim, host, reply);
    }
    if (reply->call.kind == CALL_PROMISE) {
        struct sim_message message = {.kind = MSG_PROMISE,
                                      .from = (uint8_t)(AGENT_FIRST + host),
                                      .to = (uint8_t)(AGENT_FIRST + reply->call.promise.asker)};
        message.promise = reply->call.promise;
        message.promise.given = reply->verdict == HOLDER_ACCEPTED;
        net_send(sim, &message);
    }
}

/* -------------------------------------------------------------------- answers */

bool answer_says_closed(const struct sim_answer *answer) {
    bool over = answer->no == ATTEST_NOT_NEWEST || answer->no == ATTEST_NOT_OPEN ||
                answer->no == ATTEST_NOT_OWNER || answer->no == ATTEST_CLOSED_HERE;
    uint64_t asked = answer->question.epoch;
    return over && (answer->newest_epoch > asked ||
                    (answer->newest_epoch == asked && !answer->newest_open) ||
                    answer->no == ATTEST_CLOSED_HERE);
}

static void on_lease_answer(struct sim *sim, uint8_t host, const struct sim_answer *answer) {
    struct sim_agent *agent = &sim->agents[host];
    struct sim_round *round = &agent->lease_round;
    uint8_t m = answer->question.member;
    if (answer->question.carrier == NONE) {
        agent->answered_ms[m] = now_ms_of(sim, host);
    }
    bool fits = answer->question.epoch == round->epoch &&
                (answer->question.nonce == round->nonce || mutant_is(sim, MUTANT_NO_NONCE));
    if (!round->active || round->asking_guard || round->handed_over || !fits) {
        return;
    }
    uint32_t wait_ms = answer->no == ATTEST_WAITING ? answer->left_ms : 0;
    bool taken = answer->no == ATTEST_YES
                     ? votes_yes(&round->votes, m)
                     : votes_no(&round->votes, m, answer_says_closed(answer), wait_ms);
    if (!taken) {
        return;
    }
    struct sim_call call = {
        .nonce = round->nonce, .epoch = round->epoch, .numbers = answer->question.numbers};
    bool enough =
        votes_majority(&round->votes) || (mutant_is(sim, MUTANT_MINORITY) && round->votes.yes != 0);
    if (enough) {
        round->handed_over = true;
        call.kind = CALL_CERTIFICATE;
        call.signers = round->votes.yes;
        call_guard(sim, host, &call);
    } else if (votes_majority_closed(&round->votes)) {
        round->handed_over = true;
        call.kind = CALL_DENIAL;
        call.signers = round->votes.closed;
        call_guard(sim, host, &call);
    } else if (votes_patience_ms(&round->votes) > 0) {
        uint64_t at_ms = now_ms_of(sim, host) + votes_patience_ms(&round->votes) + 2;
        if (at_ms < agent->next_lease_ms + ROUND_AGAIN_MS) {
            agent->next_lease_ms = at_ms;
        }
    }
}

static void on_promise(struct sim *sim, uint8_t host, const struct sim_promise *promise) {
    struct sim_round *round = &sim->agents[host].promise_round;
    uint8_t place = promiser_place(sim, host, promise->giver);
    if (!round->active || round->asking_guard || round->handed_over || place == NONE ||
        promise->nonce != round->nonce || promise->epoch != round->epoch) {
        return;
    }
    bool taken =
        promise->given ? votes_yes(&round->votes, place) : votes_no(&round->votes, place, false, 0);
    bool enough =
        votes_all(&round->votes) || (mutant_is(sim, MUTANT_PROMISE_ONE) && round->votes.yes != 0);
    if (taken && enough) {
        round->handed_over = true;
        struct sim_call call = {.kind = CALL_PROMISES,
                                .nonce = round->nonce,
                                .epoch = round->epoch,
                                .numbers = sim->agents[host].pins,
                                .signers = round->votes.yes};
        call_guard(sim, host, &call);
    }
}

static void on_ack(struct sim *sim, uint8_t host, const struct sim_ack *ack) {
    struct sim_agent *agent = &sim->agents[host];
    bool news =
        agent->says[ack->member].epoch != ack->epoch || agent->says[ack->member].open != ack->open;
    agent->says[ack->member].heard_ms = now_ms_of(sim, host);
    if (ack->config_version > agent->config_version) {
        agent->config_version = ack->config_version; /* pushed, and remembered */
    }
    agent->says[ack->member].epoch = ack->epoch;
    agent->says[ack->member].open = ack->open;
    agent->says[ack->member].ours = ack->ours;
    agent->says[ack->member].known = ack->caught_up;
    if (news && ack->open && ack->ours) {
        agent->next_lease_ms = 0;
    }
}

/* A question of the other region's agent for a member, and its answer: carried, not read. */
static void carry(struct sim *sim, uint8_t host, const struct sim_message *message) {
    struct sim_message onward = *message;
    onward.from = (uint8_t)(AGENT_FIRST + host);
    if (message->kind == MSG_RELAY) {
        onward.kind = MSG_QUESTION;
        onward.to = message->question.member;
    } else {
        onward.to = (uint8_t)(AGENT_FIRST + message->answer.question.agent);
    }
    net_send(sim, &onward);
}

void agent_message(struct sim *sim, uint8_t host, const struct sim_message *message) {
    if (rogue_is(sim, host) && rogue_hears(sim, host, message)) {
        return;
    }
    switch ((enum sim_message_kind)message->kind) {
    case MSG_ANSWER:
        if (message->answer.question.agent != host) {
            carry(sim, host, message);
        } else if (message->answer.question.purpose == ATTEST_COMMAND) {
            commands_answer(sim, host, &message->answer);
        } else {
            on_lease_answer(sim, host, &message->answer);
        }
        break;
    case MSG_RELAY: carry(sim, host, message); break;
    case MSG_ACK: on_ack(sim, host, &message->ack); break;
    case MSG_COMMAND: commands_receive(sim, host, &message->command); break;
    case MSG_PROMISE_ASK: {
        struct sim_call call = {
            .kind = CALL_PROMISE, .epoch = message->promise.epoch, .promise = message->promise};
        call_guard(sim, host, &call);
        break;
    }
    case MSG_PROMISE: on_promise(sim, host, &message->promise); break;
    case MSG_REPLY: on_reply(sim, host, &message->reply); break;
    case MSG_QUESTION:
    case MSG_REPORT:
    case MSG_OUTCOME:
    case MSG_CALL:
    case MSG_REQUEST:
    case MSG_APPEND:
    case MSG_APPENDED:
    case MSG_HEAD_ASK:
    case MSG_HEAD: break;
    }
}

/* ---------------------------------------------------------------------- timer */

static bool still_asking(const struct sim_round *round, uint64_t now_ms) {
    return round->active && !round->handed_over &&
           bits_count(round->votes.answered) < round->votes.voters_n &&
           now_ms - round->started_ms < ROUND_PATIENCE_MS;
}

static void renew_if_due(struct sim *sim, uint8_t host, uint64_t now_ms) {
    struct sim_agent *agent = &sim->agents[host];
    const struct lease_numbers *lease = &numbers_of(sim, host)->lease;
    uint64_t wanted = promised_land(sim, host);
    uint32_t left_ms = agent_left_ms(sim, host);
    if (wanted == 0 && left_ms > 0) {
        wanted = agent->lease_epoch;
    }
    if (wanted == 0 || now_ms < agent->next_lease_ms || still_asking(&agent->lease_round, now_ms)) {
        return;
    }
    bool recent = left_ms + 2 * lease->renew_ms > lease->lease_ms && agent->lease_epoch == wanted;
    agent->next_lease_ms = now_ms + (recent ? lease->renew_ms : ROUND_AGAIN_MS);
    begin_round(sim, host, &agent->lease_round, CALL_BEGIN_LEASE, wanted, sim->members_n);
}

static void promise_if_due(struct sim *sim, uint8_t host, uint64_t now_ms) {
    struct sim_agent *agent = &sim->agents[host];
    const struct lease_numbers *lease = &numbers_of(sim, host)->lease;
    uint32_t left_ms = agent_left_ms(sim, host);
    bool revives = mutant_is(sim, MUTANT_PROMISE_NEWER_REVIVES) ||
                   mutant_is(sim, MUTANT_PROMISE_UNCHECKED) ||
                   mutant_is(sim, MUTANT_EPOCH_VOLATILE_REVIVES);
    bool missed = (left_ms > 0 || (revives && agent->lease_epoch > 0)) &&
                  left_ms + 3 * lease->renew_ms < lease->lease_ms;
    if (!missed || lease->on_quorum_loss != QUORUM_LOSS_FAILSAFE ||
        now_ms < agent->next_promise_ms || still_asking(&agent->promise_round, now_ms)) {
        return;
    }
    agent->next_promise_ms = now_ms + PROMISE_AGAIN_MS;
    begin_round(sim, host, &agent->promise_round, CALL_BEGIN_PROMISE, agent->lease_epoch,
                promisers_n(sim, host));
}

static uint64_t over_for_us(const struct sim *sim, uint8_t host) {
    const struct sim_agent *agent = &sim->agents[host];
    bool ours = false;
    uint64_t newest = agent_newest(sim, host, &ours);
    if (newest == 0 || ours) {
        return 0;
    }
    for (unsigned m = 0; m < sim->members_n; m++) {
        if (agent->says[m].known && agent->says[m].epoch == newest && agent->says[m].open) {
            return newest - 1;
        }
    }
    return newest;
}

static void refuse_old_epoch(struct sim *sim, uint8_t host, uint64_t now_ms) {
    struct sim_agent *agent = &sim->agents[host];
    uint64_t over = over_for_us(sim, host);
    if (over == 0 || !agent->status_known || over <= agent->status.fenced_epoch ||
        over < agent->status.accepted_epoch || now_ms < agent->next_fence_ms) {
        return;
    }
    agent->next_fence_ms = now_ms + FENCE_AGAIN_MS;
    struct sim_call call = {.kind = CALL_FENCE, .epoch = over};
    call_guard(sim, host, &call);
}

/* The soft fence itself is an instant here: what matters to the judge is the kernel's gate. */
static void ladder(struct sim *sim, uint8_t host) {
    struct sim_agent *agent = &sim->agents[host];
    bool ours = false;
    uint32_t left_ms = agent_left_ms(sim, host);
    struct ladder_input input = {.leased = left_ms > 0,
                                 .soft_fence_due = left_ms <= numbers_of(sim, host)->lease.fence_ms,
                                 .lease_epoch = agent->lease_epoch,
                                 .newest_epoch = agent_newest(sim, host, &ours)};
    input.newest_ours = ours;
    struct ladder_note note;
    if (agent->status_known && ladder_judge(&agent->note, &input, &note) != LADDER_NOTHING) {
        agent->note = note;
    }
}

/* Does the region's public endpoint answer, seen from here? */
static uint8_t look_at(const struct sim *sim, uint8_t host, uint8_t region) {
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        bool there = host_region(sim, h) == region && sim->processes[GUARD_FIRST + h].alive;
        uint8_t here = (uint8_t)(HOST_FIRST + host), other = (uint8_t)(HOST_FIRST + h);
        if (there && net_reaches(sim, here, other) && net_reaches(sim, other, here)) {
            return 1;
        }
    }
    return 3;
}

static void report(struct sim *sim, uint8_t host) {
    struct sim_agent *agent = &sim->agents[host];
    uint8_t region = host_region(sim, host);
    struct sim_report said = {.agent = host,
                              .boot = agent->boot_id,
                              .seq = ++agent->seq,
                              .config_version = agent->config_version};
    if (agent->status_known) {
        said.guard_epoch = agent->status.accepted_epoch;
        said.proved_epoch = agent->status.fence_proved ? agent->status.fenced_epoch : 0;
        said.fenced_epoch = said.proved_epoch;
        said.promised_epoch = agent->status.promised_epoch;
        said.gate = agent->status.gate_open ? 2 : 1;
        said.leased = agent->status.left_ms > 0;
    }
    for (uint8_t r = 0; r < SIM_REGIONS; r++) {
        bool looks = r != region && r != REGION_M;
        said.seen[r] = looks ? look_at(sim, host, r) : 0;
    }
    stores_report(sim, region, &said);
    for (uint8_t m = 0; m < sim->members_n; m++) {
        struct sim_message message = {
            .kind = MSG_REPORT, .from = (uint8_t)(AGENT_FIRST + host), .to = m};
        message.report = said;
        net_send(sim, &message);
    }
}

void agent_tick(struct sim *sim, uint8_t host) {
    struct sim_agent *agent = &sim->agents[host];
    if (rogue_is(sim, host)) {
        rogue_tick(sim, host, false);
    }
    uint64_t now_ms = now_ms_of(sim, host);
    if (has_guard(sim, host)) {
        if (now_ms >= agent->next_status_ms) {
            agent->next_status_ms = now_ms + STATUS_AGAIN_MS;
            struct sim_call call = {.kind = CALL_STATUS};
            call_guard(sim, host, &call);
        }
        refuse_old_epoch(sim, host, now_ms);
        renew_if_due(sim, host, now_ms);
        promise_if_due(sim, host, now_ms);
        ladder(sim, host);
    }
    commands_tick(sim, host);
    if (now_ms >= agent->next_report_ms) {
        agent->next_report_ms = now_ms + REPORT_AGAIN_MS;
        report(sim, host);
    }
}
