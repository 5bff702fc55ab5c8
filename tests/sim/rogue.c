/* Byzantine agents, and thieves of an agent's key. The keys and the state of the guards beside
 * them are the guards' own: a guard's signature, its gate and its disk nobody here can have.
 *
 * A lying agent may say anything that its own key signs: verdicts about other regions, its guard's
 * epochs, gate and lease, the fence it claims (not its proof), its start's number and sequence,
 * outcomes of its own commands, run or not; to each member something else. It may repeat, keep
 * back or reorder what truly was signed by members, guards and other agents, ask members and other
 * regions' guards whatever it likes under its own name, run what it likes on its own host, and
 * call its guard in any order with any epoch. It cannot make up a member's yes, a guard's promise
 * or fence proof, a nonce of its guard's, or another agent's word.
 *
 * A thief has an agent's key and says all of that from elsewhere, while the honest agent goes on.
 * At the healing lying agents are started anew, honest, and the key is replaced by a new version of
 * the topology. The rules hold for every host, also a liar's: its guard is honest. Only what it
 * runs and says of its own commands is its own affair. */
#include "sim.h"

#include <string.h>

#define ROGUE_PERMILLE 160
#define NOTES_N 16
#define LIE_PERMILLE 250

struct rogue_note {
    uint64_t nonce, epoch, yes, closed;
    uint8_t numbers;
};

/* What the liars of this run have recorded. */
static struct {
    struct rogue_note notes[SIM_HOSTS_MAX][NOTES_N];
    struct want_command commands[SIM_HOSTS_MAX];
    uint32_t notes_at[SIM_HOSTS_MAX];
    uint64_t proofs[SIM_HOSTS_MAX];
} records;

static bool asked_for(const struct sim *sim) {
    return mutant_is(sim, MUTANT_GUARD_TRUSTS_AGENT) || mutant_is(sim, MUTANT_PROOF_UNSIGNED) ||
           mutant_is(sim, MUTANT_PROMISE_UNSIGNED) || mutant_is(sim, MUTANT_REGION_AS_SAID) ||
           mutant_is(sim, MUTANT_OUTCOME_ANY_AGENT);
}

/* Drawn beside the others. In a calm seed one of all lies, and only about what it sees and is: of
 * the outside views fewer than half. */
void rogue_draw(struct sim *sim) {
    struct weather *weather = &sim->weather;
    struct rng rng;
    rng_seed(&rng, sim->seed ^ UINT64_C(0x726F6775652D6167));
    memset(&records, 0, sizeof records);
    bool drawn = rng_chance(&rng, ROGUE_PERMILLE, 1000);
    if (!drawn && !asked_for(sim)) {
        return;
    }
    if (weather->calm) {
        uint8_t host = (uint8_t)rng_below(&rng, sim->hosts_n);
        bool vantage = host_region(sim, host) == REGION_M && rng_chance(&rng, 1, 2);
        weather->rogues = (uint8_t)(vantage ? 1u << host : 0);
        weather->thieves = (uint8_t)(vantage ? 0 : 1u << host);
        return;
    }
    uint64_t mixture = 1 + rng_below(&rng, 3);
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        uint8_t self = (uint8_t)(1u << h);
        weather->rogues |= (uint8_t)((mixture & 1) != 0 && rng_chance(&rng, 1, 2) ? self : 0);
        weather->thieves |= (uint8_t)((mixture & 2) != 0 && rng_chance(&rng, 1, 3) ? self : 0);
    }
}

static bool lies_now(const struct sim *sim) {
    return sim->now_us > 2500000 && sim->now_us < sim->weather.stormy_until_us;
}

bool rogue_is(const struct sim *sim, uint8_t host) {
    return bits_has(sim->weather.rogues, host) && lies_now(sim);
}

bool rogue_or_stolen(const struct sim *sim, uint8_t host) {
    return bits_has((uint64_t)sim->weather.rogues | sim->weather.thieves, host);
}

/* By a thief's own ways: no cut of ours is on them. */
static void send(struct sim *sim, const struct sim_message *message, bool thief) {
    if (!thief) {
        net_send(sim, message);
    } else if (sim->free_n > EVENTS_MAX / 8) {
        queue_add(sim, sim->now_us + 500 + pick(sim, 30000), SIM_MESSAGE, message->to)->message =
            *message;
    }
}

static uint64_t some_epoch(struct sim *sim) {
    uint64_t newest = sim->members[pick(sim, sim->members_n)].core.epoch;
    uint64_t more = pick(sim, 4);
    return newest + 2 > more ? newest + 2 - more : 1;
}

/* ------------------------------------------------------------------ the lies */

static void lie_report(struct sim *sim, uint8_t host, bool thief) {
    const struct sim_agent *agent = &sim->agents[host];
    struct sim_message message = {.kind = MSG_REPORT, .from = (uint8_t)(AGENT_FIRST + host)};
    struct sim_report *said = &message.report;
    said->agent = host;
    said->thief = thief;
    said->config_version = agent->config_version;
    said->boot = chance(sim, 100) ? UINT64_MAX - pick(sim, 3) : agent->boot_id + pick(sim, 2);
    said->seq = agent->seq + pick(sim, 200);
    said->guard_epoch = some_epoch(sim);
    said->fenced_epoch = some_epoch(sim);
    said->promised_epoch = some_epoch(sim);
    /* What its guard truly signed once, or nothing. */
    said->proved_epoch = chance(sim, 500) ? records.proofs[host] : 0;
    if (mutant_is(sim, MUTANT_PROOF_UNSIGNED)) {
        said->proved_epoch = said->fenced_epoch;
    }
    said->position = pick(sim, 4000);
    said->position_ms = sim->now_us / 1000;
    said->written = chance(sim, 500);
    said->gate = (uint8_t)pick(sim, 3);
    said->leased = chance(sim, 500);
    said->no_guard = chance(sim, 300);
    for (uint8_t r = 0; r < SIM_REGIONS; r++) {
        bool looks = r != host_region(sim, host) && r != REGION_M;
        said->seen[r] = looks ? (uint8_t)(chance(sim, 700) ? 3 : 1) : 0;
    }
    for (uint8_t m = 0; m < sim->members_n; m++) {
        message.to = m;
        if (chance(sim, 700)) {
            send(sim, &message, thief);
        }
        said->gate = (uint8_t)pick(sim, 3);
    }
}

static void lie_question(struct sim *sim, uint8_t host, bool thief) {
    struct sim_message message = {.kind = MSG_QUESTION, .from = (uint8_t)(AGENT_FIRST + host)};
    message.question = (struct sim_question){.agent = host,
                                             .carrier = NONE,
                                             .thief = thief,
                                             .numbers = sim->agents[host].pins,
                                             .purpose = ATTEST_LEASE,
                                             .nonce = rng_next(&sim->rng),
                                             .epoch = some_epoch(sim)};
    for (uint8_t m = 0; m < sim->members_n; m++) {
        message.to = m;
        message.question.member = m;
        send(sim, &message, thief);
    }
}

/* A nonce of its own guard, asked about at members as it likes. */
void rogue_asks(struct sim *sim, uint8_t host, uint64_t nonce, uint64_t epoch) {
    struct sim_question question = {.agent = host,
                                    .numbers = sim->agents[host].pins,
                                    .purpose = ATTEST_LEASE,
                                    .nonce = nonce,
                                    .epoch = epoch};
    agent_ask(sim, host, &question, chance(sim, 300));
}

static void lie_outcome(struct sim *sim, uint8_t host, bool thief) {
    struct sim_message message = {.kind = MSG_OUTCOME, .from = (uint8_t)(AGENT_FIRST + host)};
    const struct want_command *want = &records.commands[host];
    if (thief || mutant_is(sim, MUTANT_OUTCOME_ANY_AGENT)) {
        /* Whoever knows the service can guess what is wanted now. */
        const struct sim_member *member = &sim->members[pick(sim, sim->members_n)];
        if (member->wants.commands_n == 0) {
            return;
        }
        want = &member->wants.commands[pick(sim, member->wants.commands_n)];
    }
    message.outcome.command = command_name_of(want);
    message.outcome.state = (uint8_t)(chance(sim, 700) ? 2 : 3);
    message.outcome.err = (uint8_t)(message.outcome.state == 2 ? ERR_OK : ERR_FAILED);
    message.outcome.observed = chance(sim, 300);
    message.outcome.position = pick(sim, 4000);
    for (uint8_t m = 0; want->execution != 0 && m < sim->members_n; m++) {
        message.to = m;
        send(sim, &message, thief);
    }
}

static void lie_to_peers(struct sim *sim, uint8_t host, bool thief) {
    struct sim_message message = {.kind = MSG_PROMISE_ASK, .from = (uint8_t)(AGENT_FIRST + host)};
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        if (promiser_place(sim, host, h) == NONE) {
            continue;
        }
        message.to = (uint8_t)(AGENT_FIRST + h);
        message.promise = (struct sim_promise){.asker = host,
                                               .giver = h,
                                               .numbers = sim->agents[host].pins,
                                               .nonce = rng_next(&sim->rng),
                                               .epoch = some_epoch(sim)};
        send(sim, &message, thief);
    }
}

/* Its own guard, in any order, with what was truly signed: certificates of long ago, of another
 * question, too late; and fences for no reason. */
static void lie_to_guard(struct sim *sim, uint8_t host) {
    struct sim_message message = {.kind = MSG_CALL,
                                  .from = (uint8_t)(AGENT_FIRST + host),
                                  .to = (uint8_t)(GUARD_FIRST + host)};
    const struct rogue_note *note = &records.notes[host][pick(sim, NOTES_N)];
    struct sim_call *call = &message.call;
    if (host_region(sim, host) == REGION_M) {
        return;
    }
    call->epoch = some_epoch(sim);
    switch (pick(sim, 5)) {
    case 0: call->kind = CALL_BEGIN_LEASE; break;
    case 1: call->kind = CALL_BEGIN_PROMISE; break;
    case 2:
        call->kind = chance(sim, 200) ? CALL_DENIAL : CALL_CERTIFICATE;
        call->nonce = note->nonce;
        call->epoch = note->epoch;
        call->numbers = note->numbers;
        call->signers = call->kind == CALL_DENIAL ? note->closed : note->yes;
        break;
    case 3:
        call->kind = CALL_FENCE;
        if (!chance(sim, 150)) {
            return;
        }
        break;
    default:
        call->kind = CALL_PROMISE;
        call->numbers = sim->agents[host].pins;
        call->promise = (struct sim_promise){
            .asker = (uint8_t)pick(sim, sim->hosts_n), .giver = host, .epoch = call->epoch};
        /* A promise is asked for in another region's name: it takes a liar there, too. */
        if (!rogue_or_stolen(sim, call->promise.asker) ||
            promiser_place(sim, call->promise.asker, host) == NONE) {
            return;
        }
        call->promise.numbers = sim->agents[call->promise.asker].pins;
        break;
    }
    net_local(sim, &message);
}

/* Runs what it likes: its own host is its own affair, and no other's. */
void rogue_tick(struct sim *sim, uint8_t host, bool thief) {
    const struct sim_guard *guard = &sim->guards[host];
    if (guard->fence_proved && guard->proved_epoch > records.proofs[host]) {
        records.proofs[host] = guard->proved_epoch;
    }
    if (!chance(sim, LIE_PERMILLE)) {
        return;
    }
    sim->judge.lies_n++;
    /* In a calm seed nothing is done that fences or moves by right: only words. */
    switch (pick(sim, sim->weather.calm ? 2 : 6)) {
    case 0: lie_report(sim, host, thief); break;
    case 1: lie_question(sim, host, thief); break;
    case 2: lie_outcome(sim, host, thief); break;
    case 3: lie_to_peers(sim, host, thief); break;
    default:
        if (!thief) {
            lie_to_guard(sim, host);
        }
        break;
    }
}

void rogue_world(struct sim *sim) {
    for (uint8_t h = 0; lies_now(sim) && h < sim->hosts_n; h++) {
        if (bits_has(sim->weather.thieves, h)) {
            rogue_tick(sim, h, true);
        }
    }
}

/* ------------------------------------------------------------- what it hears */

static void record(struct sim *sim, uint8_t host, const struct sim_answer *answer) {
    struct rogue_note *notes = records.notes[host], *note = NULL;
    if (answer->question.purpose != ATTEST_LEASE) {
        return;
    }
    for (unsigned i = 0; i < NOTES_N; i++) {
        bool same =
            notes[i].nonce == answer->question.nonce && notes[i].epoch == answer->question.epoch;
        note = same ? &notes[i] : note;
    }
    if (note == NULL) {
        note = &notes[records.notes_at[host]++ % NOTES_N];
        *note = (struct rogue_note){.nonce = answer->question.nonce,
                                    .epoch = answer->question.epoch,
                                    .numbers = answer->question.numbers};
    }
    uint64_t signer = bit(answer->question.member);
    note->yes |= answer->no == ATTEST_YES ? signer : 0;
    note->closed |= answer_says_closed(answer) ? signer : 0;
    if (mutant_is(sim, MUTANT_GUARD_TRUSTS_AGENT)) {
        note->yes = UINT64_MAX;
    }
}

/* True when the honest part of it shall not see this message. What it carries for others it may
 * lose, keep back and repeat. */
bool rogue_hears(struct sim *sim, uint8_t host, const struct sim_message *message) {
    bool carried = message->kind == MSG_RELAY ||
                   (message->kind == MSG_ANSWER && message->answer.question.agent != host);
    if (message->kind == MSG_ANSWER && !carried) {
        record(sim, host, &message->answer);
    }
    if (message->kind == MSG_COMMAND && message->command.agent == host) {
        records.commands[host] = message->command;
    }
    if (sim->weather.calm) {
        return false;
    }
    if (message->kind == MSG_PROMISE_ASK && mutant_is(sim, MUTANT_PROMISE_UNSIGNED)) {
        struct sim_message promise = {.kind = MSG_PROMISE,
                                      .from = (uint8_t)(AGENT_FIRST + host),
                                      .to = (uint8_t)(AGENT_FIRST + message->promise.asker)};
        promise.promise = message->promise;
        promise.promise.given = true;
        net_send(sim, &promise);
        return true;
    }
    bool words = carried || message->kind == MSG_PROMISE_ASK || message->kind == MSG_PROMISE;
    if (words && chance(sim, 300) && sim->free_n > EVENTS_MAX / 8) {
        struct sim_event *again = queue_add(sim, sim->now_us + pick(sim, 6000000), SIM_MESSAGE,
                                            (uint8_t)(AGENT_FIRST + host));
        again->message = *message;
    }
    return chance(sim, words ? 400 : 150);
}
