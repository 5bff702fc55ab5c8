/* Services that are not stores, by hand. */
#include <string.h>

#include "common/plan/manual_parts.h"

void manual_curl_login(const struct manual *manual, struct page *page) {
    static const char *const options[][2] = {
        {"ca", "--cacert"}, {"certificate", "--cert"}, {"key", "--key"}};
    const char *connect_to = manual_value(manual, "connect_to", NULL, NULL);
    const char *user = manual_value(manual, "user", NULL, NULL);
    const char *password = manual_value(manual, "password_ref", NULL, NULL);
    page_say(page, "curl -sS --fail-with-body --max-time 30");
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        const char *value = manual_value(manual, options[i][0], NULL, NULL);
        if (value != NULL) {
            page_say(page, " %s ", options[i][1]);
            page_word(page, value);
        }
    }
    if (connect_to != NULL) {
        char at[VALUE_SIZE + 3];
        (void)text_format(at, sizeof at, "::%s", connect_to);
        page_say(page, " --connect-to ");
        page_word(page, at);
    }
    if (user != NULL && password != NULL) {
        page_say(page, " -K <(printf 'user = \"%%s:%%s\"\\n' ");
        page_word(page, user);
        page_say(page, " ");
        manual_secret(manual, password, page);
        page_say(page, ")");
    }
}

void manual_curl(const struct manual *manual, const char *method, const char *type,
                 const char *key_header, struct page *page) {
    const char *token = manual_value(manual, "token_ref", NULL, NULL);
    manual_curl_login(manual, page);
    page_say(page, " -X %s", method);
    if (token != NULL) {
        page_say(page, " -H @<(printf '%s%%s\\n' ", key_header);
        manual_secret(manual, token, page);
        page_say(page, ")");
    }
    if (type != NULL) {
        page_say(page, " -H 'Content-Type: %s'", type);
    }
    page_say(page, " ");
}

static void service_curl(const struct manual *manual, const char *method, const char *type,
                         struct page *page) {
    manual_curl(manual, method, type, MANUAL_BEARER, page);
}

/* ---- kubernetes_scale ---- */

/* Of deployment/api in the namespace: its address in the API. */
static void object_word(const struct manual *manual, const char *suffix, struct page *page) {
    const char *workload = manual_value(manual, "workload", NULL, "");
    const char *name = workload + strcspn(workload, "/");
    char url[4 * VALUE_SIZE], group[VALUE_SIZE + 32] = "apps/v1";
    if (text_starts(workload, "machinedeployment/")) {
        (void)text_format(group, sizeof group, "cluster.x-k8s.io/%s",
                          manual_value(manual, "cluster_api", NULL, "v1beta1"));
    }
    (void)text_format(url, sizeof url, "%s/apis/%s/namespaces/%s/%.*ss%s%s",
                      manual_value(manual, "url", NULL, ""), group,
                      manual_value(manual, "namespace", NULL, ""), (int)(name - workload), workload,
                      name, suffix);
    page_word(page, url);
}

/* What a check kept beside the step's agent, a line a workload. */
static void levels_command(const struct manual *manual, const char *levels, struct page *page) {
    char path[VALUE_SIZE + 64];
    (void)text_format(path, sizeof path, MANUAL_STATE "/levels-%s", levels);
    page_say(page, "$(awk -v workload=");
    page_word(page, manual_value(manual, "workload", NULL, ""));
    page_say(page, " '$1 == workload { print $2 }' ");
    page_word(page, path);
    page_say(page, ") # on the host of the step's agent; its first line: when that was seen\n"
                   ": \"${REPLICAS:?none was kept for it}\"");
}

static void kubernetes_command(const struct manual *manual, struct page *page) {
    const char *replicas = manual_value(manual, "replicas", NULL, NULL);
    const char *levels = manual_value(manual, "levels", NULL, NULL);
    const char *add = manual_value(manual, "add", NULL, NULL);
    page_say(page, "# the same as: kubectl -n ");
    page_word(page, manual_value(manual, "namespace", NULL, ""));
    page_say(page, " scale ");
    page_word(page, manual_value(manual, "workload", NULL, ""));
    page_say(page, " --replicas N. Leave alone what has more already.\nREPLICAS=");
    if (replicas != NULL) {
        page_word(page, replicas);
    } else if (levels != NULL) {
        levels_command(manual, levels, page);
    } else {
        page_say(page, add != NULL ? "$(( $(" : "$(");
        service_curl(manual, "GET", NULL, page);
        object_word(manual, "", page);
        page_say(page, add != NULL ? " | jq .spec.replicas) + "
                                   : " | jq -r '.metadata.annotations[\"drover/baseline\"]"
                                     " | split(\"replicas=\")[1]')");
        if (add != NULL) {
            page_word(page, add);
            page_say(page, " )) # once only: the annotation drover/baseline says what it was");
        }
    }
    page_say(page, "\n");
    service_curl(manual, "PATCH", "application/merge-patch+json", page);
    page_say(page, "-d '{\"spec\":{\"replicas\":'\"$REPLICAS\"'}}' ");
    object_word(manual, "/scale", page);
    page_say(page, "\n");
}

static void kubernetes_check(const struct manual *manual, struct page *page) {
    page_say(page, "# ready: at least %s %% of those wished for\n",
             manual_value(manual, "min_percent", NULL, "100"));
    service_curl(manual, "GET", NULL, page);
    object_word(manual, "", page);
    page_say(page, " | jq -c '[.spec.replicas, .status.readyReplicas]'\n");
}

const struct manual_kind manual_kubernetes_scale = {
    .kind = ACTION_KUBERNETES_SCALE,
    .does = "So many replicas, or nodes, are there and ready.",
    .place = "any host that reaches the region's API server",
    .undo = "The same command with the number from before; drover does it with baseline = yes, "
            "down = yes.",
    .command = kubernetes_command,
    .check = kubernetes_check,
};

/* ---- haproxy_server ---- */

/* One line for the runtime socket, by bash alone or by socat. */
static void haproxy_line(const struct manual *manual, const char *line, struct page *page) {
    const char *socket = manual_value(manual, "socket", NULL, "");
    char at[VALUE_SIZE + 16];
    (void)text_format(at, sizeof at, "%s%s", socket[0] == '/' ? "UNIX-CONNECT:" : "TCP:", socket);
    page_say(page, "printf '%%s\\n' ");
    page_word(page, line);
    page_say(page, " | socat -t 5 - ");
    page_word(page, at);
    page_say(page, "\n");
}

static void haproxy_command(const struct manual *manual, struct page *page) {
    const char *backend = manual_value(manual, "backend", NULL, "");
    bool shutdown = text_equal(manual_value(manual, "sessions", NULL, "leave"), "shutdown");
    char server[VALUE_SIZE], line[3 * VALUE_SIZE];
    page_say(page, "# an empty answer is success\n");
    for (unsigned i = 0; manual_part_at(manual_value(manual, "servers", NULL, ""), i, server);
         i++) {
        (void)text_format(line, sizeof line, "set server %s/%s state %s", backend, server,
                          manual_value(manual, "state", NULL, ""));
        haproxy_line(manual, line, page);
        if (shutdown) {
            (void)text_format(line, sizeof line, "shutdown sessions server %s/%s", backend, server);
            haproxy_line(manual, line, page);
        }
    }
}

/* Other bits follow other servers, names or the file, and may be set beside these. */
static void haproxy_check(const struct manual *manual, struct page *page) {
    const char *state = manual_value(manual, "state", NULL, "");
    char line[VALUE_SIZE + 32];
    page_say(page, "# srv_admin_state, the seventh, is a sum of bits: %s\n",
             text_equal(state, "maint")   ? "1 is in it"
             : text_equal(state, "drain") ? "8 is in it, and 1 is not"
                                          : "neither 1 nor 8 is in it");
    (void)text_format(line, sizeof line, "show servers state %s",
                      manual_value(manual, "backend", NULL, ""));
    haproxy_line(manual, line, page);
}

const struct manual_kind manual_haproxy_server = {
    .kind = ACTION_HAPROXY_SERVER,
    .does = "HAProxy treats these servers as ready, drained or in maintenance.",
    .place = "the host of HAProxy, as a user who may write to its socket",
    .undo = "The same command with the state from before.",
    .command = haproxy_command,
    .check = haproxy_check,
};

/* ---- fence_agent ---- */

/* The device's program and options are in a file that no topology knows. */
static void fence_line(const struct manual *manual, const char *action, struct page *page) {
    page_say(page, "\"$PROGRAM\" < <(cat \"$OPTIONS\"; echo action=%s)", action);
    page_say(page, " # ");
    page_word(page, manual_value(manual, "device", NULL, ""));
    page_say(page, "\n");
}

static void fence_command(const struct manual *manual, struct page *page) {
    const char *state = manual_value(manual, "state", NULL, "off");
    page_say(page, "# PROGRAM, and in the file OPTIONS (mode 0600) its name=value lines, as "
                   "agent.conf says in fence_devices for ");
    page_word(page, manual_value(manual, "device", NULL, ""));
    page_say(page, "\n: \"${PROGRAM:?}\" \"${OPTIONS:?}\"\n");
    fence_line(manual, text_equal(state, "on") ? "on" : "off", page);
}

static void fence_check(const struct manual *manual, struct page *page) {
    bool on = text_equal(manual_value(manual, "state", NULL, "off"), "on");
    page_say(page, "# exit code %s\n", on ? "0: on" : "2: off");
    fence_line(manual, "status", page);
}

const struct manual_kind manual_fence_agent = {
    .kind = ACTION_FENCE_AGENT,
    .does = "The machine is off (or on), by its fence device's own word.",
    .place = "the host of the step's agent, which reaches the device",
    .undo = "The same command with on, once the machine may come back.",
    .command = fence_command,
    .check = fence_check,
};
