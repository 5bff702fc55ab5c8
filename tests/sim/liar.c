/* A stolen member key: one member of three says whatever it likes, under its own name alone. It
 * says yes to every lease and command, to both regions, lies about the newest epoch, sends
 * commands that nobody wants, and appends facts that the rules refuse. At the healing it is
 * started anew, honest.
 *
 * The topology says `wait_from = "close"` in such a world, and one ASSUMPTION is named, for the
 * thief alone stands in both majorities, and the honest member of the one is not the honest member
 * of the other:
 *   honest-members-do-not-lag   an honest member that answers has applied the whole log.
 * Two mutants are that world without the one and without the other, and must be noticed:
 * `liar-and-laggard`, and `liar-from-last-yes`, which is the product's default (a lost question
 * made one member's wait 0.5 s shorter than the lease that the other certified). */
#include "sim.h"

#define LIES_PERMILLE 150
#define FORGED_PERMILLE 20

/* Drawn beside the others: a seed without a liar is the same seed as ever. */
void liar_draw(struct sim *sim) {
    struct weather *weather = &sim->weather;
    struct rng rng;
    rng_seed(&rng, sim->seed ^ UINT64_C(0x6C6961722D74776F));
    bool laggard = mutant_is(sim, MUTANT_LIAR_AND_LAGGARD);
    bool early = mutant_is(sim, MUTANT_LIAR_FROM_LAST_YES);
    bool asked =
        laggard || early || (sim->mutant == MUTANT_NONE_ && rng_chance(&rng, LIES_PERMILLE, 1000));
    if (asked && !weather->calm && sim->members_n > 1) {
        weather->lies = true;
        weather->liars = (uint8_t)(1u << rng_below(&rng, sim->members_n));
        if (sim->members_n == 5 && rng_chance(&rng, 1, 2)) {
            weather->liars |= (uint8_t)(1u << rng_below(&rng, sim->members_n));
        }
        /* People do not exchange the log meanwhile: of two logs the thief alone knows both. */
        weather->set_back_permille = 0;
        sim->engine.backup_due_us = 0;
        bool close = !laggard && !early;
        sim->topology->lease.wait_from = close ? WAIT_FROM_CLOSE : WAIT_FROM_LAST_YES;
    }
}

bool liar_is(const struct sim *sim, uint8_t m) {
    return sim->weather.lies && bits_has(sim->weather.liars, m) &&
           sim->now_us < sim->weather.stormy_until_us;
}

bool liar_silences(const struct sim *sim, uint8_t m) {
    return sim->weather.lies && !mutant_is(sim, MUTANT_LIAR_AND_LAGGARD) &&
           sim->members[m].applied_index != sim->engine.facts_n;
}

/* The nonce is answered as it was asked: more than that a stolen key cannot do to a certificate. */
void liar_answer(struct sim *sim, struct sim_answer *answer) {
    sim->judge.lies_n++;
    if (chance(sim, 800)) {
        answer->no = ATTEST_YES;
        return;
    }
    answer->no = (uint8_t)pick(sim, ATTEST_UNKNOWN_AGENT + 1u);
    answer->newest_epoch = answer->question.epoch + pick(sim, 3);
    answer->newest_open = chance(sim, 500);
    answer->left_ms = (uint32_t)pick(sim, 5000);
}

void liar_ack(struct sim *sim, struct sim_ack *ack) {
    sim->judge.lies_n++;
    ack->epoch = chance(sim, 300) ? pick(sim, 6) : ack->epoch;
    ack->open = chance(sim, 800);
    ack->ours = chance(sim, 800);
    ack->caught_up = true;
}

static void forge_command(struct sim *sim, uint8_t m) {
    const struct core *core = &sim->members[m].core;
    struct sim_message message = {.kind = MSG_COMMAND, .from = m};
    const struct execution *execution = &core->executions[pick(sim, EXECUTIONS_MAX)];
    message.command.execution = execution->id != 0 ? execution->id : 1 + pick(sim, 4);
    message.command.epoch = core->epoch + pick(sim, 2);
    message.command.step = (uint8_t)pick(sim, 4);
    message.command.attempt = (uint16_t)(1 + pick(sim, 3));
    message.command.agent = (uint8_t)pick(sim, sim->hosts_n);
    message.command.action = chance(sim, 500) ? ACTION_REDIS_PROMOTE : ACTION_DNS_UPDATE;
    message.to = (uint8_t)(AGENT_FIRST + message.command.agent);
    net_send(sim, &message);
}

static void forge_fact(struct sim *sim, uint8_t m) {
    const struct core *core = &sim->members[m].core;
    struct event event = {.kind = chance(sim, 500) ? EVENT_CLOSE : EVENT_OPEN};
    uint64_t epoch = core->epoch + pick(sim, 2);
    if (event.kind == EVENT_CLOSE) {
        event.close.epoch = epoch;
        event.close.why = (uint8_t)(1 + pick(sim, 3));
    } else {
        event.open.epoch = epoch;
        event.open.region = chance(sim, 500) ? REGION_P : REGION_D;
    }
    struct fact_key key = {event.kind, epoch, rng_next(&sim->rng), 1};
    propose_event(sim, m, &key, &event);
}

void liar_tick(struct sim *sim, uint8_t m) {
    if (chance(sim, FORGED_PERMILLE)) {
        sim->judge.lies_n++;
        forge_command(sim, m);
    }
    if (chance(sim, FORGED_PERMILLE / 4)) {
        sim->judge.lies_n++;
        forge_fact(sim, m);
    }
}
