/* What is done and by whom: plans with their steps, operators; and what the documents promise about
 * backups and drills. */
#include <string.h>

#include "common/base/bits.h"
#include "common/base/ensure.h"
#include "common/io/topology_read_parts.h"

#define TEXT_OF(name, text) text,
static const char *const action_kinds[] = {ACTION_KIND_LIST(TEXT_OF) NULL};
static const char *const roles[] = {ROLE_LIST(TEXT_OF) NULL};
#undef TEXT_OF

static const char *const plan_kinds[] = {"failover",  "switchover", "reprotect",
                                         "component", "drill",      NULL};
static const char *const step_modes[] = {"both", "graceful", "ungraceful", NULL};
static const char *const step_places[] = {"target", "source", NULL};

/* ---- steps ---- */

/* A step with the plan around it: `needs` names steps of the same plan. */
struct step_reading {
    struct step step;
    struct plan *plan;
};

static enum err step_at_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct step_reading *reading = base;
    uint8_t place = 0;
    enum err err = conf_choice(conf, at, step_places, &place);
    reading->step.at_source = place == 1;
    return err;
}

static enum err step_needs_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct step_reading *reading = base;
    static const struct conf_names names = {"step of this plan", offsetof(struct plan, steps),
                                            sizeof(struct step), offsetof(struct plan, steps_n)};
    struct conf in_plan = *conf;
    in_plan.context = reading->plan;
    size_t n = 0;
    enum err err = conf_list(conf, at, "steps' names", STEP_NEEDS_MAX, &n);
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        err = conf_reference(&in_plan, conf_element(at, i), &names, &reading->step.needs[i]);
    }
    reading->step.needs_n = (uint8_t)n;
    return err;
}

struct lock_reading {
    char name[NAME_SIZE];
};

/* A lock is declared by being named; the plan keeps each name once. */
static enum err plan_lock_find(struct conf *conf, const struct config_setting_t *at,
                               struct plan *plan, uint8_t *ret_lock) {
    static const struct field field = {"locks", FIELD_NAME, FIELD_OF(struct lock_reading, name)};
    struct lock_reading reading = {.name = ""};
    enum err err = conf_field(conf, at, &field, &reading);
    if (err != ERR_OK) {
        return err;
    }
    uint8_t lock = 0;
    while (lock < plan->locks_n && !text_equal(plan->locks[lock], reading.name)) {
        lock++;
    }
    if (lock == PLAN_LOCKS_MAX) {
        return conf_expected(conf, at, "at most %d different locks in a plan", PLAN_LOCKS_MAX);
    }
    if (lock == plan->locks_n) {
        (void)text_copy(plan->locks[plan->locks_n++], NAME_SIZE, reading.name);
    }
    *ret_lock = lock;
    return ERR_OK;
}

static enum err step_locks_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct step_reading *reading = base;
    size_t n = 0;
    enum err err = conf_list(conf, at, "locks' names", PLAN_LOCKS_MAX, &n);
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        uint8_t lock = 0;
        err = plan_lock_find(conf, conf_element(at, i), reading->plan, &lock);
        if (err == ERR_OK && (reading->step.locks & bit(lock)) != 0) {
            err = conf_expected(conf, conf_element(at, i), "each lock once");
        } else if (err == ERR_OK) {
            reading->step.locks |= (uint16_t)bit(lock);
        }
    }
    return err;
}

static enum err step_args_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct step_reading *reading = base;
    return topology_arguments(conf, at, NAME_SIZE - 1, &reading->step.arguments);
}

#define STEP_FIELD(member) FIELD_OF(struct step_reading, step.member)

static const struct field step_fields[] = {
    {"name", FIELD_NAME, STEP_FIELD(name), .required = true},
    {"action", FIELD_CHOICE, STEP_FIELD(action), .required = true, .choices = action_kinds},
    {"component", FIELD_REFERENCE, STEP_FIELD(component), .names = &component_names},
    {"through", FIELD_REFERENCE, STEP_FIELD(through), .names = &component_names},
    {"at", FIELD_READ, .read = step_at_read},
    {"before_fence", FIELD_BOOL, STEP_FIELD(before_fence)},
    {"mode", FIELD_CHOICE, STEP_FIELD(mode), .choices = step_modes},
    {"may_fail", FIELD_BOOL, STEP_FIELD(may_fail)},
    {"tier", FIELD_COUNT, STEP_FIELD(tier), .max = OBJECTIVES_MAX},
    {"agent", FIELD_REFERENCE, STEP_FIELD(agent), .names = &agent_names},
    {"approval", FIELD_CHOICE, STEP_FIELD(approval), .choices = roles},
    {"mandated", FIELD_BOOL, STEP_FIELD(mandated)},
    {"timeout", FIELD_DURATION, STEP_FIELD(timeout_ms), .min = 10},
    {"retries", FIELD_COUNT, STEP_FIELD(retries), .max = 100},
    {"needs", FIELD_READ, .read = step_needs_read},
    {"locks", FIELD_READ, .read = step_locks_read},
    {"intent", FIELD_TEXT, STEP_FIELD(intent)},
    {"args", FIELD_READ, .read = step_args_read},
};

const struct fields_table step_table = {"steps", step_fields, FIELDS_N(step_fields)};

static enum err step_read(struct conf *conf, const struct config_setting_t *at, struct plan *plan,
                          uint8_t index) {
    struct step_reading reading = {.plan = plan};
    reading.step.component = NONE;
    reading.step.through = NONE;
    reading.step.agent = NONE;
    reading.step.approval = NONE;
    enum err err = conf_group(conf, at, step_fields, FIELDS_N(step_fields), &reading);
    if (err != ERR_OK) {
        return err;
    }
    /* A tier that is not said is the component's, once all of them are read (topology_read.c). */
    plan->steps[index] = reading.step;
    return ERR_OK;
}

/* ---- plans ---- */

/* Steps name each other, so all their names come first. */
static enum err steps_read(struct conf *conf, const struct config_setting_t *at,
                           struct plan *plan) {
    size_t n = 0;
    enum err err = conf_list(conf, at, "steps", STEPS_MAX, &n);
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        err = topology_name_learn(conf, conf_element(at, i), (char *)plan->steps,
                                  sizeof(struct step), sizeof(struct step), i);
    }
    plan->steps_n = (uint8_t)(err == ERR_OK ? n : 0);
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        err = step_read(conf, conf_element(at, i), plan, (uint8_t)i);
    }
    return err;
}

static enum err steps_later(struct conf *conf, const struct config_setting_t *at, void *base) {
    (void)base;
    size_t n;
    return conf_list(conf, at, "steps", STEPS_MAX, &n);
}

static const struct field plan_fields[] = {
    {"name", FIELD_NAME, FIELD_OF(struct plan, name), .required = true},
    {"kind", FIELD_CHOICE, FIELD_OF(struct plan, kind), .required = true, .choices = plan_kinds},
    {"drill", FIELD_REFERENCE, FIELD_OF(struct plan, drill), .names = &drill_names},
    {"steps", FIELD_READ, .required = true, .read = steps_later},
};

const struct fields_table plan_table = {"plans", plan_fields, FIELDS_N(plan_fields)};

static enum err plan_read(struct conf *conf, const struct config_setting_t *at,
                          struct topology *topology, uint8_t index) {
    struct plan *plan = &topology->plans[index];
    plan->drill = NONE;
    enum err err = conf_group(conf, at, plan_fields, FIELDS_N(plan_fields), plan);
    if (err == ERR_OK) {
        err = steps_read(conf, conf_child(at, "steps"), plan);
    }
    return err;
}

enum err topology_read_plans(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct topology *topology = base;
    return topology_list(conf, at, "plans", PLANS_MAX, &topology->plans_n, topology, plan_read);
}

/* ---- operators ---- */

static const struct field operator_fields[] = {
    {"name", FIELD_NAME, FIELD_OF(struct operator_entry, name), .required = true},
    {"person", FIELD_TEXT, FIELD_OF(struct operator_entry, person), .required = true, .min = 1},
    {"role", FIELD_CHOICE, FIELD_OF(struct operator_entry, role), .required = true,
     .choices = roles},
    {"curve_key", FIELD_KEY, FIELD_OF(struct operator_entry, curve_key), .required = true},
    {"sign_key", FIELD_KEY, FIELD_OF(struct operator_entry, sign_key), .required = true},
    {"curve_key_next", FIELD_KEY, FIELD_OF(struct operator_entry, curve_key_next)},
    {"sign_key_next", FIELD_KEY, FIELD_OF(struct operator_entry, sign_key_next)},
};

const struct fields_table operator_table = {"operators", operator_fields,
                                            FIELDS_N(operator_fields)};

static enum err operator_read(struct conf *conf, const struct config_setting_t *at,
                              struct topology *topology, uint8_t index) {
    return conf_group(conf, at, operator_fields, FIELDS_N(operator_fields),
                      &topology->operators[index]);
}

enum err topology_read_operators(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct topology *topology = base;
    return topology_list(conf, at, "operators", OPERATORS_MAX, &topology->operators_n, topology,
                         operator_read);
}

/* ---- backups and drills ---- */

static const struct field every_field = {"every", FIELD_DURATION, FIELD_OF(struct backup, every_ms),
                                         .min = 1};
static const struct field keep_field = {"keep", FIELD_DURATION, FIELD_OF(struct backup, keep_ms),
                                        .min = 1};

static bool is_word(struct conf *conf, const struct config_setting_t *at, const char *word) {
    struct conf silent = {.file = conf->file};
    const char *text = NULL;
    return conf_text(&silent, at, "a word", &text) == ERR_OK && text_equal(text, word);
}

static enum err backup_every_read(struct conf *conf, const struct config_setting_t *at,
                                  void *base) {
    struct backup *backup = base;
    backup->every_ms = 0;
    return is_word(conf, at, "continuous") ? ERR_OK : conf_field(conf, at, &every_field, base);
}

static enum err backup_keep_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct backup *backup = base;
    backup->keep_ms = 0;
    return is_word(conf, at, "for ever") ? ERR_OK : conf_field(conf, at, &keep_field, base);
}

static const struct field backup_fields[] = {
    {"component", FIELD_REFERENCE, FIELD_OF(struct backup, component), .required = true,
     .names = &component_names},
    {"type", FIELD_NAME, FIELD_OF(struct backup, type), .required = true},
    {"every", FIELD_READ, .required = true, .read = backup_every_read},
    {"keep", FIELD_READ, .read = backup_keep_read},
    {"location", FIELD_TEXT, FIELD_OF(struct backup, location)},
    {"second_location", FIELD_TEXT, FIELD_OF(struct backup, second_location)},
    {"source", FIELD_TEXT, FIELD_OF(struct backup, source)},
};

const struct fields_table backup_table = {"backups", backup_fields, FIELDS_N(backup_fields)};

static enum err backup_read(struct conf *conf, const struct config_setting_t *at,
                            struct topology *topology, uint8_t index) {
    topology->backups[index] = (struct backup){0};
    return conf_group(conf, at, backup_fields, FIELDS_N(backup_fields), &topology->backups[index]);
}

enum err topology_read_backups(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct topology *topology = base;
    return topology_list(conf, at, "backups", BACKUPS_MAX, &topology->backups_n, topology,
                         backup_read);
}

static enum err drill_last_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct drill *drill = base;
    const char *text = NULL;
    enum err err = conf_text(conf, at, "a day, as 2026-01-25", &text);
    if (err == ERR_OK && !day_from_text(text, &drill->last_wall_ms)) {
        err = conf_expected(conf, at, "a day, as 2026-01-25");
    }
    return err;
}

static const struct field drill_fields[] = {
    {"name", FIELD_NAME, FIELD_OF(struct drill, name), .required = true},
    {"type", FIELD_NAME, FIELD_OF(struct drill, type), .required = true},
    {"every", FIELD_DURATION, FIELD_OF(struct drill, every_ms), .required = true, .min = HOUR_MS},
    {"duration", FIELD_DURATION, FIELD_OF(struct drill, duration_ms), .min = 1},
    {"last", FIELD_READ, .read = drill_last_read},
    {"source", FIELD_TEXT, FIELD_OF(struct drill, source)},
};

const struct fields_table drill_table = {"drills", drill_fields, FIELDS_N(drill_fields)};

static enum err drill_read(struct conf *conf, const struct config_setting_t *at,
                           struct topology *topology, uint8_t index) {
    return conf_group(conf, at, drill_fields, FIELDS_N(drill_fields), &topology->drills[index]);
}

enum err topology_read_drills(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct topology *topology = base;
    return topology_list(conf, at, "drills", DRILLS_MAX, &topology->drills_n, topology, drill_read);
}
