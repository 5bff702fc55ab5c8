/* The top of a topology, drover's own part of it (lease, policy, regions, members, agents), and the
 * first walk that learns every name, so that what is written first may name what comes later. */
#include "common/io/topology_read.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/ensure.h"
#include "common/io/topology_read_parts.h"

#define NAMES_OF(type, what, field)                                                                \
    {                                                                                              \
        what, offsetof(struct topology, field), sizeof(struct type),                               \
            offsetof(struct topology, field##_n)                                                   \
    }

const struct conf_names region_names = NAMES_OF(region, "region", regions);
const struct conf_names agent_names = NAMES_OF(agent, "agent", agents);
const struct conf_names component_names = NAMES_OF(component, "component", components);
const struct conf_names link_names = NAMES_OF(link, "link", links);
const struct conf_names check_names = NAMES_OF(check, "check", checks);
const struct conf_names drill_names = NAMES_OF(drill, "drill", drills);

static const struct field name_field = {"name", FIELD_NAME, .size = NAME_SIZE};

/* The defaults of design.md section 2. Only what is used of the arrays is ever written: the whole
 * is megabytes, and an agent has a few to spend. Entries are cleared as they are learnt. */
static void defaults_set(struct topology *topology) {
    memset(topology, 0, offsetof(struct topology, members));
    topology->initial_region = NONE;
    topology->lease = (struct lease_numbers){
        .lease_ms = 30000,
        .renew_ms = 5000,
        .fence_ms = 8000,
        .wait_ms = 32000,
        .drift_ppm = 10000,
        .tick_ms = 1000,
        .on_quorum_loss = QUORUM_LOSS_FAILSAFE,
    };
    topology->policy = (struct policy_numbers){
        .rearm_needed = true,
        .hold_down_ms = 60000,
        .settle_ms = 30000,
        .silent_ms = 5000,
        .block_ms = 3600000,
        .agent_step_ms = 60000,
        .automatic_within_ms = 5 * 60000,
        .planned_within_ms = 30 * 60000,
    };
}

static void step_derive(const struct topology *topology, struct step *step) {
    if (step->timeout_ms == 0) {
        step->timeout_ms = topology->policy.agent_step_ms;
    }
    if (step->tier == 0 && step->component != NONE) {
        step->tier = topology->components[step->component].tier;
    }
}

/* Defaults that follow from what was written. */
static void defaults_derive(struct topology *topology) {
    struct lease_numbers *lease = &topology->lease;
    if (lease->gate_early_ms == 0) {
        lease->gate_early_ms = lease->lease_ms / 10 < 2000 ? lease->lease_ms / 10 : 2000;
    }
    if (lease->promise_ms == 0) {
        lease->promise_ms = lease->wait_ms;
    }
    for (uint8_t i = 0; i < topology->checks_n; i++) {
        struct check *check = &topology->checks[i];
        if (check->region == NONE) {
            check->region = topology->agents[check->agent].region;
        }
    }
    for (uint8_t i = 0; i < topology->plans_n; i++) {
        for (uint8_t j = 0; j < topology->plans[i].steps_n; j++) {
            step_derive(topology, &topology->plans[i].steps[j]);
        }
    }
}

enum err topology_list(struct conf *conf, const struct config_setting_t *at, const char *what,
                       size_t n_max, uint8_t *ret_n, struct topology *topology,
                       enum err (*read)(struct conf *conf, const struct config_setting_t *at,
                                        struct topology *topology, uint8_t index)) {
    size_t n = 0;
    enum err err = conf_list(conf, at, what, n_max, &n);
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        err = read(conf, conf_element(at, i), topology, (uint8_t)i);
    }
    if (err == ERR_OK) {
        *ret_n = (uint8_t)n;
    }
    return err;
}

enum err topology_arguments(struct conf *conf, const struct config_setting_t *at, size_t name_max,
                            struct arguments *ret_arguments) {
    struct arguments arguments = {0};
    size_t n = 0;
    enum err err = conf_members(conf, at, "arguments", ACTION_ARGS_MAX, &n);
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        const struct config_setting_t *value = conf_element(at, i);
        struct argument *argument = &arguments.at[arguments.n++];
        const char *name = conf_name(value);
        if (!text_is_name(name, name_max + 1)) {
            return conf_wrong(conf, value,
                              "expected an argument name of a-z, 0-9, - and _, at "
                              "most %zu characters",
                              name_max);
        }
        (void)text_copy(argument->name, NAME_SIZE, name);
        err = conf_scalar(conf, value, argument->value, VALUE_SIZE);
    }
    if (err == ERR_OK) {
        *ret_arguments = arguments;
    }
    return err;
}

static const struct field document_fields[] = {
    {"name", FIELD_TEXT, FIELD_OF(struct document, name), .required = true, .min = 1},
    {"version", FIELD_TEXT, FIELD_OF(struct document, version), .required = true, .min = 1},
    {"date", FIELD_TEXT, FIELD_OF(struct document, date)},
    {"status", FIELD_TEXT, FIELD_OF(struct document, status)},
};

static enum err document_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct topology *topology = base;
    return conf_group(conf, at, document_fields, FIELDS_N(document_fields), &topology->document);
}

static const char *const quorum_losses[] = {"failsafe", "fence", "hold", NULL};

static const char *const waits_from[] = {"last-yes", "close", NULL};

static const struct field lease_fields[] = {
    {"lease", FIELD_DURATION, FIELD_OF(struct lease_numbers, lease_ms), .min = 1},
    {"renew", FIELD_DURATION, FIELD_OF(struct lease_numbers, renew_ms), .min = 1},
    {"fence", FIELD_DURATION, FIELD_OF(struct lease_numbers, fence_ms), .min = 1},
    {"gate_early", FIELD_DURATION, FIELD_OF(struct lease_numbers, gate_early_ms), .min = 1},
    {"wait", FIELD_DURATION, FIELD_OF(struct lease_numbers, wait_ms), .min = 1},
    {"promise", FIELD_DURATION, FIELD_OF(struct lease_numbers, promise_ms), .min = 1},
    {"drift_ppm", FIELD_COUNT, FIELD_OF(struct lease_numbers, drift_ppm), .max = 999999},
    {"tick", FIELD_DURATION, FIELD_OF(struct lease_numbers, tick_ms), .min = 1},
    {"on_quorum_loss", FIELD_CHOICE, FIELD_OF(struct lease_numbers, on_quorum_loss),
     .choices = quorum_losses},
    {"wait_from", FIELD_CHOICE, FIELD_OF(struct lease_numbers, wait_from), .choices = waits_from},
};

static enum err lease_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct topology *topology = base;
    return conf_group(conf, at, lease_fields, FIELDS_N(lease_fields), &topology->lease);
}

static const struct field policy_fields[] = {
    {"automatic", FIELD_BOOL, FIELD_OF(struct policy_numbers, automatic)},
    {"automatic_sick", FIELD_BOOL, FIELD_OF(struct policy_numbers, automatic_sick)},
    {"accept_soft_fence", FIELD_BOOL, FIELD_OF(struct policy_numbers, accept_soft_fence)},
    {"rearm_needed", FIELD_BOOL, FIELD_OF(struct policy_numbers, rearm_needed)},
    {"hold_down", FIELD_DURATION, FIELD_OF(struct policy_numbers, hold_down_ms)},
    {"settle", FIELD_DURATION, FIELD_OF(struct policy_numbers, settle_ms)},
    {"silent", FIELD_DURATION, FIELD_OF(struct policy_numbers, silent_ms)},
    {"block", FIELD_DURATION, FIELD_OF(struct policy_numbers, block_ms)},
    {"step_timeout", FIELD_DURATION, FIELD_OF(struct policy_numbers, agent_step_ms), .min = 1},
    {"automatic_within", FIELD_DURATION, FIELD_OF(struct policy_numbers, automatic_within_ms),
     .min = 1},
    {"planned_within", FIELD_DURATION, FIELD_OF(struct policy_numbers, planned_within_ms),
     .min = 1},
    {"exercise_within", FIELD_DURATION, FIELD_OF(struct policy_numbers, exercise_within_ms),
     .min = DAY_MS},
};

static enum err policy_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct topology *topology = base;
    return conf_group(conf, at, policy_fields, FIELDS_N(policy_fields), &topology->policy);
}

struct objective_read {
    uint8_t tier;
    struct objective objective;
};

static const struct field objective_fields[] = {
    {"tier", FIELD_COUNT, FIELD_OF(struct objective_read, tier), .required = true, .min = 1,
     .max = OBJECTIVES_MAX},
    {"rto", FIELD_DURATION, FIELD_OF(struct objective_read, objective.rto_ms), .required = true,
     .min = 1},
    {"rpo", FIELD_DURATION, FIELD_OF(struct objective_read, objective.rpo_ms), .required = true,
     .min = 1},
};

static enum err objective_read(struct conf *conf, const struct config_setting_t *at,
                               struct topology *topology, uint8_t index) {
    (void)index;
    struct objective_read read = {0};
    enum err err = conf_group(conf, at, objective_fields, FIELDS_N(objective_fields), &read);
    if (err != ERR_OK) {
        return err;
    }
    struct objective *objective = &topology->objectives[read.tier - 1];
    if (objective->rto_ms != 0) {
        return conf_wrong(conf, at, "tier %u has an objective already", read.tier);
    }
    *objective = read.objective;
    return ERR_OK;
}

static enum err objectives_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    uint8_t n = 0;
    return topology_list(conf, at, "objectives", OBJECTIVES_MAX, &n, base, objective_read);
}

static const char *const region_kinds[] = {"data", "monitoring", NULL};

static const struct field region_fields[] = {
    {"name", FIELD_NAME, FIELD_OF(struct region, name), .required = true},
    {"kind", FIELD_CHOICE, FIELD_OF(struct region, kind), .required = true,
     .choices = region_kinds},
};

static enum err region_read(struct conf *conf, const struct config_setting_t *at,
                            struct topology *topology, uint8_t index) {
    return conf_group(conf, at, region_fields, FIELDS_N(region_fields), &topology->regions[index]);
}

static enum err regions_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct topology *topology = base;
    return topology_list(conf, at, "regions", REGIONS_MAX, &topology->regions_n, topology,
                         region_read);
}

static const struct field member_fields[] = {
    {"name", FIELD_NAME, FIELD_OF(struct member, name), .required = true},
    {"agents_address", FIELD_ADDRESS, FIELD_OF(struct member, agents_address), .required = true},
    {"operators_address", FIELD_ADDRESS, FIELD_OF(struct member, operators_address),
     .required = true},
    {"curve_key", FIELD_KEY, FIELD_OF(struct member, curve_key), .required = true},
    {"sign_key", FIELD_KEY, FIELD_OF(struct member, sign_key), .required = true},
    {"curve_key_next", FIELD_KEY, FIELD_OF(struct member, curve_key_next)},
    {"sign_key_next", FIELD_KEY, FIELD_OF(struct member, sign_key_next)},
};

static enum err member_read(struct conf *conf, const struct config_setting_t *at,
                            struct topology *topology, uint8_t index) {
    return conf_group(conf, at, member_fields, FIELDS_N(member_fields), &topology->members[index]);
}

static enum err members_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct topology *topology = base;
    return topology_list(conf, at, "members", MEMBERS_MAX, &topology->members_n, topology,
                         member_read);
}

static const struct field agent_fields[] = {
    {"name", FIELD_NAME, FIELD_OF(struct agent, name), .required = true},
    {"region", FIELD_REFERENCE, FIELD_OF(struct agent, region), .required = true,
     .names = &region_names},
    {"guarded", FIELD_BOOL, FIELD_OF(struct agent, guarded)},
    {"gate", FIELD_BOOL, FIELD_OF(struct agent, gate)},
    {"peer_address", FIELD_ADDRESS, FIELD_OF(struct agent, peer_address)},
    {"curve_key", FIELD_KEY, FIELD_OF(struct agent, curve_key), .required = true},
    {"sign_key", FIELD_KEY, FIELD_OF(struct agent, sign_key), .required = true},
    {"guard_key", FIELD_KEY, FIELD_OF(struct agent, guard_key)},
    {"curve_key_next", FIELD_KEY, FIELD_OF(struct agent, curve_key_next)},
    {"sign_key_next", FIELD_KEY, FIELD_OF(struct agent, sign_key_next)},
    {"guard_key_next", FIELD_KEY, FIELD_OF(struct agent, guard_key_next)},
};

static enum err agent_read(struct conf *conf, const struct config_setting_t *at,
                           struct topology *topology, uint8_t index) {
    struct agent *agent = &topology->agents[index];
    /* A guard's key without a word about the guard means that there is one. */
    agent->guarded = conf_child(at, "guard_key") != NULL;
    return conf_group(conf, at, agent_fields, FIELDS_N(agent_fields), agent);
}

static enum err agents_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct topology *topology = base;
    return topology_list(conf, at, "agents", AGENTS_MAX, &topology->agents_n, topology, agent_read);
}

static const struct field topology_fields[] = {
    {"cluster", FIELD_NAME, FIELD_OF(struct topology, cluster), .required = true},
    {"regions", FIELD_READ, .required = true, .read = regions_read},
    {"members", FIELD_READ, .required = true, .read = members_read},
    {"initial_region", FIELD_REFERENCE, FIELD_OF(struct topology, initial_region),
     .names = &region_names},
    {"initial_epoch", FIELD_COUNT, FIELD_OF(struct topology, initial_epoch), .min = 1,
     .max = INITIAL_EPOCH_MAX},
    {"await_initial_epoch", FIELD_BOOL, FIELD_OF(struct topology, await_initial_epoch)},
    {"document", FIELD_READ, .read = document_read},
    {"lease", FIELD_READ, .read = lease_read},
    {"policy", FIELD_READ, .read = policy_read},
    {"objectives", FIELD_READ, .read = objectives_read},
    {"agents", FIELD_READ, .read = agents_read},
    {"components", FIELD_READ, .read = topology_read_components},
    {"links", FIELD_READ, .read = topology_read_links},
    {"checks", FIELD_READ, .read = topology_read_checks},
    {"plans", FIELD_READ, .read = topology_read_plans},
    {"operators", FIELD_READ, .read = topology_read_operators},
    {"backups", FIELD_READ, .read = topology_read_backups},
    {"drills", FIELD_READ, .read = topology_read_drills},
    {"parity", FIELD_READ, .read = topology_read_parity},
};

/* Sections whose entries others name. Learnt first: forward references are allowed. */
static const struct {
    const char *section, *one;
    size_t array_offset, entry_size, clear_size, n_max, n_offset;
} named_sections[] = {
#define SECTION_CLEARED(type, field, one, max, clear)                                              \
    {                                                                                              \
#field, one, offsetof(struct topology, field), sizeof(struct type), clear, max,            \
            offsetof(struct topology, field##_n)                                                   \
    }
#define SECTION(type, field, one, max) SECTION_CLEARED(type, field, one, max, sizeof(struct type))
    SECTION(region, regions, "regions", REGIONS_MAX),
    SECTION(member, members, "members", MEMBERS_MAX),
    SECTION(agent, agents, "agents", AGENTS_MAX),
    SECTION(component, components, "components", COMPONENTS_MAX),
    SECTION(check, checks, "checks", CHECKS_MAX),
    SECTION(link, links, "links", LINKS_MAX),
    /* Of a plan only what stands before its steps is cleared: steps are cleared one by one. */
    SECTION_CLEARED(plan, plans, "plans", PLANS_MAX, offsetof(struct plan, steps)),
    SECTION(operator_entry, operators, "operators", OPERATORS_MAX),
    SECTION(drill, drills, "drills", DRILLS_MAX),
    SECTION(parity, parity, "parity", PARITY_MAX),
#undef SECTION
#undef SECTION_CLEARED
};

/* The name of one entry, into its place in the array; it must differ from the `before_n` names
 * before it. */
enum err topology_name_learn(struct conf *conf, const struct config_setting_t *at, char *first,
                             size_t entry_size, size_t clear_size, size_t before_n) {
    ensure(clear_size <= entry_size);
    char *to = first + before_n * entry_size;
    memset(to, 0, clear_size);
    const struct config_setting_t *name = NULL;
    enum err err = conf_demand(conf, at, "name", &name);
    if (err == ERR_OK) {
        err = conf_field(conf, name, &name_field, to);
    }
    for (size_t i = 0; i < before_n && err == ERR_OK; i++) {
        if (text_equal(first + i * entry_size, to)) {
            return conf_wrong(conf, name, "\"%s\" is the name of an entry before this one", to);
        }
    }
    return err;
}

static enum err names_learn(struct conf *conf, const struct config_setting_t *root,
                            struct topology *topology) {
    for (size_t i = 0; i < sizeof(named_sections) / sizeof(named_sections[0]); i++) {
        const struct config_setting_t *at = conf_child(root, named_sections[i].section);
        if (at == NULL) {
            continue;
        }
        size_t n = 0;
        enum err err = conf_list(conf, at, named_sections[i].one, named_sections[i].n_max, &n);
        char *first = (char *)topology + named_sections[i].array_offset;
        for (size_t j = 0; j < n && err == ERR_OK; j++) {
            err =
                topology_name_learn(conf, conf_element(at, j), first, named_sections[i].entry_size,
                                    named_sections[i].clear_size, j);
        }
        if (err != ERR_OK) {
            return err;
        }
        *((uint8_t *)topology + named_sections[i].n_offset) = (uint8_t)n;
    }
    return ERR_OK;
}

static enum err root_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct topology *topology = base;
    enum err err = names_learn(conf, at, topology);
    if (err == ERR_OK) {
        err = conf_group(conf, at, topology_fields, FIELDS_N(topology_fields), topology);
    }
    if (err == ERR_OK) {
        defaults_derive(topology);
    }
    return err;
}

/* A whole topology also says where it starts, who reports and what it is about. */
static enum err root_read_whole(struct conf *conf, const struct config_setting_t *at, void *base) {
    static const char *const demanded[] = {"initial_region", "agents", "components"};
    enum err err = root_read(conf, at, base);
    for (size_t i = 0; i < sizeof(demanded) / sizeof(demanded[0]) && err == ERR_OK; i++) {
        const struct config_setting_t *child;
        err = conf_demand(conf, at, demanded[i], &child);
    }
    return err;
}

static enum err text_read(const char *text, size_t size, const char *file_name, bool partial,
                          struct topology *ret_topology, struct text256 *reterr) {
    defaults_set(ret_topology);
    struct conf conf = {.file = file_name, .reterr = reterr, .context = ret_topology};
    return conf_parse(&conf, text, size, TOPOLOGY_BYTES_MAX, partial ? root_read : root_read_whole,
                      ret_topology);
}

enum err topology_read(const char *text, size_t size, const char *file_name,
                       struct topology *ret_topology, struct text256 *reterr) {
    return text_read(text, size, file_name, false, ret_topology, reterr);
}

enum err topology_read_partial(const char *text, size_t size, const char *file_name,
                               struct topology *ret_topology, struct text256 *reterr) {
    return text_read(text, size, file_name, true, ret_topology, reterr);
}

enum err topology_read_file(const char *path, bool partial, struct topology *ret_topology,
                            struct text256 *reterr) {
    char *text = NULL;
    size_t size = 0;
    enum err err = conf_file(path, TOPOLOGY_BYTES_MAX, &text, &size, reterr);
    if (err == ERR_OK) {
        err = text_read(text, size, path, partial, ret_topology, reterr);
    }
    free(text);
    return err;
}

void topology_fields_each(void (*each)(void *owner, const char *group, const char *field),
                          void *owner) {
    const struct fields_table tables[] = {
        {"topology", topology_fields, FIELDS_N(topology_fields)},
        {"document", document_fields, FIELDS_N(document_fields)},
        {"lease", lease_fields, FIELDS_N(lease_fields)},
        {"policy", policy_fields, FIELDS_N(policy_fields)},
        {"objectives", objective_fields, FIELDS_N(objective_fields)},
        {"regions", region_fields, FIELDS_N(region_fields)},
        {"members", member_fields, FIELDS_N(member_fields)},
        {"agents", agent_fields, FIELDS_N(agent_fields)},
        component_table,
        endpoint_table,
        check_table,
        link_table,
        plan_table,
        step_table,
        operator_table,
        backup_table,
        drill_table,
        parity_table,
    };
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        for (size_t j = 0; j < tables[i].fields_n; j++) {
            each(owner, tables[i].group, tables[i].fields[j].name);
        }
    }
}
