/* doctor_parts: inside of the doctor; only doctor*.c include this. */
#ifndef DROVER_CLI_DOCTOR_PARTS_H
#define DROVER_CLI_DOCTOR_PARTS_H

#include <sys/types.h>

#include "coordinator/cli/cli.h"

enum doctor_state {
    DOCTOR_GOOD = 0,
    DOCTOR_WARNING = 1,
    DOCTOR_WRONG = 2,
    DOCTOR_SKIPPED = 3 /* could not be looked at; the text says why */
};

/* The files that were found, what was read of them, and the lines so far. */
struct doctor {
    struct session *session;
    json_t *lines;
    unsigned n[4]; /* by state */
    bool has_agent, has_guard, has_coordinator, has_cli;
    char agent_path[CONF_PATH_SIZE], guard_path[CONF_PATH_SIZE], coordinator_path[CONF_PATH_SIZE],
        cli_path[CONF_PATH_SIZE], topology_path[CONF_PATH_SIZE], haproxy_path[CONF_PATH_SIZE];
    struct agent_conf agent;
    struct guard_conf guard;
    struct coordinator_conf coordinator;
    struct topology *pins;     /* of the first local file that names some; cluster "" without */
    struct topology *in_force; /* as the members gave it; version 0 without */
};

/* One line: subject "agent key", what is so, and the command that mends it (NULL of a good one). */
void doctor_say(struct doctor *doctor, enum doctor_state state, const char *subject,
                const char *fix, const char *format, ...) __attribute__((format(printf, 5, 6)));

/* doctor_files.c: configurations, pins, keys, secrets, directories. */
void doctor_files(struct doctor *doctor);
/* doctor_keys.c: the keyfile of this kind and name, read as its owner will read it. */
void doctor_key(struct doctor *doctor, const char *path, enum key_kind kind, const char *name,
                const char *state);
void doctor_secrets(struct doctor *doctor, const char *program, const struct secrets *secrets,
                    const char *state);
/* "drover" or "104". Static: used up by the next call. */
const char *doctor_user(uid_t uid);
/* Becomes the file's owner for a moment, when this is root; nothing otherwise. */
void doctor_become(uid_t uid, gid_t gid);
void doctor_return(void);

/* doctor_members.c: are they there, are they who they are said to be, do they agree. */
void doctor_members(struct doctor *doctor);

/* doctor_host.c: processes, the gate, ports, clocks, the watchdog. */
void doctor_host(struct doctor *doctor);
/* Does somebody accept connections at tcp://IP:PORT, within two seconds? */
bool doctor_connects(const char *address);

/* doctor_units.c: systemd's order and HAProxy's configuration. */
void doctor_units(struct doctor *doctor);

/* What is judged by text alone; for tests too. */
/* Lines "Name=value" of `systemctl show`; the value of the first such name, or "". */
void unit_property(const char *text, const char *name, char *out, size_t out_size);
/* Is `unit` one of the words of a list? */
bool unit_listed(const char *list, const char *unit);
/* The first word of the next line of `systemctl list-units` or `list-unit-files` (--plain,
 * --no-legend) that is a service and no template; returns what follows that line, or NULL at the
 * end. */
const char *unit_next(const char *text, char *out, size_t out_size);
/* Does this HAProxy configuration refuse connections when no agent says writable? Says in reterr
 * what is missing. */
bool haproxy_fails_closed(const char *text, const char *writable_listen, struct text256 *reterr);
/* Does the guard's table, as `nft list table inet drover` prints it, hook both ways and name each
 * port? */
bool gate_is_whole(const char *text, const struct gate_conf *gate, struct text256 *reterr);

#endif
