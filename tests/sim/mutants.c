/* Rules that can be broken on purpose, to see the judge notice. Each is a switch in the mirrored
 * shells, a hand in a core's struct, or a gate read otherwise: the cores themselves are what
 * ships. */
#include <stdio.h>

#include "runs.h"
#include "workers.h"

static const struct {
    const char *option, *text;
} rows[MUTANTS_N] = {
#define MUTANT_ROW(name, option, text) {option, text},
    MUTANT_LIST(MUTANT_ROW)
#undef MUTANT_ROW
};

const char *mutant_option(enum mutant mutant) {
    ensure(mutant < MUTANTS_N);
    return rows[mutant].option;
}

const char *mutant_text(enum mutant mutant) {
    ensure(mutant < MUTANTS_N);
    return rows[mutant].text;
}

enum mutant mutant_find(const char *option) {
    for (unsigned i = 0; i < MUTANTS_N; i++) {
        if (text_equal(rows[i].option, option)) {
            return (enum mutant)i;
        }
    }
    return MUTANTS_N;
}

/* What yields is called otherwise. */
static void drills_stay(struct core *core) {
    for (unsigned i = 0; i < EXECUTIONS_MAX; i++) {
        if (execution_yields(&core->executions[i])) {
            core->executions[i].kind = PLAN_REPROTECT;
        }
    }
}

struct verdict mutant_step(struct sim *sim, uint8_t m, const struct event *event) {
    struct core *core = &sim->members[m].core;
    struct verdict verdict = core_step(core, member_topology(sim, m), event);
    if (mutant_is(sim, MUTANT_DRILL_KEEPS)) {
        drills_stay(core);
    }
    return verdict;
}

/* ------------------------------------------------------------- all of them */

struct hunt {
    uint64_t seeds_n, cpu_ms;
    bool found;
    char rule[16];
};

struct hunts {
    const struct options *options;
    struct hunt *each; /* by mutant, shared */
};

static void hunt(const struct options *options, enum mutant mutant, struct hunt *ret_hunt) {
    uint64_t started_ms = workers_cpu_ms();
    while (ret_hunt->seeds_n < options->seeds_n && !ret_hunt->found) {
        run_world(options->from + ret_hunt->seeds_n, mutant, false);
        ret_hunt->seeds_n++;
        ret_hunt->found = sim_world.judge.failed;
    }
    ret_hunt->cpu_ms = workers_cpu_ms() - started_ms;
    (void)text_copy(ret_hunt->rule, sizeof ret_hunt->rule, sim_world.judge.rule);
}

static void hunt_share(unsigned worker, unsigned workers_n, void *owner) {
    struct hunts *hunts = owner;
    for (unsigned m = 1 + worker; m < MUTANTS_N; m += workers_n) {
        hunt(hunts->options, (enum mutant)m, &hunts->each[m]);
    }
}

int runs_mutants(const struct options *options) {
    struct hunts hunts = {options, workers_share(sizeof(struct hunt) * MUTANTS_N)};
    bool ok = workers_run((unsigned)options->workers_n, hunt_share, &hunts);
    for (unsigned m = 1; m < MUTANTS_N; m++) {
        const struct hunt *each = &hunts.each[m];
        (void)printf(
            "%-24s %s after %5llu seeds, %3llu.%02llu CPU s, by %-6s run-time switch: %s\n",
            mutant_option((enum mutant)m), each->found ? "found " : "MISSED",
            (unsigned long long)each->seeds_n, (unsigned long long)(each->cpu_ms / 1000),
            (unsigned long long)(each->cpu_ms % 1000 / 10), each->found ? each->rule : "nobody",
            mutant_text((enum mutant)m));
        ok = ok && each->found;
    }
    return !ok;
}

int runs_list_mutants(void) {
    for (unsigned m = 1; m < MUTANTS_N; m++) {
        (void)printf("%-24s %s\n", mutant_option((enum mutant)m), mutant_text((enum mutant)m));
    }
    return 0;
}
