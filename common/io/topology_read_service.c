/* What is protected: components with their endpoints, replication links, checks. */
#include <string.h>

#include "common/base/bits.h"
#include "common/base/ensure.h"
#include "common/io/topology_read_parts.h"

#define PEER_PREFIX_LENGTH                                                                         \
    5 /* "peer_": topology_step_arguments puts it before endpoint arguments */

static const char *const component_kinds[] = {
#define COMPONENT_TEXT(name, text) text,
    COMPONENT_KIND_LIST(COMPONENT_TEXT)
#undef COMPONENT_TEXT
        NULL};

static const char *const check_kinds[] = {
#define CHECK_TEXT(name, text) text,
    CHECK_KIND_LIST(CHECK_TEXT)
#undef CHECK_TEXT
        NULL};

static const char *const link_kinds[] = {"stream", "async", "bucket", "canary", NULL};

/* ---- readiness ---- */

static const char *const ready_at_texts[] = {"standby", "active", "both", NULL};

/* true says the same as "blocker", false leaves a check out that would count by itself. */
static enum err ready_read(struct conf *conf, const struct config_setting_t *at,
                           uint8_t *ret_ready) {
    static const char *const texts[] = {"true", "blocker", "warning", "false", NULL};
    static const uint8_t meanings[] = {READY_BLOCKER, READY_BLOCKER, READY_WARNING, READY_NOTHING};
    char text[16] = "";
    struct conf silent = {.file = conf->file};
    if (conf_scalar(&silent, at, text, sizeof text) == ERR_OK) {
        for (unsigned i = 0; texts[i] != NULL; i++) {
            if (text_equal(texts[i], text)) {
                *ret_ready = meanings[i];
                return ERR_OK;
            }
        }
    }
    return conf_expected(conf, at, "true, false, \"blocker\" or \"warning\"");
}

/* Who asks is told what mends it: a line that says only "not ready" helps nobody at night. */
static enum err ready_needs_fix(struct conf *conf, const struct config_setting_t *at, uint8_t ready,
                                const char *fix) {
    bool counts = ready == READY_BLOCKER || ready == READY_WARNING;
    return counts && fix[0] == '\0'
               ? conf_wrong(conf, at, "the field \"fix\" is missing: which command mends it?")
               : ERR_OK;
}

/* ---- endpoints ---- */

static enum err endpoint_agents_read(struct conf *conf, const struct config_setting_t *at,
                                     void *base) {
    struct endpoint *endpoint = base;
    size_t n = 0;
    enum err err = conf_list(conf, at, "agents' names", ENDPOINT_AGENTS_MAX, &n);
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        err = conf_reference(conf, conf_element(at, i), &agent_names, &endpoint->agents[i]);
    }
    endpoint->agents_n = (uint8_t)n;
    return err;
}

static enum err endpoint_args_read(struct conf *conf, const struct config_setting_t *at,
                                   void *base) {
    struct endpoint *endpoint = base;
    return topology_arguments(conf, at, NAME_SIZE - 1 - PEER_PREFIX_LENGTH, &endpoint->arguments);
}

static const struct field endpoint_fields[] = {
    {"region", FIELD_REFERENCE, FIELD_OF(struct endpoint, region), .required = true,
     .names = &region_names},
    {"address", FIELD_TEXT, FIELD_OF(struct endpoint, address)},
    {"agents", FIELD_READ, .read = endpoint_agents_read},
    {"args", FIELD_READ, .read = endpoint_args_read},
};

const struct fields_table endpoint_table = {"endpoints", endpoint_fields,
                                            FIELDS_N(endpoint_fields)};

static enum err endpoint_read(struct conf *conf, const struct config_setting_t *at,
                              struct topology *topology, uint8_t component) {
    if (topology->endpoints_n == ENDPOINTS_MAX) {
        return conf_wrong(conf, at, "more than %d endpoints in all", ENDPOINTS_MAX);
    }
    struct endpoint endpoint = {.component = component};
    enum err err = conf_group(conf, at, endpoint_fields, FIELDS_N(endpoint_fields), &endpoint);
    if (err != ERR_OK) {
        return err;
    }
    if (topology_endpoint(topology, component, endpoint.region) != NONE) {
        return conf_wrong(conf, at, "\"%s\" has an endpoint in \"%s\" already",
                          topology->components[component].name,
                          topology->regions[endpoint.region].name);
    }
    topology->endpoints[topology->endpoints_n++] = endpoint;
    return ERR_OK;
}

/* Endpoints need to know their component's index: read by component_read, not by the table. */
static enum err endpoints_later(struct conf *conf, const struct config_setting_t *at, void *base) {
    (void)base;
    size_t n;
    return conf_list(conf, at, "endpoints", REGIONS_MAX, &n);
}

/* ---- components ---- */

static enum err needs_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct component *component = base;
    size_t n = 0;
    enum err err = conf_list(conf, at, "components' names", COMPONENTS_MAX, &n);
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        uint8_t needed = NONE;
        err = conf_reference(conf, conf_element(at, i), &component_names, &needed);
        if (err == ERR_OK) {
            component->needs |= bit(needed);
        }
    }
    return err;
}

static const struct field component_fields[] = {
    {"name", FIELD_NAME, FIELD_OF(struct component, name), .required = true},
    {"kind", FIELD_CHOICE, FIELD_OF(struct component, kind), .required = true,
     .choices = component_kinds},
    {"tier", FIELD_COUNT, FIELD_OF(struct component, tier), .max = OBJECTIVES_MAX},
    {"guarded", FIELD_BOOL, FIELD_OF(struct component, guarded)},
    {"excluded", FIELD_BOOL, FIELD_OF(struct component, excluded)},
    {"protected", FIELD_BOOL, FIELD_OF(struct component, protected)},
    {"note", FIELD_TEXT, FIELD_OF(struct component, note)},
    {"needs", FIELD_READ, .read = needs_read},
    {"failover_within", FIELD_DURATION, FIELD_OF(struct component, failover_within_ms), .min = 1000,
     .max = 3600000},
    {"endpoints", FIELD_READ, .read = endpoints_later},
};

const struct fields_table component_table = {"components", component_fields,
                                             FIELDS_N(component_fields)};

static enum err component_read(struct conf *conf, const struct config_setting_t *at,
                               struct topology *topology, uint8_t index) {
    enum err err = conf_group(conf, at, component_fields, FIELDS_N(component_fields),
                              &topology->components[index]);
    const struct config_setting_t *endpoints = conf_child(at, "endpoints");
    size_t n = 0;
    if (err == ERR_OK && endpoints != NULL) {
        err = conf_list(conf, endpoints, "endpoints", REGIONS_MAX, &n);
    }
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        err = endpoint_read(conf, conf_element(endpoints, i), topology, index);
    }
    return err;
}

enum err topology_read_components(struct conf *conf, const struct config_setting_t *at,
                                  void *base) {
    struct topology *topology = base;
    return topology_list(conf, at, "components", COMPONENTS_MAX, &topology->components_n, topology,
                         component_read);
}

/* ---- links ---- */

static enum err link_ready_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    return ready_read(conf, at, &((struct link *)base)->ready);
}

static const struct field link_fields[] = {
    {"name", FIELD_NAME, FIELD_OF(struct link, name), .required = true},
    {"kind", FIELD_CHOICE, FIELD_OF(struct link, kind), .required = true, .choices = link_kinds},
    {"component", FIELD_REFERENCE, FIELD_OF(struct link, component), .required = true,
     .names = &component_names},
    {"target_lag", FIELD_DURATION, FIELD_OF(struct link, target_lag_ms)},
    {"alert_lag", FIELD_DURATION, FIELD_OF(struct link, alert_lag_ms)},
    {"rpo", FIELD_DURATION, FIELD_OF(struct link, rpo_ms)},
    {"ready", FIELD_READ, .read = link_ready_read},
    {"fix", FIELD_TEXT, FIELD_OF(struct link, fix)},
};

const struct fields_table link_table = {"links", link_fields, FIELDS_N(link_fields)};

static enum err link_read(struct conf *conf, const struct config_setting_t *at,
                          struct topology *topology, uint8_t index) {
    /* "Replication lag: > 5 min" (SEED-52). */
    struct link *link = &topology->links[index];
    link->alert_lag_ms = (uint32_t)(5 * MINUTE_MS);
    enum err err = conf_group(conf, at, link_fields, FIELDS_N(link_fields), link);
    return err != ERR_OK ? err : ready_needs_fix(conf, at, link->ready, link->fix);
}

enum err topology_read_links(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct topology *topology = base;
    return topology_list(conf, at, "links", LINKS_MAX, &topology->links_n, topology, link_read);
}

/* ---- checks ---- */

struct check_defaults {
    uint32_t interval_ms, timeout_ms;
    uint8_t failures_n;
};

/* SEED-50..54; the documents give no timeout for lag and certificates, but none may hang. */
static struct check_defaults check_defaults_of(enum check_kind kind) {
    static const struct check_defaults api = {10000, 5000, 3}, database = {30000, 10000, 2},
                                       lag = {60000, 10000, 2}, expiry = {3600000, 10000, 1},
                                       record = {60000, 5000, 2}, series = {300000, 30000, 1},
                                       canary = {1000, 900, 5};
    switch (kind) {
    case CHECK_POSTGRESQL:
    case CHECK_PATRONI:
    case CHECK_REDIS:
    case CHECK_CLICKHOUSE:
    case CHECK_SENTINEL: return database;
    case CHECK_PG_REPLICATION:
    case CHECK_REDIS_REPLICATION: return lag;
    case CHECK_PG_CANARY:
    case CHECK_REDIS_CANARY:
    case CHECK_CLICKHOUSE_CANARY: return canary;
    case CHECK_CERTIFICATE:
    case CHECK_SECRET_AGE: return expiry;
    case CHECK_DNS:
    case CHECK_SMTP: return record;
    case CHECK_BACKUP:
    case CHECK_GIT:
    case CHECK_FENCE_AGENT: return series;
    case CHECK_HTTP:
    case CHECK_TCP:
    case CHECK_HAPROXY:
    case CHECK_EXEC:
    case CHECK_VAULT:
    case CHECK_OIDC:
    case CHECK_PROMETHEUS:
    case CHECK_KUBERNETES:
    case CHECK_STORAGE:
    case CHECK_PARITY:
    case CHECK_PATH:
    case CHECK_S3:
    case CHECK_KINDS_N:
    default: return api;
    }
}

static enum err check_args_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct check *check = base;
    return topology_arguments(conf, at, NAME_SIZE - 1, &check->arguments);
}

static enum err check_ready_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    return ready_read(conf, at, &((struct check *)base)->ready);
}

static const struct field check_fields[] = {
    {"name", FIELD_NAME, FIELD_OF(struct check, name), .required = true},
    {"kind", FIELD_CHOICE, FIELD_OF(struct check, kind), .required = true, .choices = check_kinds},
    {"component", FIELD_REFERENCE, FIELD_OF(struct check, component), .required = true,
     .names = &component_names},
    {"region", FIELD_REFERENCE, FIELD_OF(struct check, region), .names = &region_names},
    {"outside", FIELD_BOOL, FIELD_OF(struct check, outside)},
    {"agent", FIELD_REFERENCE, FIELD_OF(struct check, agent), .names = &agent_names},
    {"link", FIELD_REFERENCE, FIELD_OF(struct check, link), .names = &link_names},
    {"vital", FIELD_BOOL, FIELD_OF(struct check, vital)},
    {"interval", FIELD_DURATION, FIELD_OF(struct check, interval_ms), .min = 100},
    {"timeout", FIELD_DURATION, FIELD_OF(struct check, timeout_ms), .min = 10},
    {"failures", FIELD_COUNT, FIELD_OF(struct check, failures_n), .min = 1, .max = 100},
    {"passes", FIELD_COUNT, FIELD_OF(struct check, passes_n), .min = 1, .max = 100},
    {"ready", FIELD_READ, .read = check_ready_read},
    {"ready_at", FIELD_CHOICE, FIELD_OF(struct check, ready_at), .choices = ready_at_texts},
    {"fix", FIELD_TEXT, FIELD_OF(struct check, fix)},
    {"args", FIELD_READ, .read = check_args_read},
};

const struct fields_table check_table = {"checks", check_fields, FIELDS_N(check_fields)};

/* The defaults hang on the kind, so the kind is read before the rest. */
static enum err check_start(struct conf *conf, const struct config_setting_t *at,
                            struct check *check) {
    const struct config_setting_t *kind = NULL;
    enum err err = conf_demand(conf, at, "kind", &kind);
    if (err == ERR_OK) {
        err = conf_choice(conf, kind, check_kinds, &check->kind);
    }
    if (err != ERR_OK) {
        return err;
    }
    struct check_defaults defaults = check_defaults_of((enum check_kind)check->kind);
    check->interval_ms = defaults.interval_ms;
    check->timeout_ms = defaults.timeout_ms;
    check->failures_n = defaults.failures_n;
    check->passes_n = 2;
    check->agent = NONE;
    check->link = NONE;
    check->region = NONE;
    return ERR_OK;
}

static enum err check_read(struct conf *conf, const struct config_setting_t *at,
                           struct topology *topology, uint8_t index) {
    struct check *check = &topology->checks[index];
    enum err err = check_start(conf, at, check);
    if (err == ERR_OK) {
        err = conf_group(conf, at, check_fields, FIELDS_N(check_fields), check);
    }
    if (err != ERR_OK) {
        return err;
    }
    err = ready_needs_fix(conf, at, check->ready, check->fix);
    if (err != ERR_OK) {
        return err;
    }
    if (check->outside == (check->agent != NONE)) {
        return conf_wrong(conf, at,
                          "expected either outside = true (the other regions' agents "
                          "run it) or agent = \"...\" (that one runs it), found %s",
                          check->outside ? "both" : "neither");
    }
    if (check->region == NONE && check->outside) {
        return conf_wrong(conf, at,
                          "the field \"region\" is missing: which region is looked at "
                          "from outside?");
    }
    /* Region still NONE: its agent's own, once every agent is read (topology_read.c). */
    return ERR_OK;
}

enum err topology_read_checks(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct topology *topology = base;
    return topology_list(conf, at, "checks", CHECKS_MAX, &topology->checks_n, topology, check_read);
}

/* ---- parity ---- */

static enum err parity_checks_read(struct conf *conf, const struct config_setting_t *at,
                                   void *base) {
    struct parity *parity = base;
    size_t n = 0;
    enum err err = conf_list(conf, at, "checks' names", REGIONS_MAX, &n);
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        err = conf_reference(conf, conf_element(at, i), &check_names, &parity->checks[i]);
    }
    parity->checks_n = (uint8_t)n;
    return err;
}

static enum err parity_ready_read(struct conf *conf, const struct config_setting_t *at,
                                  void *base) {
    return ready_read(conf, at, &((struct parity *)base)->ready);
}

static const struct field parity_fields[] = {
    {"name", FIELD_NAME, FIELD_OF(struct parity, name), .required = true},
    {"checks", FIELD_READ, .required = true, .read = parity_checks_read},
    {"standby", FIELD_COUNT, FIELD_OF(struct parity, standby_percent), .required = true, .min = 1,
     .max = 1000},
    {"active", FIELD_COUNT, FIELD_OF(struct parity, active_percent), .max = 1000},
    {"ready", FIELD_READ, .read = parity_ready_read},
    {"fix", FIELD_TEXT, FIELD_OF(struct parity, fix), .required = true},
    {"source", FIELD_TEXT, FIELD_OF(struct parity, source)},
};

const struct fields_table parity_table = {"parity", parity_fields, FIELDS_N(parity_fields)};

static enum err parity_read(struct conf *conf, const struct config_setting_t *at,
                            struct topology *topology, uint8_t index) {
    struct parity *parity = &topology->parity[index];
    parity->ready = READY_WARNING;
    enum err err = conf_group(conf, at, parity_fields, FIELDS_N(parity_fields), parity);
    return err != ERR_OK ? err : ready_needs_fix(conf, at, parity->ready, parity->fix);
}

enum err topology_read_parity(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct topology *topology = base;
    return topology_list(conf, at, "parity rules", PARITY_MAX, &topology->parity_n, topology,
                         parity_read);
}
