/* status_parts: inside of the status; only status*.c and metrics*.c include this. */
#ifndef DROVER_STATUS_PARTS_H
#define DROVER_STATUS_PARTS_H

#include <jansson.h>

#include "coordinator/member.h"
#include "coordinator/status.h"

struct standings; /* status_needs.h */

/* One question and the object that its answer is put into. */
struct answering {
    struct coordinator *member;
    const struct core *core;
    const struct topology *topology;
    const char *argument;
    uint64_t from;
    uint8_t operator_index;
    uint8_t exit_code;
    json_t *json;
    const struct standings *standings; /* read when first asked for */
};

/* All take over what they are given and do nothing with NULL objects: memory that ran out shows at
 * the end, as a NULL text. */
void put_text(json_t *object, const char *key, const char *text);
void put_number(json_t *object, const char *key, int64_t number);
void put_count(json_t *object, const char *key, uint64_t number);
void put_yes(json_t *object, const char *key, bool yes);
void put_object(json_t *object, const char *key, json_t *value);
void put_null(json_t *object, const char *key);
/* KEY: "2026-..Z" and KEY_ms: number; both null for 0. */
void put_wall(json_t *object, const char *key, uint64_t wall_ms);
json_t *list_add(json_t *list); /* a new object at its end */
void list_say(json_t *list, const char *format, ...) __attribute__((format(printf, 2, 3)));

const char *name_region(const struct topology *topology, uint8_t region); /* "" for NONE */
const char *name_agent(const struct topology *topology, uint8_t agent);
const char *name_operator(const struct topology *topology, uint8_t index);
const char *name_component(const struct topology *topology, uint8_t component);
const char *text_check_status(uint8_t status);
const char *text_store_role(uint8_t role);
const char *text_gate(uint8_t gate);

/* Core time as wall time, counted back from the newest TICK; 0 stays 0. */
uint64_t wall_of(const struct core *core, uint64_t core_ms);
/* ms since a moment of the core; 0 when it lies ahead. */
uint64_t core_since(const struct core *core, uint64_t core_ms);
/* The running execution, or the newest one, or NULL. */
const struct execution *execution_newest(const struct core *core);
bool execution_runs(const struct execution *execution);
/* The live report of this agent, when it is of the topology in force; else NULL. */
const struct report *report_of(const struct coordinator *member, uint8_t agent);
uint64_t heard_ago_ms(const struct coordinator *member, uint8_t agent); /* UINT64_MAX: never */

/* The policy of that version of the topology; its "document" is null when another one is in force:
 * the timeline has it. */
json_t *policy_object(const struct answering *answering, uint32_t version);

/* One part each; they fill answering->json. */
void status_answer(struct answering *answering);  /* status.c */
void explain_answer(struct answering *answering); /* status_explain.c */
/* The data region that does not own the newest epoch; "" when there is none. */
const char *standby_name(const struct answering *answering);
json_t *explain_gates(struct answering *answering, bool *ret_all, uint8_t *ret_target);
json_t *explain_next_act(struct answering *answering);
uint64_t region_age_ms(const struct answering *answering, uint8_t region,
                       const struct region_verdict *verdict);
json_t *verdict_object(const struct answering *answering, uint8_t region); /* status_verdict.c */
/* "says", "age_ms", "margin_ms": whose word the gate rests on, and how old it is; null: no age. */
void put_gate_source(const struct answering *answering, json_t *object, enum gate gate,
                     const struct gate_reading *reading);
void regions_answer(struct answering *answering); /* status_world.c */
void components_answer(struct answering *answering);
void links_answer(struct answering *answering);
void agents_answer(struct answering *answering);
json_t *regions_list(struct answering *answering);
json_t *links_list(struct answering *answering);
/* Links whose bearable loss is nearly used up, passed, or not known. */
json_t *rpo_alarms_list(const struct answering *answering);
/* What that report says of a check; NULL: nothing, or there is no report. */
const struct check_report *check_report_of(const struct report *report, uint8_t check);
/* PostgreSQL's servers in drawing order, each with its depth (status_tree.c). */
json_t *trees_list(struct answering *answering);
json_t *component_object(struct answering *answering, uint8_t endpoint);
/* Elections of that component inside that region: what runs, the last ones, their figures; null for
 * a kind that has none (status_elections.c). */
json_t *elections_object(const struct answering *answering, uint8_t region, uint8_t component);
/* What runs now, and the last one of a component when it took longer than declared. */
json_t *election_alarms_list(const struct answering *answering);
void members_answer(struct answering *answering); /* status_members.c */
void keys_answer(struct answering *answering);    /* status_keys.c */
void rules_answer(struct answering *answering);
void config_answer(struct answering *answering);
void whoami_answer(struct answering *answering);
json_t *members_list(struct answering *answering);
void executions_answer(struct answering *answering); /* status_executions.c */
json_t *execution_object(struct answering *answering, const struct execution *execution);
void preview_answer(struct answering *answering); /* status_preview.c */
/* What is at stake beside the loss when `region` takes over, or is made to follow; does the plan
 * move the link's store: a guarded one, or one that a step acts on (status_stakes.c). */
json_t *stakes_object(const struct answering *answering, uint8_t plan, uint8_t region);
bool stakes_link(const struct answering *answering, uint8_t plan, uint8_t link);
/* Of an execution whose plan is in force: each tier's time, used and left (status_rto.c). */
json_t *rto_list(const struct answering *answering, const struct execution *execution);
/* Each step that is left, in the order in which they end at the latest (status_rto.c). */
json_t *forecast_list(const struct answering *answering, const struct execution *execution);
/* After the last step: whether every service check of what the plan moved is green, by the newest
 * reports; null while it runs, of an older execution, or when nothing looks (status_services.c). */
json_t *services_object(const struct answering *answering, const struct execution *execution);
/* One object a tier that declares an objective: its time and its losses, each against what was
 * promised. `losses`: the report's list. Empty when the plan's tiers are not known
 * (status_tiers.c). */
json_t *tiers_list(const struct answering *answering, const struct execution *execution,
                   const json_t *losses, bool *ret_all_met);
void waits_say(struct answering *answering, json_t *waits, char *ret_act, size_t act_size);
void timeline_answer(struct answering *answering);
/* The newest record of the history, or null. */
void put_last_record(struct answering *answering); /* status_report.c */
/* What its action said when that step failed last, as far as the newest records tell; else "". */
void step_words(struct answering *answering, uint64_t execution, const char *step, char *ret_words,
                size_t words_size); /* status_report.c */
void report_answer(struct answering *answering);
/* What each link lost at the execution's close, as the history has it; empty before. */
json_t *losses_list(struct answering *answering, const struct execution *execution);
void plan_history_answer(struct answering *answering); /* status_past.c */
void backups_answer(struct answering *answering);      /* status_backups.c */
void readiness_answer(struct answering *answering);    /* status_readiness.c */

/* The strictest declared recovery time; the bearable loss of a link, its own or its tier's; 0: none
 * is declared. */
uint64_t objective_rto_ms(const struct topology *topology); /* status_report.c */
uint64_t objective_rpo_ms(const struct topology *topology, uint8_t link);

/* From the best to the worst: a backup is as its worst check. What nobody knows is not met. */
enum backup_state {
    BACKUP_MET = 0,
    BACKUP_WARN,
    BACKUP_UNKNOWN,
    BACKUP_FAILED,
    BACKUP_UNCHECKED,
    BACKUP_STATES_N
};
const char *backup_state_text(enum backup_state state); /* status_backups.c */
/* *ret_age_s: the oldest age that a check of it tells; -1: none does. */
enum backup_state backup_state_of(const struct coordinator *member, uint8_t backup,
                                  int64_t *ret_age_s);

/* "error" and exit code 2. */
void answer_wrong(struct answering *answering, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
