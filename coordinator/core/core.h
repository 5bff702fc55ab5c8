/* core: the decisions. Facts go in as events; wishes are read off the state.
 *
 * core_step() applies one fact; core_wants() says what should be in flight because of it.
 * Nothing is emitted, so nothing is lost when a process dies, and sending again is normal. No
 * clock: time is what TICK facts say. The topology is read for its numbers only.
 *
 * Read next: rules.c (the whole behaviour as one table), plan.c, verdict.c, gates.c. */
#ifndef DROVER_CORE_H
#define DROVER_CORE_H

#include <stdbool.h>

#include "coordinator/core/attest.h"
#include "coordinator/core/seen.h"
#include "coordinator/core/state.h"

#define EVENT_KIND_LIST(X)                                                                         \
    X(CONFIG, "config")                                                                            \
    X(TIMEKEEPER, "timekeeper")                                                                    \
    X(TICK, "tick")                                                                                \
    X(VIEW, "view")                                                                                \
    X(REPORT, "report")                                                                            \
    X(LAG, "lag")                                                                                  \
    X(OPEN, "open")                                                                                \
    X(CLOSE, "close")                                                                              \
    X(OUTCOME, "outcome")                                                                          \
    X(REQUEST, "request")

enum event_kind {
#define EVENT_ENUM(name, text) EVENT_##name,
    EVENT_KIND_LIST(EVENT_ENUM)
#undef EVENT_ENUM
        EVENT_KINDS_N
};

struct event_report {
    uint8_t agent;
    uint64_t boot, seq;
    uint32_t config_version;
    uint64_t guard_epoch, fenced_epoch, promised_epoch;
    uint8_t gate, leased, guard_present;
    uint16_t checks_n;
    struct {
        uint16_t check;
        uint8_t status, role, writable;
    } checks[CHECKS_MAX];
};

struct event_request {
    uint8_t kind; /* enum request_kind; its operator's role was checked by the shell */
    uint8_t operator_index;
    uint8_t role;
    uint8_t identity[NONCE_SIZE];
    uint8_t plan_kind, plan; /* DECLARE; plan NONE: the first of its kind */
    uint8_t region;
    uint8_t step;
    uint8_t to; /* COMMAND_HANDOVER: operator index, or NONE */
    uint64_t execution;
    uint64_t epoch; /* the epoch the operator saw; 0: any */
    uint32_t for_ms;
    uint8_t seen[SEEN_SIZE]; /* DECLARE, APPROVE: what the operator saw; zeros: not bound */
};

struct event {
    uint8_t kind;   /* enum event_kind */
    uint64_t index; /* in the log */
    /* By the clock of the member that appended it; 0: not told. It says how old the newest TICK may
     * be, and up to when a TIMEKEEPER told the time; it moves no core time. */
    uint64_t wall_ms;
    union {
        struct {
            uint32_t version; /* the topology given to core_step is already the new one */
        } config;
        struct {
            uint8_t member;
            uint64_t term;   /* must be keeper_term + 1 */
            uint32_t gap_ms; /* since that member applied a TICK; UINT32_MAX: it saw none */
        } timekeeper;
        struct {
            uint8_t member;
            uint32_t elapsed_ms; /* since the TICK before, on the timekeeper's own clock */
            uint64_t wall_ms;
        } tick;
        struct {
            uint8_t member;
            uint8_t attesting;           /* as in member_view */
            uint64_t heard;              /* agents heard within silent_ms */
            uint32_t ago_ms[AGENTS_MAX]; /* since each agent was last heard, capped */
        } view;
        struct event_report report;
        struct {
            uint8_t link, known;
            uint32_t lag_ms;
            uint64_t lag_bytes;
            uint64_t
                epoch; /* the newest that its member knew of: another OPEN turns the link round */
        } lag;
        struct {
            uint64_t epoch;
            uint8_t region;
        } open;
        struct {
            uint64_t epoch;
            uint8_t why; /* enum close_why */
        } close;
        struct {
            uint8_t agent, step, state, err, observed, undo;
            uint16_t attempt;
            uint32_t took_ms;
            uint64_t execution, position;
        } outcome;
        struct event_request request;
    };
};

/* Core time never jumps: of a longer pause this much counts, and automation settles again. */
#define TICK_ELAPSED_MAX_MS 5000

enum result { RESULT_APPLIED = 0, RESULT_NOTHING = 1, RESULT_STALE = 2, RESULT_REFUSED = 3 };

/* What came of an event: for logs, audit and the answer to an operator. */
struct verdict {
    uint8_t result;     /* enum result */
    uint16_t rule;      /* number of the rule that fired; 0: none */
    uint64_t execution; /* concerned, or 0 */
};

void core_init(struct core *core);

/* Applies one event. Deterministic; asserts the invariants before and after. */
struct verdict core_step(struct core *core, const struct topology *topology,
                         const struct event *event);

/* Would this CLOSE be accepted now? Asked before its note is made durable: a member must not
 * durably close an epoch over a fact that the rules refuse. */
bool core_accepts_close(const struct core *core, const struct topology *topology, uint64_t epoch);

/* The number of the topology that comes into force next. A log that is begun anew leaps with its
 * first epoch, or the agents would keep the lost log's newest topology. */
uint32_t core_next_version(const struct core *core, const struct topology *next);

/* ------------------------------------------------------------------ wishes */

struct want_command {
    uint8_t execution_slot, step, agent, region, peer_region;
    uint8_t action; /* enum action_kind: of the step, or of its undoing */
    uint16_t attempt;
    uint8_t undo, graceful;
    uint8_t needs_lease; /* opens a store: attested and run only under its region's lease */
    uint64_t execution, epoch;
    uint64_t position; /* handed on by an earlier hand-off of the same component; 0: none */
};

#define WANT_COMMANDS_MAX STEPS_MAX

struct wants {
    bool open;  /* append OPEN(open_epoch, open_region) */
    bool close; /* append CLOSE(close_epoch, close_why) */
    uint64_t open_epoch, close_epoch;
    uint8_t open_region, close_why;
    uint32_t tick_in_ms; /* the next TICK is needed no later than this after the last one */
    uint8_t commands_n;
    struct want_command commands[WANT_COMMANDS_MAX];
};

void core_wants(const struct core *core, const struct topology *topology, struct wants *ret_wants);

/* Who has command is given this long to answer before somebody else may take it. */
#define COMMAND_ANSWER_MS 60000

/* Who has command of it: an operator's index, or NONE. */
uint8_t execution_commander(const struct execution *execution);
/* The step at work (or a person at it) that holds a lock which `step` needs; NONE: it is free. */
uint8_t execution_lock_holder(const struct execution *execution, const struct plan *plan,
                              uint8_t step);

bool execution_finished(const struct execution *execution);

/* Nothing more is to be done of it: also when it failed and may. */
bool step_finished(const struct step_state *state, const struct step *step);

/* The execution of that number, while it is among those that are kept; NULL. */
const struct execution *core_execution(const struct core *core, uint64_t id);

/* The default plan of a kind, its first; NONE. */
uint8_t plan_of_kind(const struct topology *topology, enum plan_kind kind);

/* It hands over before the fence, so that nothing is lost. */
bool execution_is_graceful(const struct execution *execution);

/* Behind its point of no return, and waiting for people: it cannot be abandoned, and when the
 * region that it moved to dies it may never end. A person declaring a failover supersedes it. */
bool execution_stands(const struct execution *execution);

/* A drill or a component's failover: any move of the lease interrupts it. */
bool execution_yields(const struct execution *execution);

/* Does this execution keep a new topology out? Each that runs does, but one that yields and has
 * nothing at work: that one a new topology ends. */
bool execution_bars_topology(const struct execution *execution);

/* Would this outcome be taken: of the running execution, or of what an interrupted one left at
 * work? The event is of kind OUTCOME. */
bool core_awaits_outcome(const struct core *core, const struct event *event);

struct lease_view core_lease(const struct core *core);

/* True when applying this report would change the core: others are not worth a place in the log. */
bool core_report_is_news(const struct core *core, const struct topology *topology,
                         const struct event_report *report);

/* ---------------------------------------------------------------- verdicts */

#define REGION_CLASS_LIST(X)                                                                       \
    X(UNKNOWN, "unknown", "Nothing was heard of it since the topology came into force.")           \
    X(WELL, "well",                                                                                \
      "It speaks, its vital checks pass, and nobody who looks from outside sees it fail.")         \
    X(COMPONENT, "component",                                                                      \
      "It speaks; something in it fails or has the wrong role: a matter for the region itself.")   \
    X(SICK, "region-sick",                                                                         \
      "It speaks; most of its vital checks fail, and most of those who look see it fail.")         \
    X(DARK, "region-dark", "It is silent, and most of those who look from outside see it fail.")   \
    X(ISOLATED, "region-isolated-but-serving",                                                     \
      "It is silent and not seen from the monitoring region; another region sees it serve.")       \
    X(MONITORING_ISOLATED, "monitoring-isolated",                                                  \
      "No data region is heard or seen: it is the monitoring region that is cut off.")             \
    X(LINK_ONLY, "link-only", "It is well; whoever does not see it is kept from it by a link.")    \
    X(STALE, "stale",                                                                              \
      "What is known of it is old, as agents are silent or checks late; nothing says it is lost.")

enum region_class {
#define CLASS_ENUM(name, text, sentence) CLASS_##name,
    REGION_CLASS_LIST(CLASS_ENUM)
#undef CLASS_ENUM
        CLASSES_N
};

/* The two independent signals about one region, counted. A vantage is a whole region: its agents
 * share their way to the others. */
struct region_verdict {
    uint8_t class;                                  /* enum region_class */
    uint8_t agents_n, heard_n, heard_ever;          /* its own voice */
    uint8_t outside_n, outside_bad_n, outside_ok_n; /* (check, agent) pairs with an opinion */
    uint8_t vantages_bad_n, vantages_ok_n;          /* by most of their opinions */
    uint8_t vantages_hurt_n; /* of them something failed, and it is not the link's fault */
    uint8_t links_bad_n;     /* they are blind to it, and that is put down to the link */
    uint8_t monitoring_sees, monitoring_blind; /* as seen from where the members are */
    uint8_t vital_n, vital_bad_n;              /* its own vital checks, of agents that are heard */
    uint8_t vital_stale_n;                     /* of which nothing fresh is known */
    uint8_t roles_wrong_n;  /* guarded stores: no primary in the active region, or one elsewhere */
    uint64_t last_heard_ms; /* core time of its last sign of life */
};

struct region_verdict verdict_of(const struct core *core, const struct topology *topology,
                                 uint8_t region);

/* Agents that a majority of members hears. */
uint64_t verdict_alive(const struct core *core, const struct topology *topology);

/* ------------------------------------------------------------------- gates */

#define GATE_LIST(X)                                                                               \
    X(AUTOMATIC, "automatic failover is allowed by policy")                                        \
    X(NOT_HELD, "automation is not held")                                                          \
    X(LATCH, "no earlier automatic failover waits for its release")                                \
    X(BLOCK, "the anti-flap block is over")                                                        \
    X(IDLE, "no execution is running")                                                             \
    X(SETTLED, "the members have settled")                                                         \
    X(OWN_VOICE, "the region's own voice is silent")                                               \
    X(OUTSIDE, "the outside view says it does not serve")                                          \
    X(ATTEST, "no member attested its lease lately")                                               \
    X(HOLD_DOWN, "the suspicion lasted for the hold-down")                                         \
    X(STANDBY, "the standby region is ready")                                                      \
    X(RPO, "the loss is known and within the objective")                                           \
    X(GUARDED, "every writer of the region stands behind a guard")

enum gate {
#define GATE_ENUM(name, text) GATE_##name##_,
    GATE_LIST(GATE_ENUM)
#undef GATE_ENUM
        GATES_N
};

struct gate_reading {
    bool passes;
    int64_t value, limit; /* in the gate's unit: ms, counts, 0/1 */
    uint8_t subject;      /* a link, agent or check index that decides; NONE */
    bool unit_ms;
};

/* Every gate before an automatic CLOSE of the newest epoch, in order. Returns true when all pass.
 * *ret_target is the region that would take over, or NONE. */
bool gates_read(const struct core *core, const struct topology *topology,
                struct gate_reading ret_gates[GATES_N], uint8_t *ret_target);
/* What a failover may lose over this link at most; 0: nothing is declared. */
uint64_t link_limit_ms(const struct topology *topology, const struct link *link);
const char *gate_text(enum gate gate);

/* ------------------------------------------------------------------- texts */

const char *phase_text(enum phase phase);
const char *event_text(enum event_kind kind);
const char *stage_text(enum execution_stage stage);
const char *step_phase_text(enum step_phase phase);
const char *pause_text(enum pause_why why);
const char *class_text(enum region_class class);
const char *class_sentence(enum region_class class);
const char *close_why_text(enum close_why why);

/* The table of rules, for `drover rules` and the golden test. */
struct rule_row {
    uint16_t number;
    const char *phases; /* "serving, suspect" */
    const char *event;
    const char *guard; /* name of the guard function, in words */
    const char *next;  /* phase, or "" */
    const char *sentence;
};
unsigned rules_count(void);
struct rule_row rules_row(unsigned index);
const char *rule_sentence(uint16_t number);

#endif
