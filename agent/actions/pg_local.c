/* pg_local: see pg_local.h. */
#include "agent/actions/pg_local.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "common/base/ensure.h"
#include "common/io/spawn.h"

#define SETPRIV "/usr/bin/setpriv"
#define ARGUMENTS_MAX 12

enum err pg_local_open(const struct action_input *input, struct pg_local *ret_local,
                       struct text256 *reterr) {
    char buffer[2048];
    struct passwd entry;
    struct passwd *found = NULL;
    const char *user = arg_text(input->arguments, "run_as", "postgres");
    memset(ret_local, 0, sizeof *ret_local);
    ret_local->pg_ctl = arg_text(input->arguments, "pg_ctl", NULL);
    ret_local->data_directory = arg_text(input->arguments, "data_directory", NULL);
    if (ret_local->pg_ctl == NULL || ret_local->data_directory == NULL) {
        text_say(reterr, "arguments \"pg_ctl\" and \"data_directory\" are needed");
        return ERR_CONFIG;
    }
    if (getpwnam_r(user, &entry, buffer, sizeof buffer, &found) != 0 || found == NULL) {
        text_say(reterr, "run_as: there is no user %.32s on this host", user);
        return ERR_CONFIG;
    }
    if (entry.pw_uid == geteuid()) {
        return ERR_OK;
    }
    if (geteuid() != 0 || entry.pw_uid == 0) {
        text_say(reterr, "run_as: we may not become %.32s", user);
        return ERR_DENIED;
    }
    (void)text_format(ret_local->uid, sizeof ret_local->uid, "%u", (unsigned)entry.pw_uid);
    (void)text_format(ret_local->gid, sizeof ret_local->gid, "%u", (unsigned)entry.pw_gid);
    return ERR_OK;
}

/* The last line that is not empty says why a PostgreSQL program failed. */
static void last_line(char *out, size_t out_size, const char *text) {
    const char *line = text;
    for (const char *at = text; *at != '\0'; at++) {
        if (at[0] == '\n' && at[1] != '\0') {
            line = at + 1;
        }
    }
    act_line(out, out_size, line);
}

enum err pg_local_run(const struct pg_local *local, const char *program,
                      const char *const *arguments, uint64_t deadline_boot_ms, char *out,
                      size_t out_size, struct text256 *reterr) {
    char path[VALUE_SIZE + 32];
    char errors[512];
    const char *argv[ARGUMENTS_MAX + 9];
    size_t n = 0;
    const char *slash = strrchr(local->pg_ctl, '/');
    ensure(slash != NULL);
    if (!text_format(path, sizeof path, "%.*s/%s", (int)(slash - local->pg_ctl), local->pg_ctl,
                     program)) {
        return ERR_CONFIG;
    }
    if (local->uid[0] != '\0') {
        const char *const become[] = {SETPRIV,    "--reuid",       local->uid, "--regid",
                                      local->gid, "--init-groups", "--"};
        memcpy(argv, become, sizeof become);
        n = sizeof become / sizeof become[0];
    }
    argv[n++] = path;
    for (size_t i = 0; arguments[i] != NULL; i++) {
        ensure(i < ARGUMENTS_MAX);
        argv[n++] = arguments[i];
    }
    argv[n] = NULL;
    struct spawn_input spawn = {.path = argv[0],
                                .argv = argv,
                                .deadline_boot_ms = deadline_boot_ms,
                                .output = out,
                                .output_size = out_size,
                                .errors = errors,
                                .errors_size = sizeof errors};
    struct spawn_result result;
    enum err err = spawn_run(&spawn, &result, reterr);
    if (err != ERR_OK) {
        return err;
    }
    if (!result.exited || result.exit_code != 0) {
        char line[120];
        last_line(line, sizeof line, errors[0] != '\0' ? errors : out);
        text_say(reterr, "%s: %s", program, line[0] != '\0' ? line : "failed without a word");
        return ERR_FAILED;
    }
    return ERR_OK;
}

/* The value behind "label:" on a line of its own. */
static bool control_field(const char *text, const char *label, char *out, size_t out_size) {
    size_t n = strlen(label);
    for (const char *line = text; line != NULL && *line != '\0'; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, label, n) == 0 && line[n] == ':') {
            const char *value = line + n + 1;
            value += strspn(value, " \t");
            act_line(out, out_size, value);
            return true;
        }
    }
    return false;
}

enum err pg_control_parse(const char *text, struct pg_control *ret_control,
                          struct text256 *reterr) {
    struct pg_control control;
    char value[64];
    uint64_t timeline = 0;
    memset(&control, 0, sizeof control);
    if (!control_field(text, "Database cluster state", control.state_text,
                       sizeof control.state_text) ||
        !control_field(text, "Database system identifier", control.system_identifier,
                       sizeof control.system_identifier) ||
        !control_field(text, "Latest checkpoint location", value, sizeof value) ||
        !arg_lsn_parse(value, &control.checkpoint_lsn) ||
        !control_field(text, "Latest checkpoint's TimeLineID", value, sizeof value) ||
        !text_to_u64(value, UINT32_MAX, &timeline)) {
        text_say(reterr, "pg_controldata: a field is missing or malformed");
        return ERR_FORMAT;
    }
    control.timeline = (uint32_t)timeline;
    if (text_equal(control.state_text, "in production")) {
        control.state = PG_CONTROL_RUNNING;
    } else if (text_equal(control.state_text, "shutting down")) {
        control.state = PG_CONTROL_STOPPING;
    } else if (text_equal(control.state_text, "shut down")) {
        control.state = PG_CONTROL_SHUT;
    } else if (text_equal(control.state_text, "in archive recovery") ||
               text_equal(control.state_text, "shut down in recovery")) {
        control.state = PG_CONTROL_STANDBY;
    }
    *ret_control = control;
    return ERR_OK;
}

enum err pg_control_read(const struct pg_local *local, uint64_t deadline_boot_ms,
                         struct pg_control *ret_control, struct text256 *reterr) {
    char text[8192];
    const char *const arguments[] = {"-D", local->data_directory, NULL};
    enum err err = pg_local_run(local, "pg_controldata", arguments,
                                act_within(5000, deadline_boot_ms), text, sizeof text, reterr);
    return err != ERR_OK ? err : pg_control_parse(text, ret_control, reterr);
}

static enum err local_stop(const struct pg_local *local, const char *mode,
                           uint64_t deadline_boot_ms, struct text256 *reterr) {
    char text[1024];
    char seconds[16];
    uint32_t left_ms = act_left_ms(deadline_boot_ms);
    (void)text_format(seconds, sizeof seconds, "%u", left_ms / 1000 > 0 ? left_ms / 1000 : 1U);
    const char *const arguments[] = {"stop",  "-D", local->data_directory, "-m", mode, "-w", "-t",
                                     seconds, NULL};
    return pg_local_run(local, "pg_ctl", arguments, deadline_boot_ms, text, sizeof text, reterr);
}

enum err pg_local_stop(const struct pg_local *local, uint64_t deadline_boot_ms,
                       struct text256 *reterr) {
    return local_stop(local, "fast", deadline_boot_ms, reterr);
}

enum err pg_local_stop_at_once(const struct pg_local *local, uint64_t deadline_boot_ms,
                               struct text256 *reterr) {
    return local_stop(local, "immediate", deadline_boot_ms, reterr);
}
