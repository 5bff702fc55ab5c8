#include "common/io/local_conf.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/ensure.h"
#include "common/io/conf.h"
#include "common/topology/action_args.h"

static const char *const action_kinds[] = {
#define ACTION_TEXT(name, text) text,
    ACTION_KIND_LIST(ACTION_TEXT)
#undef ACTION_TEXT
        NULL};

/* ---- what several files share ---- */

static enum err secrets_read_into(struct conf *conf, const struct config_setting_t *at,
                                  struct secrets *secrets) {
    static const struct field path_field = {"path", FIELD_PATH,
                                            FIELD_OF(struct secret_place, path)};
    size_t n = 0;
    enum err err = conf_members(conf, at, "secrets", SECRETS_MAX, &n);
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        const struct config_setting_t *secret = conf_element(at, i);
        struct secret_place *place = &secrets->at[i];
        if (!text_is_name(conf_name(secret), NAME_SIZE)) {
            return conf_wrong(conf, secret, "expected a secret's name of a-z, 0-9, - and _");
        }
        (void)text_copy(place->name, sizeof(place->name), conf_name(secret));
        err = conf_field(conf, secret, &path_field, place);
    }
    secrets->n = (uint8_t)n;
    return err;
}

/* A list of values of one field each, into an array of that field's type. */
static enum err values_read(struct conf *conf, const struct config_setting_t *at, const char *what,
                            struct field field, size_t n_max, void *array, uint8_t *ret_n) {
    size_t n = 0;
    enum err err = conf_list(conf, at, what, n_max, &n);
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        field.offset = i * field.size;
        err = conf_field(conf, conf_element(at, i), &field, array);
    }
    *ret_n = (uint8_t)n;
    return err;
}

static enum err file_read(const char *path, struct text256 *reterr,
                          enum err (*root)(struct conf *conf, const struct config_setting_t *at,
                                           void *base),
                          void *base) {
    char *text = NULL;
    size_t size = 0;
    enum err err = conf_file(path, CONF_BYTES_MAX, &text, &size, reterr);
    if (err == ERR_OK) {
        struct conf conf = {.file = path, .reterr = reterr};
        err = conf_parse(&conf, text, size, CONF_BYTES_MAX, root, base);
    }
    free(text);
    return err;
}

/* ---- agent.conf ---- */

static enum err allow_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct agent_conf *agent = base;
    size_t n = 0;
    enum err err = conf_list(conf, at, "actions' names", ACTION_KINDS_N, &n);
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        uint8_t action = 0;
        err = conf_choice(conf, conf_element(at, i), action_kinds, &action);
        agent->allow |= UINT32_C(1) << action;
    }
    return err;
}

static enum err arguments_read_into(struct conf *conf, const struct config_setting_t *at,
                                    struct arguments *arguments) {
    size_t n = 0;
    enum err err = conf_members(conf, at, "arguments", ACTION_ARGS_MAX, &n);
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        const struct config_setting_t *value = conf_element(at, i);
        char text[VALUE_SIZE];
        if (!text_is_name(conf_name(value), NAME_SIZE)) {
            return conf_wrong(conf, value, "expected an argument name of a-z, 0-9, - and _");
        }
        err = conf_scalar(conf, value, text, sizeof(text));
        if (err == ERR_OK) {
            err = arguments_set(arguments, conf_name(value), text);
            ensure(err == ERR_OK);
        }
    }
    return err;
}

static enum err soft_fence_args_read(struct conf *conf, const struct config_setting_t *at,
                                     void *base) {
    return arguments_read_into(conf, at, &((struct soft_fence *)base)->arguments);
}

static const struct field soft_fence_fields[] = {
    {"action", FIELD_CHOICE, FIELD_OF(struct soft_fence, action), .required = true,
     .choices = action_kinds},
    {"component", FIELD_NAME, FIELD_OF(struct soft_fence, component)},
    {"args", FIELD_READ, .read = soft_fence_args_read},
};

static bool action_fences(uint8_t action) {
    return action == ACTION_PATRONI_DEMOTE || action == ACTION_REDIS_DEMOTE ||
           action == ACTION_HTTP_CALL || action == ACTION_EXEC;
}

/* What a soft fence cannot run with is told when the file is read: when it is due, nobody has the
 * time. */
static enum err soft_fence_fits(struct conf *conf, const struct config_setting_t *at,
                                const struct soft_fence *fence) {
    struct arg_fault fault = {0};
    if (!action_fences(fence->action)) {
        return conf_expected(conf, conf_child(at, "action"),
                             "an action that fences: patroni_demote, redis_demote, http_call "
                             "or exec");
    }
    if (action_args_fit((enum action_kind)fence->action, &fence->arguments, &fault)) {
        return ERR_OK;
    }
    struct text256 line = {""};
    arg_fault_say(&fault, &line);
    const struct config_setting_t *args = conf_child(at, "args");
    const struct config_setting_t *one =
        args != NULL && fault.name != NULL ? conf_child(args, fault.name) : NULL;
    return one != NULL ? conf_wrong(conf, one, "%.200s", fault.text.at)
                       : conf_wrong(conf, args != NULL ? args : at, "%.200s", line.at);
}

static enum err soft_fences_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct agent_conf *agent = base;
    size_t n = 0;
    enum err err = conf_list(conf, at, "soft fences", SOFT_FENCES_MAX, &n);
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        const struct config_setting_t *one = conf_element(at, i);
        struct soft_fence *fence = &agent->soft_fences[i];
        err = conf_group(conf, one, soft_fence_fields, FIELDS_N(soft_fence_fields), fence);
        if (err == ERR_OK) {
            err = soft_fence_fits(conf, one, fence);
        }
    }
    agent->soft_fences_n = (uint8_t)n;
    return err;
}

static enum err fence_options_read(struct conf *conf, const struct config_setting_t *at,
                                   void *base) {
    struct arguments *options = &((struct fence_device *)base)->options;
    enum err err = arguments_read_into(conf, at, options);
    if (err == ERR_OK && arguments_get(options, "action") != NULL) {
        return conf_wrong(conf, at, "the option \"action\" is what drover tells it");
    }
    return err;
}

static const struct field fence_device_fields[] = {
    {"name", FIELD_NAME, FIELD_OF(struct fence_device, name), .required = true},
    {"program", FIELD_PATH, FIELD_OF(struct fence_device, program), .required = true},
    {"options", FIELD_READ, .read = fence_options_read},
};

static enum err fence_devices_read(struct conf *conf, const struct config_setting_t *at,
                                   void *base) {
    struct agent_conf *agent = base;
    size_t n = 0;
    enum err err = conf_list(conf, at, "fence devices", FENCE_DEVICES_MAX, &n);
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        err = conf_group(conf, conf_element(at, i), fence_device_fields,
                         FIELDS_N(fence_device_fields), &agent->fence_devices[i]);
    }
    agent->fence_devices_n = (uint8_t)n;
    return err;
}

static enum err agent_secrets_read(struct conf *conf, const struct config_setting_t *at,
                                   void *base) {
    return secrets_read_into(conf, at, &((struct agent_conf *)base)->secrets);
}

static const struct field agent_fields[] = {
    {"name", FIELD_NAME, FIELD_OF(struct agent_conf, name), .required = true},
    {"key", FIELD_PATH, FIELD_OF(struct agent_conf, key), .required = true},
    {"pins", FIELD_PATH, FIELD_OF(struct agent_conf, pins), .required = true},
    {"state", FIELD_PATH, FIELD_OF(struct agent_conf, state), .required = true},
    {"guard_socket", FIELD_PATH, FIELD_OF(struct agent_conf, guard_socket)},
    {"exec_directory", FIELD_PATH, FIELD_OF(struct agent_conf, exec_directory)},
    {"boot_directory", FIELD_PATH, FIELD_OF(struct agent_conf, boot_directory)},
    {"allow", FIELD_READ, .read = allow_read},
    {"peer_listen", FIELD_ADDRESS, FIELD_OF(struct agent_conf, peer_listen)},
    {"writable_listen", FIELD_HOST_PORT, FIELD_OF(struct agent_conf, writable_listen)},
    {"http_listen", FIELD_HOST_PORT, FIELD_OF(struct agent_conf, http_listen)},
    {"workers", FIELD_COUNT, FIELD_OF(struct agent_conf, workers), .min = 1,
     .max = AGENT_WORKERS_MAX},
    {"soft_fence", FIELD_READ, .read = soft_fences_read},
    {"fence_devices", FIELD_READ, .read = fence_devices_read},
    {"secrets", FIELD_READ, .read = agent_secrets_read},
};

/* Each NAME_ref names an entry of secrets. */
static enum err references_fit(struct conf *conf, const struct config_setting_t *at,
                               const struct arguments *arguments, const struct secrets *secrets) {
    for (uint8_t i = 0; i < arguments->n; i++) {
        const struct argument *one = &arguments->at[i];
        size_t name_n = strlen(one->name);
        bool found = name_n <= 4 || !text_equal(one->name + name_n - 4, "_ref");
        for (uint8_t j = 0; j < secrets->n && !found; j++) {
            found = text_equal(secrets->at[j].name, one->value);
        }
        if (!found) {
            return conf_expected(conf, conf_child(at, one->name),
                                 "a name of the field \"secrets\"");
        }
    }
    return ERR_OK;
}

/* Only when all fields are read: secrets may stand last. */
static enum err all_references_fit(struct conf *conf, const struct config_setting_t *at,
                                   const struct agent_conf *agent) {
    enum err err = ERR_OK;
    const struct config_setting_t *fences = conf_child(at, "soft_fence");
    for (unsigned i = 0; i < agent->soft_fences_n && err == ERR_OK; i++) {
        err = references_fit(conf, conf_child(conf_element(fences, i), "args"),
                             &agent->soft_fences[i].arguments, &agent->secrets);
    }
    const struct config_setting_t *devices = conf_child(at, "fence_devices");
    for (unsigned i = 0; i < agent->fence_devices_n && err == ERR_OK; i++) {
        err = references_fit(conf, conf_child(conf_element(devices, i), "options"),
                             &agent->fence_devices[i].options, &agent->secrets);
    }
    return err;
}

static enum err agent_root(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct agent_conf *agent = base;
    enum err err = conf_group(conf, at, agent_fields, FIELDS_N(agent_fields), agent);
    if (err != ERR_OK) {
        return err;
    }
    if ((agent->allow & (UINT32_C(1) << ACTION_EXEC)) != 0 && agent->exec_directory[0] == 0) {
        return conf_wrong(conf, at,
                          "\"exec\" is allowed, but the field \"exec_directory\" is "
                          "missing");
    }
    if ((agent->allow & (UINT32_C(1) << ACTION_FENCE_AGENT)) != 0 && agent->fence_devices_n == 0) {
        return conf_wrong(conf, at,
                          "\"fence_agent\" is allowed, but the field \"fence_devices\" is "
                          "missing");
    }
    return all_references_fit(conf, at, agent);
}

enum err agent_conf_read(const char *path, struct agent_conf *ret_conf, struct text256 *reterr) {
    *ret_conf = (struct agent_conf){.workers = 8};
    return file_read(path, reterr, agent_root, ret_conf);
}

/* ---- guard.conf ---- */

static enum err gate_ports_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct gate_conf *gate = base;
    struct field port = {"port", FIELD_COUNT, .size = sizeof(gate->ports[0]), .min = 1,
                         .max = 65535};
    return values_read(conf, at, "ports", port, GATE_PORTS_MAX, gate->ports, &gate->ports_n);
}

/* IP or IP/PREFIX. */
static bool source_is_numeric(const char *source) {
    char host[64];
    struct in6_addr any;
    const char *slash = strchr(source, '/');
    size_t length = slash == NULL ? strlen(source) : (size_t)(slash - source);
    if (length == 0 || length >= sizeof(host)) {
        return false;
    }
    memcpy(host, source, length);
    host[length] = 0;
    bool is_v4 = inet_pton(AF_INET, host, &any) == 1;
    bool is_v6 = !is_v4 && inet_pton(AF_INET6, host, &any) == 1;
    uint64_t prefix;
    return (is_v4 || is_v6) && (slash == NULL || text_to_u64(slash + 1, is_v4 ? 32 : 128, &prefix));
}

static enum err gate_sources_read(struct conf *conf, const struct config_setting_t *at,
                                  void *base) {
    struct gate_conf *gate = base;
    struct field source = {"source", FIELD_TEXT, .size = sizeof(gate->exempt_sources[0])};
    enum err err = values_read(conf, at, "addresses", source, GATE_SOURCES_MAX,
                               gate->exempt_sources, &gate->exempt_sources_n);
    for (uint8_t i = 0; err == ERR_OK && i < gate->exempt_sources_n; i++) {
        if (!source_is_numeric(gate->exempt_sources[i])) {
            err = conf_expected(conf, conf_element(at, i), "a numeric address or ADDRESS/PREFIX");
        }
    }
    return err;
}

static enum err gate_uids_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct gate_conf *gate = base;
    struct field uid = {"uid", FIELD_COUNT, .size = sizeof(gate->exempt_uids[0])};
    return values_read(conf, at, "user numbers", uid, GATE_UIDS_MAX, gate->exempt_uids,
                       &gate->exempt_uids_n);
}

static const struct field gate_fields[] = {
    {"ports", FIELD_READ, .required = true, .read = gate_ports_read},
    {"exempt_sources", FIELD_READ, .read = gate_sources_read},
    {"exempt_uids", FIELD_READ, .read = gate_uids_read},
    {"family", FIELD_NAME, FIELD_OF(struct gate_conf, family)},
};

static enum err gate_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct gate_conf *gate = &((struct guard_conf *)base)->gate;
    enum err err = conf_group(conf, at, gate_fields, FIELDS_N(gate_fields), gate);
    if (err == ERR_OK && gate->ports_n == 0) {
        return conf_wrong(conf, at,
                          "expected at least one port: a gate without ports guards "
                          "nothing");
    }
    if (err == ERR_OK && !text_equal(gate->family, "inet") && !text_equal(gate->family, "ip") &&
        !text_equal(gate->family, "ip6")) {
        return conf_expected(conf, conf_child(at, "family"), "inet, ip or ip6");
    }
    return err;
}

static const struct field writer_fields[] = {
    {"pidfile", FIELD_PATH, FIELD_OF(struct writer_conf, path)},
    {"cgroup", FIELD_PATH, FIELD_OF(struct writer_conf, path)},
};

static enum err writers_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct guard_conf *guard = base;
    size_t n = 0;
    enum err err = conf_list(conf, at, "writers", GUARD_WRITERS_MAX, &n);
    for (size_t i = 0; i < n && err == ERR_OK; i++) {
        const struct config_setting_t *one = conf_element(at, i);
        struct writer_conf *writer = &guard->writers[i];
        err = conf_group(conf, one, writer_fields, FIELDS_N(writer_fields), writer);
        if (err != ERR_OK) {
            return err;
        }
        bool by_cgroup = conf_child(one, "cgroup") != NULL;
        if (by_cgroup == (conf_child(one, "pidfile") != NULL)) {
            return conf_wrong(conf, one, "expected either pidfile or cgroup");
        }
        writer->kind = by_cgroup ? WRITER_CGROUP : WRITER_PIDFILE;
    }
    guard->writers_n = (uint8_t)n;
    return err;
}

static enum err knocks_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct guard_conf *guard = base;
    struct field knock = {"knock", FIELD_HOST_PORT, .size = sizeof(guard->knocks[0])};
    return values_read(conf, at, "IP:PORT", knock, GUARD_KNOCKS_MAX, guard->knocks,
                       &guard->knocks_n);
}

/* One number, or a list of them. */
static enum err agent_uid_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct guard_conf *guard = base;
    struct field uid = {"agent_uid", FIELD_COUNT, .size = sizeof(guard->agent_uids[0])};
    size_t n;
    struct conf silent = {.file = conf->file};
    if (conf_list(&silent, at, "user numbers", SIZE_MAX, &n) != ERR_OK) {
        guard->agent_uids_n = 1;
        return conf_field(conf, at, &uid, guard->agent_uids);
    }
    return values_read(conf, at, "user numbers", uid, GUARD_AGENT_UIDS_MAX, guard->agent_uids,
                       &guard->agent_uids_n);
}

static const struct field guard_fields[] = {
    {"name", FIELD_NAME, FIELD_OF(struct guard_conf, name), .required = true},
    {"key", FIELD_PATH, FIELD_OF(struct guard_conf, key), .required = true},
    {"pins", FIELD_PATH, FIELD_OF(struct guard_conf, pins), .required = true},
    {"state", FIELD_PATH, FIELD_OF(struct guard_conf, state), .required = true},
    {"socket", FIELD_PATH, FIELD_OF(struct guard_conf, socket), .required = true},
    {"agent_uid", FIELD_READ, .read = agent_uid_read},
    {"gate", FIELD_READ, .required = true, .read = gate_read},
    {"writers", FIELD_READ, .read = writers_read},
    {"watchdog", FIELD_PATH, FIELD_OF(struct guard_conf, watchdog)},
    {"knock", FIELD_READ, .read = knocks_read},
};

static enum err guard_root(struct conf *conf, const struct config_setting_t *at, void *base) {
    return conf_group(conf, at, guard_fields, FIELDS_N(guard_fields), base);
}

enum err guard_conf_read(const char *path, struct guard_conf *ret_conf, struct text256 *reterr) {
    *ret_conf = (struct guard_conf){.gate.family = "inet"};
    return file_read(path, reterr, guard_root, ret_conf);
}

/* ---- coordinator.conf ---- */

static const char *const engine_kinds[] = {"embedded", "etcd", NULL};

static enum err engine_endpoints_read(struct conf *conf, const struct config_setting_t *at,
                                      void *base) {
    struct engine_conf *engine = base;
    struct field endpoint = {"endpoint", FIELD_TEXT, .size = sizeof(engine->endpoints[0])};
    enum err err = values_read(conf, at, "URLs", endpoint, ENGINE_ENDPOINTS_MAX, engine->endpoints,
                               &engine->endpoints_n);
    for (uint8_t i = 0; err == ERR_OK && i < engine->endpoints_n; i++) {
        const char *url = engine->endpoints[i];
        size_t scheme = text_starts(url, "https://") ? 8 : text_starts(url, "http://") ? 7 : 0;
        if (scheme == 0 || !address_is_numeric(url + scheme, false)) {
            err =
                conf_expected(conf, conf_element(at, i), "https://IP:PORT with a numeric address");
        }
    }
    return err;
}

static const struct field engine_fields[] = {
    {"kind", FIELD_CHOICE, FIELD_OF(struct engine_conf, kind), .required = true,
     .choices = engine_kinds},
    {"path", FIELD_PATH, FIELD_OF(struct engine_conf, path)},
    {"endpoints", FIELD_READ, .read = engine_endpoints_read},
    {"ca", FIELD_PATH, FIELD_OF(struct engine_conf, ca)},
    {"cert", FIELD_PATH, FIELD_OF(struct engine_conf, cert)},
    {"key", FIELD_PATH, FIELD_OF(struct engine_conf, key)},
    {"prefix", FIELD_PATH, FIELD_OF(struct engine_conf, prefix)},
};

static enum err engine_read(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct engine_conf *engine = &((struct coordinator_conf *)base)->engine;
    enum err err = conf_group(conf, at, engine_fields, FIELDS_N(engine_fields), engine);
    if (err != ERR_OK) {
        return err;
    }
    bool has_tls = engine->ca[0] != 0 && engine->cert[0] != 0 && engine->key[0] != 0;
    bool any_tls = engine->ca[0] != 0 || engine->cert[0] != 0 || engine->key[0] != 0;
    if (engine->kind == ENGINE_EMBEDDED && (engine->endpoints_n > 0 || any_tls)) {
        return conf_wrong(conf, at, "endpoints, ca, cert and key belong to kind = \"etcd\"");
    }
    if (engine->kind == ENGINE_ETCD && (engine->endpoints_n == 0 || engine->path[0] != 0)) {
        return conf_wrong(conf, at, "kind = \"etcd\" needs endpoints, and takes no path");
    }
    for (uint8_t i = 0; i < engine->endpoints_n; i++) {
        if (text_starts(engine->endpoints[i], "https://") ? !has_tls : any_tls) {
            return conf_wrong(conf, at,
                              "https:// endpoints need ca, cert and key, all three; "
                              "http:// ones take none of them");
        }
    }
    return ERR_OK;
}

static enum err coordinator_secrets_read(struct conf *conf, const struct config_setting_t *at,
                                         void *base) {
    return secrets_read_into(conf, at, &((struct coordinator_conf *)base)->secrets);
}

static const struct field coordinator_fields[] = {
    {"name", FIELD_NAME, FIELD_OF(struct coordinator_conf, name), .required = true},
    {"key", FIELD_PATH, FIELD_OF(struct coordinator_conf, key), .required = true},
    {"state", FIELD_PATH, FIELD_OF(struct coordinator_conf, state), .required = true},
    {"topology", FIELD_PATH, FIELD_OF(struct coordinator_conf, topology)},
    {"engine", FIELD_READ, .read = engine_read},
    {"agents_listen", FIELD_ADDRESS, FIELD_OF(struct coordinator_conf, agents_listen)},
    {"operators_listen", FIELD_ADDRESS, FIELD_OF(struct coordinator_conf, operators_listen)},
    {"http_listen", FIELD_HOST_PORT, FIELD_OF(struct coordinator_conf, http_listen)},
    {"snapshot_every", FIELD_COUNT, FIELD_OF(struct coordinator_conf, snapshot_every), .min = 20,
     .max = 1000000},
    {"recording_directory", FIELD_PATH, FIELD_OF(struct coordinator_conf, recording_directory)},
    {"recording_mib", FIELD_COUNT, FIELD_OF(struct coordinator_conf, recording_mib), .min = 4,
     .max = 1048576},
    {"secrets", FIELD_READ, .read = coordinator_secrets_read},
};

static enum err coordinator_root(struct conf *conf, const struct config_setting_t *at, void *base) {
    struct coordinator_conf *coordinator = base;
    enum err err =
        conf_group(conf, at, coordinator_fields, FIELDS_N(coordinator_fields), coordinator);
    struct engine_conf *engine = &coordinator->engine;
    if (err == ERR_OK && engine->kind == ENGINE_EMBEDDED && engine->path[0] == 0 &&
        !text_format(engine->path, sizeof(engine->path), "%s/log.db", coordinator->state)) {
        return conf_wrong(conf, conf_child(at, "state"), "too long for STATE/log.db");
    }
    return err;
}

enum err coordinator_conf_read(const char *path, struct coordinator_conf *ret_conf,
                               struct text256 *reterr) {
    *ret_conf = (struct coordinator_conf){
        .engine.prefix = "/drover/", .snapshot_every = 4000, .recording_mib = 64};
    return file_read(path, reterr, coordinator_root, ret_conf);
}

/* ---- drover.conf ---- */

static const struct field cli_fields[] = {
    {"key", FIELD_PATH, FIELD_OF(struct cli_conf, key), .required = true},
    {"pins", FIELD_PATH, FIELD_OF(struct cli_conf, pins), .required = true},
    {"timeout", FIELD_DURATION, FIELD_OF(struct cli_conf, timeout_ms), .min = 100, .max = 600000},
};

static enum err cli_root(struct conf *conf, const struct config_setting_t *at, void *base) {
    return conf_group(conf, at, cli_fields, FIELDS_N(cli_fields), base);
}

enum err cli_conf_read(const char *path, struct cli_conf *ret_conf, struct text256 *reterr) {
    *ret_conf = (struct cli_conf){.timeout_ms = 5000};
    return file_read(path, reterr, cli_root, ret_conf);
}

void local_conf_fields_each(void (*each)(void *owner, const char *group, const char *field),
                            void *owner) {
    static const struct {
        const char *group;
        const struct field *fields;
        size_t fields_n;
    } tables[] = {
        {"agent.conf", agent_fields, FIELDS_N(agent_fields)},
        {"agent.conf: soft_fence", soft_fence_fields, FIELDS_N(soft_fence_fields)},
        {"guard.conf", guard_fields, FIELDS_N(guard_fields)},
        {"guard.conf: gate", gate_fields, FIELDS_N(gate_fields)},
        {"guard.conf: writers", writer_fields, FIELDS_N(writer_fields)},
        {"coordinator.conf", coordinator_fields, FIELDS_N(coordinator_fields)},
        {"coordinator.conf: engine", engine_fields, FIELDS_N(engine_fields)},
        {"drover.conf", cli_fields, FIELDS_N(cli_fields)},
    };
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        for (size_t j = 0; j < tables[i].fields_n; j++) {
            each(owner, tables[i].group, tables[i].fields[j].name);
        }
    }
}
