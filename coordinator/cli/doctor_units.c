/* systemd's order of units, HAProxy's configuration, and the gate's text: judged as texts. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/spawn.h"
#include "coordinator/cli/doctor_parts.h"

#define SHOW_SIZE 65536
#define SHOW_MS 5000
#define STORES_MAX 64
#define SERVICE ".service"

/* -------------------------------------------------------------------------- texts */

void unit_property(const char *text, const char *name, char *out, size_t out_size) {
    size_t name_n = strlen(name);
    out[0] = '\0';
    while (*text != '\0') {
        size_t n = strcspn(text, "\n");
        if (n > name_n && strncmp(text, name, name_n) == 0 && text[name_n] == '=') {
            size_t value_n = n - name_n - 1;
            value_n = value_n < out_size ? value_n : out_size - 1;
            memcpy(out, text + name_n + 1, value_n);
            out[value_n] = '\0';
            return;
        }
        text += n + (text[n] == '\n');
    }
}

bool unit_listed(const char *list, const char *unit) {
    size_t unit_n = strlen(unit);
    while (*list != '\0') {
        list += strspn(list, " ");
        size_t n = strcspn(list, " ");
        if (n == unit_n && strncmp(list, unit, n) == 0) {
            return true;
        }
        list += n;
    }
    return false;
}

const char *unit_next(const char *text, char *out, size_t out_size) {
    while (*text != '\0') {
        const char *unit = text + strspn(text, " ");
        size_t n = strcspn(unit, " \n");
        text = unit + n + strcspn(unit + n, "\n");
        text += *text == '\n';
        if (n == 0 || n >= out_size) {
            continue;
        }
        memcpy(out, unit, n);
        out[n] = '\0';
        if (strstr(out, SERVICE) != NULL && strstr(out, "@.") == NULL) {
            return text;
        }
    }
    return NULL;
}

/* The next line that is no comment, without the space around it. */
static const char *line_next(const char *text, char *out, size_t out_size) {
    for (out[0] = '\0'; *text != '\0';) {
        size_t n = strcspn(text, "\n"), from = strspn(text, " \t");
        size_t size = from < n ? n - from : 0;
        size = size < out_size ? size : out_size - 1;
        memcpy(out, text + from, size);
        out[size] = '\0';
        text += n + (text[n] == '\n');
        if (out[0] != '\0' && out[0] != '#') {
            return text;
        }
        out[0] = '\0';
    }
    return text;
}

bool haproxy_fails_closed(const char *text, const char *writable_listen, struct text256 *reterr) {
    char line[512], section[128] = "", backend[128] = "", rule[160];
    bool asks = false, serves = false, rejects = false;
    /* The backend whose check asks /writable of the agent that listens there ... */
    for (const char *at = text; *at != '\0';) {
        at = line_next(at, line, sizeof line);
        if (text_starts(line, "backend ") || text_starts(line, "listen ")) {
            (void)text_copy(section, sizeof section, strchr(line, ' ') + 1);
        } else if (strstr(line, "/writable") != NULL && strstr(line, "httpchk") == NULL
                       ? text_starts(line, "http-check")
                       : strstr(line, "/writable") != NULL) {
            asks = true;
            (void)text_copy(backend, sizeof backend, section);
        } else if (text_starts(line, "server ") && strstr(line, writable_listen) != NULL) {
            serves = serves || (asks && text_equal(section, backend));
        }
    }
    /* ... and a frontend that turns everybody away while no server of it is up. */
    (void)text_format(rule, sizeof rule, "nbsrv(%s)", backend);
    for (const char *at = text; *at != '\0';) {
        at = line_next(at, line, sizeof line);
        rejects = rejects || (strstr(line, "reject") != NULL && strstr(line, rule) != NULL);
    }
    if (!asks) {
        text_say(reterr, "no health check asks /writable");
    } else if (!serves) {
        text_say(reterr, "backend %s has no server %s", backend, writable_listen);
    } else if (!rejects) {
        text_say(reterr, "no rule rejects connections while %s is 0", rule);
    }
    return asks && serves && rejects;
}

static bool port_named(const char *line, unsigned port) {
    for (const char *at = line; *at != '\0';) {
        if (!isdigit((unsigned char)*at)) {
            at++;
            continue;
        }
        char *end = NULL;
        unsigned long found = strtoul(at, &end, 10);
        if (found == port) {
            return true;
        }
        at = end;
    }
    return false;
}

bool gate_is_whole(const char *text, const struct gate_conf *gate, struct text256 *reterr) {
    char line[1024];
    bool in = false, out = false;
    for (const char *at = text; *at != '\0';) {
        at = line_next(at, line, sizeof line);
        in = in || strstr(line, "hook input") != NULL;
        out = out || strstr(line, "hook output") != NULL;
    }
    if (!in || !out) {
        text_say(reterr, "table inet drover has no chain at the kernel's %s hook",
                 in ? "output" : "input");
        return false;
    }
    for (unsigned p = 0; p < gate->ports_n; p++) {
        bool named = false;
        for (const char *at = text; *at != '\0' && !named;) {
            at = line_next(at, line, sizeof line);
            named = strstr(line, "tcp dport") != NULL && strstr(line, "jump arriving") != NULL &&
                    port_named(line, gate->ports[p]);
        }
        if (!named) {
            text_say(reterr, "port %u of guard.conf does not pass through the gate",
                     gate->ports[p]);
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------------ systemd */

static bool systemctl(const char *const *argv, char *text, size_t text_size) {
    struct spawn_input input = {.path = "/usr/bin/systemctl",
                                .argv = argv,
                                .deadline_boot_ms = clock_boot_ms() + SHOW_MS,
                                .output = text,
                                .output_size = text_size};
    struct spawn_result result;
    struct text256 why = {{0}};
    return spawn_run(&input, &result, &why) == ERR_OK && result.exited && result.exit_code == 0;
}

static bool show_unit(const char *unit, char *text, size_t text_size) {
    const char *const argv[] = {
        "systemctl", "show", unit, "--property", "Id,LoadState,UnitFileState,Before,After", NULL};
    return systemctl(argv, text, text_size);
}

static void look_enabled(struct doctor *doctor, const char *unit, const char *text) {
    char state[64], fix[128];
    unit_property(text, "UnitFileState", state, sizeof state);
    (void)text_format(fix, sizeof fix, "systemctl enable --now %s", unit);
    if (text_equal(state, "enabled")) {
        doctor_say(doctor, DOCTOR_GOOD, unit, NULL, "starts at boot");
    } else {
        doctor_say(doctor, DOCTOR_WRONG, unit, fix, "does not start at boot: %s",
                   state[0] == '\0' ? "no such unit" : state);
    }
}

/* Whatever is a store here, and what leads to it, waits for the guard. */
static void look_store(struct doctor *doctor, const char *unit) {
    static char text[SHOW_SIZE], after[SHOW_SIZE];
    char load[64], id[128], fix[256];
    if (!show_unit(unit, text, sizeof text)) {
        return;
    }
    unit_property(text, "LoadState", load, sizeof load);
    unit_property(text, "Id", id, sizeof id);
    unit_property(text, "After", after, sizeof after);
    if (!text_equal(load, "loaded") || !text_equal(id, unit)) { /* or an alias of another one */
        return;
    }
    if (unit_listed(after, "drover-guard.service")) {
        doctor_say(doctor, DOCTOR_GOOD, id, NULL, "starts behind the guard");
        return;
    }
    (void)text_format(fix, sizeof fix,
                      "install -D -m 644 gated.conf /etc/systemd/system/%s.d/drover.conf; "
                      "systemctl daemon-reload",
                      id);
    doctor_say(doctor, DOCTOR_WRONG, id, fix,
               "does not wait for drover-guard: at boot it may write before the gate is shut");
}

/* The stores' units by systemd's own two lists: what it has loaded, instances as postgresql@15-main
 * and patroni@bud among them, and what is installed. */
static void look_stores(struct doctor *doctor) {
    static const char *const lists[] = {"list-units", "list-unit-files"};
    static char text[SHOW_SIZE], seen[STORES_MAX][128];
    unsigned seen_n = 0;
    for (unsigned l = 0; l < sizeof lists / sizeof lists[0]; l++) {
        const char *const argv[] = {"systemctl",
                                    lists[l],
                                    "--all",
                                    "--full",
                                    "--plain",
                                    "--no-legend",
                                    "--no-pager",
                                    "postgresql*.service",
                                    "patroni*.service",
                                    "redis.service",
                                    "redis@*.service",
                                    "redis-server*.service",
                                    "haproxy*.service",
                                    NULL};
        bool listed = systemctl(argv, text, sizeof text);
        if (!listed && l == 0) { /* the other one's code is 1 when nothing is installed */
            doctor_say(doctor, DOCTOR_SKIPPED, "systemd", NULL,
                       "systemctl did not list the stores' units");
        }
        if (!listed) {
            continue;
        }
        char unit[sizeof seen[0]];
        for (const char *at = text; (at = unit_next(at, unit, sizeof unit)) != NULL;) {
            bool known = seen_n == STORES_MAX;
            for (unsigned i = 0; i < seen_n && !known; i++) {
                known = text_equal(seen[i], unit);
            }
            if (!known && text_copy(seen[seen_n], sizeof seen[0], unit)) {
                seen_n++;
                look_store(doctor, unit);
            }
        }
    }
}

static void look_systemd(struct doctor *doctor) {
    static char text[SHOW_SIZE];
    if (!doctor->has_agent && !doctor->has_guard && !doctor->has_coordinator) {
        return;
    }
    if (access("/run/systemd/system", F_OK) != 0) {
        doctor_say(doctor, DOCTOR_SKIPPED, "systemd", NULL,
                   "does not run here: the order of units was not looked at");
        return;
    }
    static const char *const units[] = {"drover-agent.service", "drover-guard.service",
                                        "drover-coordinator.service"};
    const bool wanted[] = {doctor->has_agent, doctor->has_guard, doctor->has_coordinator};
    for (unsigned i = 0; i < 3; i++) {
        if (wanted[i] && show_unit(units[i], text, sizeof text)) {
            look_enabled(doctor, units[i], text);
        }
    }
    if (doctor->has_guard) {
        look_stores(doctor);
    }
}

/* ------------------------------------------------------------------------ HAProxy */

static void look_haproxy(struct doctor *doctor) {
    static char text[SHOW_SIZE];
    size_t size = 0;
    struct text256 why = {{0}};
    const char *listen = doctor->agent.writable_listen, *path = doctor->haproxy_path;
    if (path[0] == '\0' || !doctor->has_agent || listen[0] == '\0') {
        return;
    }
    if (file_read(path, text, sizeof text, &size, &why) != ERR_OK) {
        doctor_say(doctor, DOCTOR_SKIPPED, "haproxy", "run this as root", "%s", why.at);
    } else if (!haproxy_fails_closed(text, listen, &why)) {
        doctor_say(doctor, DOCTOR_WRONG, "haproxy",
                   "take the lines of docs/readiness.md, \"HAProxy\"",
                   "%s does not fail closed: %s", path, why.at);
    } else {
        doctor_say(doctor, DOCTOR_GOOD, "haproxy", NULL, "%s turns everybody away while %s says no",
                   path, listen);
    }
}

void doctor_units(struct doctor *doctor) {
    look_systemd(doctor);
    look_haproxy(doctor);
}
