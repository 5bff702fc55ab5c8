/* The gates before an automatic failover, one at a time always passing, the two signals one at a
 * time believed, and one person taken for two. The linker puts these between the files of the core
 * (--wrap); the core itself is what ships. */
#include "coordinator/core/commander.h"
#include "runs.h"

bool __real_passes_own_approval(const struct context *context);
bool __wrap_passes_own_approval(const struct context *context);

bool __real_gates_read(const struct core *core, const struct topology *topology,
                       struct gate_reading ret_gates[GATES_N], uint8_t *ret_target);
bool __wrap_gates_read(const struct core *core, const struct topology *topology,
                       struct gate_reading ret_gates[GATES_N], uint8_t *ret_target);
struct region_verdict __real_verdict_of(const struct core *core, const struct topology *topology,
                                        uint8_t region);
struct region_verdict __wrap_verdict_of(const struct core *core, const struct topology *topology,
                                        uint8_t region);

/* The gates that a mutant holds open, as a set. */
static const uint64_t gates_open[MUTANTS_N] = {
    [MUTANT_GATE_AUTOMATIC] = UINT64_C(1) << GATE_AUTOMATIC_,
    [MUTANT_GATE_NOT_HELD] = UINT64_C(1) << GATE_NOT_HELD_,
    [MUTANT_GATE_LATCH] = UINT64_C(1) << GATE_LATCH_,
    [MUTANT_GATE_BLOCK] = UINT64_C(1) << GATE_BLOCK_,
    [MUTANT_GATE_IDLE] = UINT64_C(1) << GATE_IDLE_,
    [MUTANT_GATE_SETTLED] = UINT64_C(1) << GATE_SETTLED_,
    [MUTANT_GATE_ATTEST] = UINT64_C(1) << GATE_ATTEST_,
    [MUTANT_GATE_HOLD_DOWN] = UINT64_C(1) << GATE_HOLD_DOWN_,
    [MUTANT_GATE_STANDBY] = UINT64_C(1) << GATE_STANDBY_,
    [MUTANT_GATE_RPO] = UINT64_C(1) << GATE_RPO_,
    [MUTANT_OWN_VOICE_ALONE] = UINT64_C(1) << GATE_ATTEST_,
    [MUTANT_OUTSIDE_ALONE] = UINT64_C(1) << GATE_ATTEST_ | UINT64_C(1) << GATE_OWN_VOICE_,
};

bool __wrap_gates_read(const struct core *core, const struct topology *topology,
                       struct gate_reading ret_gates[GATES_N], uint8_t *ret_target) {
    bool all = __real_gates_read(core, topology, ret_gates, ret_target);
    uint64_t opened = gates_open[sim_world.mutant];
    if (opened == 0) {
        return all;
    }
    all = core->open != 0 && *ret_target != NONE;
    for (unsigned g = 0; g < GATES_N; g++) {
        ret_gates[g].passes = ret_gates[g].passes || bits_has(opened, g);
        all = all && ret_gates[g].passes;
    }
    return all;
}

struct region_verdict __wrap_verdict_of(const struct core *core, const struct topology *topology,
                                        uint8_t region) {
    struct region_verdict verdict = __real_verdict_of(core, topology, region);
    bool silent = verdict.agents_n > 0 && verdict.heard_n == 0;
    bool bad = verdict.outside_bad_n > verdict.outside_ok_n;
    if (sim_world.mutant == MUTANT_OWN_VOICE_ALONE && silent) {
        verdict.class = CLASS_DARK;
    }
    if (sim_world.mutant == MUTANT_OUTSIDE_ALONE && bad) {
        verdict.class = CLASS_DARK;
    }
    return verdict;
}

bool __wrap_passes_own_approval(const struct context *context) {
    return sim_world.mutant != MUTANT_OWN_APPROVAL && __real_passes_own_approval(context);
}
