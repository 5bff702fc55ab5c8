/* Asking for the lease. The guard gives nonce and send stamp; the agent asks every member,
 * counts, and hands the certificate back. While a lease is wanted and not held the next
 * question follows at once; while it is held, every R. When the members do not answer, the
 * questions also go through the other region's agents, and when that does not help either,
 * their guards are asked for promises. */
#include <string.h>

#include "agent/agent.h"
#include "common/base/bits.h"
#include "common/io/clock.h"
#include "common/io/log.h"
#include "common/io/sign.h"
#include "proto/answer.h"
#include "proto/canon.h"

#define ROUND_AGAIN_MS 100 /* between questions while the lease is wanted and not held */
#define RELAY_AFTER_MS 300 /* a member silent this long is also asked through peers */
#define PROMISE_AGAIN_MS 300
#define PATIENCE_MIN_MS 300 /* round_patience_ms() */
#define PATIENCE_MAX_MS 1000
#define FENCE_AGAIN_MS 300
#define REFUSED_AGAIN_MS 10000

static void sign_question(const struct agent_program *agent, struct question *question) {
    uint8_t canon[CANON_MAX];
    size_t size = canon_question(question, canon);
    enum err err = sign_bytes(agent->keys.sign_secret, canon, size, question->signature);
    ensure(err == ERR_OK);
}

static void question_fill(const struct agent_program *agent, struct question *question,
                          enum purpose purpose, uint64_t epoch) {
    const struct lease_numbers *lease = &agent->pins->lease;
    memset(question, 0, sizeof *question);
    (void)text_copy(question->cluster, NAME_SIZE, agent->pins->cluster);
    (void)text_copy(question->region, NAME_SIZE, agent->pins->regions[agent->region].name);
    (void)text_copy(question->agent, NAME_SIZE, agent->keys.name);
    question->purpose = (uint8_t)purpose;
    question->epoch = epoch;
    question->lease_ms = lease->lease_ms;
    question->wait_ms = topology_wait_ms(lease);
    question->promise_ms = lease->promise_ms;
    question->config_version = agent->topology->version;
}

static void ask_members(struct agent_program *agent, const struct question *question, bool relay) {
    static struct message message;
    size_t size = 0;
    uint64_t now_ms = agent_now_ms();
    message.kind = MESSAGE_QUESTION;
    message.question = *question;
    if (message_encode(&message, agent->frame, FRAME_AGENT_MAX, &size) != ERR_OK) {
        return;
    }
    for (uint8_t m = 0; m < agent->pins->members_n; m++) {
        struct member_link *link = &agent->members[m];
        bool sent = wire_client_send(link->client, agent->frame, size) == ERR_OK;
        bool silent = now_ms - link->answered_boot_ms > RELAY_AFTER_MS * 4;
        if (relay && (!sent || silent)) {
            peers_relay(agent, m, agent->frame, size);
        }
    }
}

bool round_verify(const struct question *question, const uint8_t key[KEY_SIZE],
                  const uint8_t next[KEY_SIZE], const struct answer *answer) {
    uint8_t canon[CANON_MAX];
    if (!answer_fits(question, answer)) {
        return false;
    }
    size_t size = canon_answer(question, answer, canon);
    return sign_verify_either(key, next, canon, size, answer->signature) == ERR_OK;
}

bool round_verify_member(const struct agent_program *agent, const struct question *question,
                         uint8_t member, const struct answer *answer) {
    const struct member *entry = &agent->pins->members[member];
    return round_verify(question, entry->sign_key, entry->sign_key_next, answer);
}

bool round_take(struct agent_program *agent, struct round *round, uint8_t voter,
                const struct answer *answer) {
    (void)agent;
    if (answer->refusal == REFUSAL_NONE) {
        if (!votes_yes(&round->votes, voter)) {
            return false;
        }
        if (round->yes_n < CERTIFICATE_ANSWERS_MAX) {
            round->yes[round->yes_n++] = *answer;
        }
        return true;
    }
    bool closed = answer_says_closed(answer);
    uint32_t wait_ms = answer->refusal == REFUSAL_WAITING ? answer->left_ms : 0;
    if (!votes_no(&round->votes, voter, closed, wait_ms)) {
        return false;
    }
    if (closed && round->no_n < CERTIFICATE_ANSWERS_MAX) {
        round->no[round->no_n++] = *answer;
    }
    return true;
}

void round_begin_command(struct agent_program *agent, struct round *round, uint64_t epoch,
                         const uint8_t digest[DIGEST_SIZE]) {
    memset(round, 0, sizeof *round);
    round->active = true;
    round->started_boot_ms = agent_now_ms();
    votes_begin(&round->votes, agent->pins->members_n);
    question_fill(agent, &round->question, PURPOSE_COMMAND, epoch);
    memcpy(round->question.digest, digest, DIGEST_SIZE);
    random_bytes(round->question.nonce, NONCE_SIZE);
    sign_question(agent, &round->question);
    ask_members(agent, &round->question, false);
}

/* -------------------------------------------------------- talking to the guard */

static void note_status(struct agent_program *agent, const struct guard_answer *answer) {
    bool changed = answer->gate != agent->guard_status.gate ||
                   answer->accepted_epoch != agent->guard_status.accepted_epoch ||
                   answer->fence_proved != agent->guard_status.fence_proved ||
                   (answer->lease_left_ms > 0) != (agent->guard_status.lease_left_ms > 0);
    uint8_t key_place = answer->key_place != 0 ? answer->key_place : agent->guard_status.key_place;
    agent->guard_status = *answer;
    agent->guard_status.key_place = key_place;
    agent->guard_heard_ms = agent_now_ms();
    agent->report_now = agent->report_now || changed;
    if (answer->lease_left_ms > 0) {
        agent->lease_epoch = answer->lease_epoch;
    }
}

static void on_status(void *owner, const struct guard_answer *answer) {
    struct agent_program *agent = owner;
    if (answer != NULL) {
        note_status(agent, answer);
    }
}

static void on_lease_given(void *owner, const struct guard_answer *answer) {
    struct agent_program *agent = owner;
    if (answer == NULL) {
        return;
    }
    bool first = answer->lease_left_ms > 0 && agent->guard_status.lease_left_ms == 0;
    note_status(agent, answer);
    if (first) {
        log_event(LOG_NOTICE, "lease.held", "epoch=%llu left_ms=%u",
                  (unsigned long long)answer->lease_epoch, answer->lease_left_ms);
        agent->next_lease_round_ms = agent_now_ms() + agent->pins->lease.renew_ms;
        commands_tick(agent); /* a promotion waits for nothing else */
    }
}

static void hand_certificate(struct agent_program *agent, const struct round *round,
                             enum guard_call call, const struct answer *answers,
                             uint8_t answers_n) {
    static struct certificate certificate;
    static struct guard_request request;
    memset(&request, 0, sizeof request);
    certificate.question = round->question;
    certificate.answers_n = answers_n;
    memcpy(certificate.answers, answers, sizeof(struct answer) * answers_n);
    request.call = (uint8_t)call;
    request.epoch = round->question.epoch;
    size_t size = certificate_write(&certificate, request.body, sizeof request.body);
    if (size == 0) {
        log_event(LOG_ERR, "certificate.too_big", "answers=%u", answers_n);
        return;
    }
    request.body_size = (uint16_t)size;
    (void)guard_link_call(agent->guard, &request, agent, on_lease_given);
}

static void on_nonce(struct agent_program *agent, struct round *round, enum purpose purpose,
                     const struct guard_answer *answer) {
    round->asking_guard = false;
    if (answer == NULL || answer->err != ERR_OK || answer->verdict != 0) {
        round->active = false;
        if (answer != NULL) {
            note_status(agent, answer);
        }
        return;
    }
    note_status(agent, answer);
    uint64_t epoch = round->question.epoch;
    question_fill(agent, &round->question, purpose, epoch);
    memcpy(round->question.nonce, answer->nonce, NONCE_SIZE);
    sign_question(agent, &round->question);
    round->started_boot_ms = agent_now_ms();
    if (purpose == PURPOSE_LEASE) {
        bool relay = agent->pins->lease.on_quorum_loss == QUORUM_LOSS_FAILSAFE;
        ask_members(agent, &round->question, relay);
        return;
    }
    static struct message message;
    size_t size = 0;
    message.kind = MESSAGE_QUESTION;
    message.question = round->question;
    if (message_encode(&message, agent->frame, FRAME_AGENT_MAX, &size) == ERR_OK) {
        peers_ask_promises(agent, agent->frame, size);
    }
}

static void on_lease_nonce(void *owner, const struct guard_answer *answer) {
    struct agent_program *agent = owner;
    on_nonce(agent, &agent->lease_round, PURPOSE_LEASE, answer);
}

static void on_promise_nonce(void *owner, const struct guard_answer *answer) {
    struct agent_program *agent = owner;
    on_nonce(agent, &agent->promise_round, PURPOSE_PROMISE, answer);
}

static void begin_round(struct agent_program *agent, struct round *round, enum purpose purpose,
                        uint64_t epoch, uint8_t voters_n,
                        void (*on_answer)(void *owner, const struct guard_answer *answer)) {
    static struct guard_request request;
    memset(round, 0, sizeof *round);
    votes_begin(&round->votes, voters_n);
    round->active = true;
    round->asking_guard = true;
    round->started_boot_ms = agent_now_ms();
    round->question.epoch = epoch;
    memset(&request, 0, sizeof request);
    request.call = GUARD_BEGIN;
    request.purpose = (uint8_t)purpose;
    request.epoch = epoch;
    if (guard_link_call(agent->guard, &request, agent, on_answer) != ERR_OK) {
        round->active = false;
    }
}

/* --------------------------------------------------------------------- answers */

/* Refusals that are about us and not about the moment: no waiting cures them, so people must
 * know. */
static void say_refused(const struct agent_program *agent, const struct answer *answer) {
    static uint64_t said_ms;
    uint64_t now_ms = agent_now_ms();
    bool ours = answer->refusal == REFUSAL_NUMBERS_DIFFER ||
                answer->refusal == REFUSAL_UNKNOWN_AGENT ||
                answer->refusal == REFUSAL_BAD_SIGNATURE || answer->refusal == REFUSAL_NOT_ALLOWED;
    if (ours && (said_ms == 0 || now_ms - said_ms >= REFUSED_AGAIN_MS)) {
        said_ms = now_ms;
        log_event(LOG_ERR, "lease.refused", "member=%s epoch=%llu lease=%u \"%s\"", answer->from,
                  (unsigned long long)answer->epoch, agent->pins->lease.lease_ms,
                  refusal_text((enum refusal)answer->refusal));
    }
}

void rounds_answer(struct agent_program *agent, uint8_t member, const struct answer *answer) {
    struct round *round = &agent->lease_round;
    if (!round->active || round->asking_guard ||
        !round_verify_member(agent, &round->question, member, answer) ||
        !text_equal(answer->from, agent->pins->members[member].name) ||
        !round_take(agent, round, member, answer) || round->handed_over) {
        return;
    }
    say_refused(agent, answer);
    if (votes_majority(&round->votes)) {
        round->handed_over = true;
        hand_certificate(agent, round, GUARD_CERTIFICATE, round->yes, round->yes_n);
    } else if (votes_majority_closed(&round->votes)) {
        round->handed_over = true;
        hand_certificate(agent, round, GUARD_DENIAL, round->no, round->no_n);
    } else if (votes_patience_ms(&round->votes) > 0) {
        /* Asked again just when a majority's waits are over, not a round later. */
        uint64_t at_ms = agent_now_ms() + votes_patience_ms(&round->votes) + 2;
        if (at_ms < agent->next_lease_round_ms + ROUND_AGAIN_MS) {
            agent->next_lease_round_ms = at_ms;
        }
    }
}

void rounds_promise(struct agent_program *agent, uint8_t giver, const struct answer *answer) {
    struct round *round = &agent->promise_round;
    const struct agent *entry = &agent->pins->agents[giver];
    uint8_t place = peers_promiser(agent, entry->name);
    if (!round->active || round->asking_guard || place == NONE ||
        !text_equal(answer->from, entry->name) ||
        !round_verify(&round->question, entry->guard_key, entry->guard_key_next, answer) ||
        !round_take(agent, round, place, answer) || round->handed_over) {
        return;
    }
    if (votes_all(&round->votes)) {
        round->handed_over = true;
        hand_certificate(agent, round, GUARD_PROMISES, round->yes, round->yes_n);
    }
}

/* ------------------------------------------------------------------------ timer */

/* A member that said no because it had not applied the fact yet, and now has: the question is
 * put anew rather than left to the others, one of whom may be dead. Once for each member, so
 * that none can keep us asking. */
bool round_hastens(const struct round *round, uint8_t member, uint64_t *hastened) {
    bool said_no = round->active && !round->handed_over &&
                   bits_has(round->votes.answered, member) && !bits_has(round->votes.yes, member);
    if (!said_no || bits_has(*hastened, member)) {
        return false;
    }
    *hastened |= bit(member);
    return true;
}

void rounds_news(struct agent_program *agent, uint8_t member, uint64_t epoch) {
    if (agent->lease_round.question.epoch != agent->hastened_epoch) {
        agent->hastened_epoch = agent->lease_round.question.epoch;
        agent->hastened = 0;
    }
    if (epoch == agent->hastened_epoch &&
        round_hastens(&agent->lease_round, member, &agent->hastened)) {
        agent->lease_round.active = false;
    }
    agent->next_lease_round_ms = 0; /* a new epoch of ours: ask at once */
    rounds_tick(agent);
}

/* With a short lease a lost answer must not cost more than half a renewal; with a long way to the
 * members an answer must still find its question. */
uint32_t round_patience_ms(const struct lease_numbers *lease) {
    uint32_t half_ms = lease->renew_ms / 2;
    half_ms = half_ms > PATIENCE_MAX_MS ? PATIENCE_MAX_MS : half_ms;
    return half_ms < PATIENCE_MIN_MS ? PATIENCE_MIN_MS : half_ms;
}

/* Asking again too early would make every answer one to an older question, for ever. But once a
 * majority has told how long it still waits, the others' words change nothing. */
static bool still_asking(const struct agent_program *agent, const struct round *round,
                         uint64_t now_ms) {
    return round->active && !round->handed_over && votes_patience_ms(&round->votes) == 0 &&
           bits_count(round->votes.answered) < round->votes.voters_n &&
           now_ms - round->started_boot_ms < round_patience_ms(&agent->pins->lease);
}

static void renew_if_due(struct agent_program *agent, uint64_t now_ms) {
    uint64_t wanted = agent_promised_land(agent);
    uint32_t left_ms = agent_lease_left_ms(agent);
    if (wanted == 0 && left_ms > 0) {
        wanted = agent->lease_epoch; /* the members are silent: go on asking for what we hold */
    }
    if (wanted == 0 || now_ms < agent->next_lease_round_ms ||
        still_asking(agent, &agent->lease_round, now_ms)) {
        return;
    }
    const struct lease_numbers *lease = &agent->pins->lease;
    bool fresh = left_ms + 2 * lease->renew_ms > lease->lease_ms && agent->lease_epoch == wanted;
    agent->next_lease_round_ms = now_ms + (fresh ? lease->renew_ms : ROUND_AGAIN_MS);
    begin_round(agent, &agent->lease_round, PURPOSE_LEASE, wanted, agent->pins->members_n,
                on_lease_nonce);
}

static void promise_if_due(struct agent_program *agent, uint64_t now_ms) {
    const struct lease_numbers *lease = &agent->pins->lease;
    uint32_t left_ms = agent_lease_left_ms(agent);
    bool missed = left_ms > 0 && left_ms + 3 * lease->renew_ms < lease->lease_ms;
    uint8_t promisers_n = peers_promisers_n(agent);
    if (!missed || lease->on_quorum_loss != QUORUM_LOSS_FAILSAFE || promisers_n == 0 ||
        !peers_all_asked(agent) || now_ms < agent->next_promise_round_ms ||
        still_asking(agent, &agent->promise_round, now_ms)) {
        return;
    }
    agent->next_promise_round_ms = now_ms + PROMISE_AGAIN_MS;
    begin_round(agent, &agent->promise_round, PURPOSE_PROMISE, agent->lease_epoch, promisers_n,
                on_promise_nonce);
}

/* The epoch up to which the members' majority says that all is over for us; 0: nothing is. */
static uint64_t over_for_us(const struct agent_program *agent) {
    bool ours = false;
    uint64_t newest = agent_newest_epoch(agent, &ours);
    if (newest == 0 || ours) {
        return 0;
    }
    for (uint8_t m = 0; m < agent->pins->members_n; m++) {
        const struct member_says *says = &agent->members[m].says;
        if (says->known && says->epoch == newest && says->open) {
            return newest - 1; /* open for another region: all before it are over */
        }
    }
    return newest;
}

/* The guard then refuses the old epoch for ever, and its proof lets the members end their wait. */
static void refuse_old_epoch(struct agent_program *agent, uint64_t now_ms) {
    static struct guard_request request;
    uint64_t over = over_for_us(agent);
    const struct guard_answer *status = &agent->guard_status;
    if (over == 0 || agent->guard_heard_ms == 0 || over <= status->fenced_epoch ||
        over < status->accepted_epoch || now_ms < agent->fence_asked_next_ms) {
        return;
    }
    memset(&request, 0, sizeof request);
    request.call = GUARD_FENCE;
    request.epoch = over;
    agent->fence_asked_next_ms = now_ms + FENCE_AGAIN_MS;
    (void)guard_link_call(agent->guard, &request, agent, on_status);
}

void rounds_tick(struct agent_program *agent) {
    static uint64_t status_ms;
    static struct guard_request status = {.call = GUARD_STATUS, .flag = true};
    uint64_t now_ms = agent_now_ms();
    if (agent->guard == NULL || !guard_link_up(agent->guard)) {
        return;
    }
    if (now_ms - status_ms >= 200) {
        status_ms = now_ms;
        (void)guard_link_call(agent->guard, &status, agent, on_status);
    }
    refuse_old_epoch(agent, now_ms);
    renew_if_due(agent, now_ms);
    promise_if_due(agent, now_ms);
}
