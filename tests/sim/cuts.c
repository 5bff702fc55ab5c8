/* The world with P serving is made once and copied for every cut; the cut comes at a moment of its
 * own and stays. Then: never two writers, the end the oracle says, and nothing moves any more. */
#include "cuts.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "runs.h"
#include "workers.h"

#define WARM_UP_US 4000000     /* P serves, members and agents know each other */
#define MOMENTS_US 500000      /* the cut comes within a renewal after that */
#define SETTLED_BY_US 15000000 /* from the cut on: so long until nothing may move any more */
#define STILL_US 3000000       /* and so long it is watched not moving */

static struct sim warm;
static uint32_t warm_slots_n;

/* --------------------------------------------------------------- the world */

static bool fits(const struct sim *sim) {
    const struct topology *topology = sim->topology;
    const struct step *verify = &topology->plans[PLAN_FAILOVER].steps[3];
    return sim->members_n == 3 && sim->hosts_n == 3 &&
           topology->lease.on_quorum_loss == QUORUM_LOSS_FAILSAFE && topology->policy.automatic &&
           !topology->policy.rearm_needed && topology->policy.hold_down_ms == 1000 &&
           verify->approval == NONE;
}

static void run_until(uint64_t until_us) {
    while (world_next(&sim_world, until_us)) {
    }
    if (!sim_world.judge.failed) {
        sim_world.now_us = until_us;
    }
}

/* Two regions of one host each: the first seed that drew such a world. */
static void make_warm(uint64_t from) {
    for (uint64_t seed = from; seed < from + 1000; seed++) {
        world_start(&sim_world, world_make(), seed, MUTANT_NONE_, false);
        if (fits(&sim_world)) {
            break;
        }
    }
    ensure(fits(&sim_world));
    memset(&sim_world.weather, 0, sizeof sim_world.weather);
    sim_world.weather.cuts_are_tight = true;
    run_until(WARM_UP_US);
    ensure(!sim_world.judge.failed && gate_is_open(&sim_world, 0));
    memcpy(&warm, &sim_world, sizeof warm);
    warm_slots_n = 0;
    for (uint32_t i = 0; i < warm.heap_n; i++) {
        uint32_t slots_n = warm.heap[i] + 1;
        warm_slots_n = slots_n > warm_slots_n ? slots_n : warm_slots_n;
    }
}

/* Only what the counts cover is meant. */
static void copy_warm(void) {
    struct sim *sim = &sim_world;
    memcpy(sim, &warm, offsetof(struct sim, heap));
    memcpy(sim->heap, warm.heap, sizeof warm.heap[0] * warm.heap_n);
    memcpy(sim->free_slots, warm.free_slots, sizeof warm.free_slots);
    memcpy(sim->events, warm.events, sizeof warm.events[0] * warm_slots_n);
    memcpy(sim->facts, warm.facts, sizeof warm.facts[0] * warm.engine.facts_n);
}

/* ------------------------------------------------------------------ a cut */

/* Hosts are P, D and the vantage, in this order. */
static uint64_t places_of(unsigned actor) {
    uint64_t vantage = actor == ACTOR_MEMBER ? bit(HOST_FIRST + 2) : 0;
    return actor < ACTOR_MEMBER ? bit(HOST_FIRST + actor) : bit(actor - ACTOR_MEMBER) | vantage;
}

static void apply_cut(const struct cut *cut) {
    struct sim *sim = &sim_world;
    uint8_t log_members = cut_log_members(cut);
    for (unsigned a = 0; a < ACTORS_N; a++) {
        for (unsigned b = 0; b < ACTORS_N; b++) {
            if (!cut->reaches[a][b]) {
                net_cut(sim, places_of(a), places_of(b), UINT64_MAX, true);
            }
        }
    }
    for (unsigned m = 0; m < sim->members_n; m++) {
        if (((unsigned)log_members >> m & 1u) == 0) {
            net_cut(sim, bit(m), bit(ENGINE_PLACE), UINT64_MAX, false);
        }
    }
}

static enum cut_end end_now(void) {
    return gate_is_open(&sim_world, 0) ? END_P : gate_is_open(&sim_world, 1) ? END_D : END_NOBODY;
}

/* Watches: the end must stay what it is. */
static void watch_still(enum cut_end expected, uint64_t until_us) {
    while (!sim_world.judge.failed && sim_world.now_us < until_us) {
        run_until(sim_world.now_us + 50000);
        if (!sim_world.judge.failed && end_now() != expected) {
            judge_fail(&sim_world, "end", "expected \"%s\", and it is \"%s\"",
                       cut_end_text(expected), cut_end_text(end_now()));
        }
    }
}

/* Nobody serves: of the members that have the log the first one says why; "" when it cannot. */
static const char *named_reason(const struct cut *cut) {
    uint8_t log_members = cut_log_members(cut);
    if (log_members == 0) {
        return "the log has no majority of its members";
    }
    unsigned m = 0;
    while (((unsigned)log_members >> m & 1u) == 0) {
        m++;
    }
    const struct core *core = &sim_world.members[m].core;
    for (unsigned i = 0; i < EXECUTIONS_MAX; i++) {
        const struct execution *execution = &core->executions[i];
        bool runs = !execution_finished(execution);
        if (runs && execution->paused != PAUSE_NO) {
            return pause_text((enum pause_why)execution->paused);
        }
        if (runs) {
            return "an execution waits for the region that it gave the lease to";
        }
    }
    struct gate_reading gates[GATES_N];
    uint8_t target = NONE;
    (void)gates_read(core, sim_world.topology, gates, &target);
    for (unsigned g = 0; g < GATES_N; g++) {
        if (!gates[g].passes) {
            return gate_text((enum gate)g);
        }
    }
    return "";
}

struct cut_run {
    uint32_t index;
    enum mutant mutant;
    bool trace;
    const char **ret_reason;
};

static void run_plainly(const void *owner) {
    const struct cut_run *run = owner;
    struct cut cut = cut_of(run->index);
    enum cut_end expected = cut_expected(&cut);
    copy_warm();
    sim_world.trace = run->trace;
    sim_world.mutant = (uint8_t)run->mutant;
    sim_world.seed = run->index;
    rng_seed(&sim_world.rng, run->index);
    *run->ret_reason = "";
    run_until(WARM_UP_US + pick(&sim_world, MOMENTS_US));
    apply_cut(&cut);
    uint64_t settled_us = sim_world.now_us + SETTLED_BY_US;
    bool of_moments = cut_is_of_moments(&cut);
    while ((of_moments || (expected != END_P && end_now() != expected)) &&
           sim_world.now_us < settled_us && !sim_world.judge.failed) {
        run_until(sim_world.now_us + 50000);
    }
    if (of_moments) {
        expected = end_now() == END_D ? END_D : END_NOBODY;
        settled_us += STILL_US;
    }
    /* "Nobody" is also what stands between two that serve: that end is watched to the bound. */
    uint64_t still_us = sim_world.now_us + STILL_US;
    watch_still(expected, expected == END_D ? still_us : settled_us);
    if (expected == END_NOBODY && !sim_world.judge.failed) {
        *run->ret_reason = named_reason(&cut);
        if ((*run->ret_reason)[0] == '\0') {
            judge_fail(&sim_world, "live", "nobody serves, and no reason is named");
        }
    }
}

static const char *run_cut(uint32_t index, enum mutant mutant, bool trace) {
    const char *reason = "";
    struct cut_run run = {index, mutant, trace, &reason};
    run_surviving(run_plainly, &run);
    return reason;
}

static void print_cut(uint32_t index) {
    static const char *const names[ACTORS_N] = {"P", "D", "c1", "c2", "c3"};
    struct cut cut = cut_of(index);
    (void)printf("cut %u: lost are", index);
    for (unsigned a = 0; a < ACTORS_N; a++) {
        for (unsigned b = 0; b < ACTORS_N; b++) {
            if (!cut.reaches[a][b]) {
                (void)printf(" %s>%s", names[a], names[b]);
            }
        }
    }
    (void)printf("; expected: %s\n", cut_end_text(cut_expected(&cut)));
}

int runs_one_cut(const struct options *options) {
    uint32_t index = (uint32_t)options->cut;
    make_warm(options->from);
    print_cut(index);
    const char *reason = run_cut(index, options->mutant, options->trace);
    if (sim_world.judge.failed) {
        (void)printf("broke %s: %s\n", sim_world.judge.rule, sim_world.judge.what);
    } else {
        (void)printf("%s%s%s\n", cut_end_text(end_now()), reason[0] == '\0' ? "" : ": ", reason);
    }
    return sim_world.judge.failed != (options->mutant != MUTANT_NONE_);
}

/* --------------------------------------------------------------- many cuts */

#define REASONS_MAX 24

struct cut_totals {
    uint64_t cuts_n, broken_n, of_moments_n, cpu_ms, ends[CUT_ENDS_N], virtual_us;
    uint32_t first_broken;
    const char *reasons[REASONS_MAX]; /* string constants: the same in every worker */
    uint64_t reasons_n[REASONS_MAX];
};

struct cut_share {
    const struct options *options;
    struct cut_totals *totals; /* one a worker */
};

static void count_reason(struct cut_totals *totals, const char *reason, uint64_t n) {
    for (unsigned i = 0; i < REASONS_MAX && reason[0] != '\0'; i++) {
        if (totals->reasons[i] == NULL || text_equal(totals->reasons[i], reason)) {
            totals->reasons[i] = reason;
            totals->reasons_n[i] += n;
            return;
        }
    }
}

static void run_share(unsigned worker, unsigned workers_n, void *owner) {
    struct cut_share *share = owner;
    struct cut_totals *totals = &share->totals[worker];
    bool all = share->options->cuts_n == UINT64_MAX;
    uint64_t cuts_n = all ? CUTS_N : share->options->cuts_n;
    struct rng rng;
    rng_seed(&rng, share->options->from);
    for (uint64_t i = 0; i < cuts_n; i++) {
        uint32_t index = all ? (uint32_t)i : (uint32_t)rng_below(&rng, CUTS_N);
        if (i % workers_n != worker) {
            continue;
        }
        const char *reason = run_cut(index, share->options->mutant, false);
        struct cut cut = cut_of(index);
        totals->cuts_n++;
        totals->ends[end_now()]++;
        totals->of_moments_n += cut_is_of_moments(&cut);
        totals->virtual_us += sim_world.now_us - WARM_UP_US;
        totals->cpu_ms = workers_cpu_ms();
        count_reason(totals, reason, 1);
        if (sim_world.judge.failed) {
            totals->first_broken = totals->broken_n == 0 ? index : totals->first_broken;
            totals->broken_n++;
        }
    }
}

static void add_totals(struct cut_totals *sum, const struct cut_totals *part) {
    if (part->broken_n > 0 && (sum->broken_n == 0 || part->first_broken < sum->first_broken)) {
        sum->first_broken = part->first_broken;
    }
    sum->cuts_n += part->cuts_n;
    sum->broken_n += part->broken_n;
    sum->of_moments_n += part->of_moments_n;
    sum->cpu_ms += part->cpu_ms;
    sum->virtual_us += part->virtual_us;
    for (unsigned e = 0; e < CUT_ENDS_N; e++) {
        sum->ends[e] += part->ends[e];
    }
    for (unsigned r = 0; r < REASONS_MAX && part->reasons[r] != NULL; r++) {
        count_reason(sum, part->reasons[r], part->reasons_n[r]);
    }
}

static void print_totals(const struct cut_totals *sum, enum mutant mutant, uint64_t wall_ms) {
    for (unsigned e = 0; e < CUT_ENDS_N; e++) {
        (void)printf("  %7llu %s\n", (unsigned long long)sum->ends[e],
                     cut_end_text((enum cut_end)e));
    }
    for (unsigned r = 0; r < REASONS_MAX && sum->reasons[r] != NULL; r++) {
        (void)printf("  %7llu   %s\n", (unsigned long long)sum->reasons_n[r], sum->reasons[r]);
    }
    (void)printf("  %7llu of them a matter of moments: one-way relays\n",
                 (unsigned long long)sum->of_moments_n);
    if (sum->broken_n > 0) {
        print_cut(sum->first_broken);
        (void)run_cut(sum->first_broken, mutant, false);
        (void)printf("  broke %s: %s\n  again: drover-sim --cut %u --trace\n", sim_world.judge.rule,
                     sim_world.judge.what, sum->first_broken);
    }
    uint64_t cpu_ms = sum->cpu_ms == 0 ? 1 : sum->cpu_ms;
    (void)printf("%llu of %u cuts, %llu s of virtual time, %llu broke a rule; %llu cuts a CPU "
                 "second, %llu s\n",
                 (unsigned long long)sum->cuts_n, CUTS_N,
                 (unsigned long long)(sum->virtual_us / 1000000), (unsigned long long)sum->broken_n,
                 (unsigned long long)(sum->cuts_n * 1000 / cpu_ms),
                 (unsigned long long)(wall_ms / 1000));
}

int runs_cuts(const struct options *options) {
    unsigned workers_n = (unsigned)options->workers_n;
    struct cut_share share = {options, workers_share(sizeof(struct cut_totals) * WORKERS_MAX)};
    struct cut_totals sum = {0};
    uint64_t started_ms = workers_wall_ms();
    make_warm(1);
    bool ok = workers_run(workers_n, run_share, &share);
    for (unsigned i = 0; i < workers_n; i++) {
        add_totals(&sum, &share.totals[i]);
    }
    print_totals(&sum, options->mutant, workers_wall_ms() - started_ms);
    if (!ok) {
        (void)printf("a worker died\n");
    }
    return !ok || (sum.broken_n > 0) != (options->mutant != MUTANT_NONE_);
}
