/* One step: absorb the fact, let at most one rule fire, let the plans advance. And the words
 * for the enumerators of the core. */
#include "coordinator/core/core.h"

#include <string.h>

#include "coordinator/core/absorb.h"
#include "coordinator/core/rules.h"

/* The state is compared and stored byte by byte: a hole in it would hold chance. */
_Static_assert(sizeof(struct step_state) == 8 * 4 + 4 + 2 * 2 + 6 + 2, "step_state has padding");
_Static_assert(sizeof(struct execution) ==
                   8 * 8 + NONCE_SIZE + 12 + 4 + 8 * 2 + 8 + STEPS_MAX * sizeof(struct step_state),
               "execution has padding");
_Static_assert(sizeof(struct agent_view) == 8 * 6 + 4 + 4, "agent_view has padding");
_Static_assert(sizeof(struct check_view) == AGENTS_MAX + 4, "check_view has padding");
_Static_assert(sizeof(struct link_view) == 16, "link_view has padding");
_Static_assert(sizeof(struct member_view) == 8, "member_view has padding");
_Static_assert(sizeof(struct core) ==
                   8 * 16 + 4 + 8 + REGIONS_MAX + MEMBERS_MAX * sizeof(struct member_view) +
                       AGENTS_MAX * sizeof(struct agent_view) +
                       CHECKS_MAX * sizeof(struct check_view) +
                       LINKS_MAX * sizeof(struct link_view) +
                       EXECUTIONS_MAX * sizeof(struct execution) + REQUESTS_MAX * NONCE_SIZE,
               "core has padding");

void core_init(struct core *core) {
    memset(core, 0, sizeof *core);
    core->now_ms = 1; /* in every field that holds core time, 0 is "never" */
    core->timekeeper = NONE;
    core->owner = NONE;
    core->next_owner = NONE;
}

static void check_invariants(const struct core *core, const struct topology *topology) {
    ensure(core->phase < PHASES_N);
    /* I3: one owner an epoch, and phase and lease say the same. */
    ensure((core->phase == PHASE_NEW) == (core->epoch == 0));
    ensure((core->open != 0) == (core->phase == PHASE_SERVING || core->phase == PHASE_SUSPECT));
    ensure(!core->open || core->owner < topology->regions_n);
    unsigned running_n = 0;
    for (unsigned i = 0; i < EXECUTIONS_MAX; i++) {
        running_n += !execution_finished(&core->executions[i]);
    }
    ensure(running_n <= 1);
}

struct verdict core_step(struct core *core, const struct topology *topology,
                         const struct event *event) {
    struct verdict verdict;
    memset(&verdict, 0, sizeof verdict);
    struct context context = {core, topology, event, &verdict};
    uint64_t epoch_before = core->epoch;
    ensure(event->kind < EVENT_KINDS_N);
    if (event->index != 0) {
        ensure(event->index > core->applied_index);
        core->applied_index = event->index;
    }
    if (!absorb(&context)) {
        verdict.result = RESULT_STALE;
        return verdict;
    }
    const struct rule *rule = rule_for(&context);
    if (rule != NULL) {
        verdict.rule = rule->number;
        rule->effect(&context);
        if (rule->next != PHASES_N) {
            core->phase = rule->next;
        }
    }
    if (core->config_version > 0) {
        plan_advance(core, topology, event);
    }
    ensure(core->epoch >= epoch_before); /* I2 */
    check_invariants(core, topology);
    return verdict;
}

uint32_t core_next_version(const struct core *core, const struct topology *next) {
    uint32_t after = core->config_version + 1;
    bool begins = core->epoch == 0 && !next->await_initial_epoch;
    return begins && next->initial_epoch > after ? next->initial_epoch : after;
}

struct lease_view core_lease(const struct core *core) {
    return (struct lease_view){.epoch = core->epoch, .open = core->open != 0, .owner = core->owner};
}

const char *phase_text(enum phase phase) {
    static const char *const texts[PHASES_N] = {"new", "serving", "suspect", "closed"};
    return phase < PHASES_N ? texts[phase] : "?";
}

const char *event_text(enum event_kind kind) {
    static const char *const texts[] = {
#define EVENT_TEXT(name, text) text,
        EVENT_KIND_LIST(EVENT_TEXT)
#undef EVENT_TEXT
    };
    return kind < EVENT_KINDS_N ? texts[kind] : "?";
}

const char *stage_text(enum execution_stage stage) {
    static const char *const texts[] = {
#define STAGE_TEXT(name, text) text,
        EXECUTION_STATE_LIST(STAGE_TEXT)
#undef STAGE_TEXT
    };
    return stage < STAGES_N ? texts[stage] : "?";
}

const char *step_phase_text(enum step_phase phase) {
    static const char *const texts[] = {
#define STEP_TEXT(name, text) text,
        STEP_STATE_LIST(STEP_TEXT)
#undef STEP_TEXT
    };
    return phase < STEP_PHASES_N ? texts[phase] : "?";
}

const char *class_text(enum region_class class) {
    static const char *const texts[] = {
#define CLASS_TEXT(name, text, sentence) text,
        REGION_CLASS_LIST(CLASS_TEXT)
#undef CLASS_TEXT
    };
    return class < CLASSES_N ? texts[class] : "?";
}

const char *class_sentence(enum region_class class) {
    static const char *const sentences[] = {
#define CLASS_SENTENCE(name, text, sentence) sentence,
        REGION_CLASS_LIST(CLASS_SENTENCE)
#undef CLASS_SENTENCE
    };
    return class < CLASSES_N ? sentences[class] : "?";
}

const char *pause_text(enum pause_why why) {
    switch (why) {
    case PAUSE_NO: return "";
    case PAUSE_OPERATOR: return "paused-by-operator";
    case PAUSE_STEP_FAILED: return "paused-by-failed-step";
    case PAUSE_REJECTED: return "approval-declined";
    case PAUSE_NO_AGENT: return "no-agent";
    }
    return "?";
}

const char *close_why_text(enum close_why why) {
    switch (why) {
    case CLOSE_NONE: return "";
    case CLOSE_AUTOMATIC: return "automatic";
    case CLOSE_DECLARED: return "declared";
    case CLOSE_PLANNED: return "planned";
    }
    return "?";
}
