/* The declared backups, one line each: a takeover that goes wrong falls back on them, whichever
 * region they were made in. A backup is as its worst check; one that no check looks at is told. */
#include "common/topology/duration.h"
#include "coordinator/decide/readiness.h"

static const char *type_of(const struct check *check) {
    const char *what = arguments_get(&check->arguments, "what");
    if (check->kind == CHECK_KUBERNETES && what != NULL && text_equal(what, "velero")) {
        return "velero";
    }
    return arguments_get(&check->arguments, "backup");
}

uint8_t backup_of_check(const struct topology *topology, const struct check *check,
                        const char **ret_type) {
    *ret_type = type_of(check);
    for (uint8_t b = 0; *ret_type != NULL && b < topology->backups_n; b++) {
        const struct backup *backup = &topology->backups[b];
        if (check->component == backup->component && text_equal(*ret_type, backup->type)) {
            return b;
        }
    }
    return NONE;
}

/* From the best to the worst. */
enum seen_state { SEEN_NONE = 0, SEEN_WELL, SEEN_LIMIT, SEEN_UNKNOWN, SEEN_FAILED };

static enum seen_state state_of(const struct check_report *seen) {
    if (seen == NULL) {
        return SEEN_UNKNOWN;
    }
    switch (seen->status) {
    case CHECK_OK: return SEEN_WELL;
    case CHECK_WARN:
    case CHECK_SUSPECT: return SEEN_LIMIT;
    case CHECK_FAILED: return SEEN_FAILED;
    case CHECK_UNKNOWN:
    case CHECK_STALE:
    default: return SEEN_UNKNOWN;
    }
}

struct worst {
    enum seen_state state;
    const struct check *check; /* NULL while the state is NONE */
    const struct check_report *seen;
    bool checked; /* by somebody, heard or not */
};

/* What a silent agent would say is told with the agent. */
static struct worst worst_of(const struct readiness_input *input, uint8_t b) {
    const struct topology *topology = input->topology;
    struct worst worst = {.state = SEEN_NONE};
    for (uint8_t c = 0; c < topology->checks_n; c++) {
        const struct check *check = &topology->checks[c];
        const char *type = NULL;
        if (backup_of_check(topology, check, &type) != b) {
            continue;
        }
        worst.checked = true;
        if (check->outside || !readiness_agent_speaks(input, check->agent)) {
            continue;
        }
        const struct check_report *seen = readiness_seen(input, check->agent, c);
        enum seen_state state = state_of(seen);
        if (state > worst.state) {
            worst.state = state;
            worst.check = check;
            worst.seen = seen;
        }
    }
    return worst;
}

static void fix_say(const struct worst *worst, const struct backup *backup,
                    struct readiness_line *line) {
    if (!worst->checked) {
        (void)text_format(line->fix, sizeof line->fix,
                          "give a check backup = \"%s\", then: drover config apply topology.conf",
                          backup->type);
        return;
    }
    (void)text_copy(line->fix, sizeof line->fix,
                    worst->check->fix[0] != '\0' ? worst->check->fix : "look: drover backups");
}

static void read_backup(const struct readiness_input *input, uint8_t b,
                        struct readiness *readiness) {
    const struct backup *backup = &input->topology->backups[b];
    struct worst worst = worst_of(input, b);
    enum readiness_state state =
        !worst.checked || worst.state == SEEN_LIMIT || worst.state == SEEN_FAILED ? READINESS_WRONG
        : worst.state == SEEN_UNKNOWN ? READINESS_UNKNOWN
                                      : READINESS_GOOD;
    if (worst.checked && worst.state == SEEN_NONE) {
        return;
    }
    struct readiness_line *line =
        readiness_add(readiness, READY_WARNING, state, -1, "backup %s of %s", backup->type,
                      input->topology->components[backup->component].name);
    const char *detail = worst.seen != NULL ? worst.seen->detail : "";
    if (!worst.checked) {
        (void)text_format(line->text, sizeof line->text, "declared, and no check looks at it");
    } else if (worst.state == SEEN_UNKNOWN) {
        (void)text_format(line->text, sizeof line->text, "%s: nothing is known of it",
                          worst.check->name);
    } else {
        (void)text_format(line->text, sizeof line->text, "%s: %s", worst.check->name, detail);
    }
    if (state != READINESS_GOOD) {
        fix_say(&worst, backup, line);
    }
}

void readiness_backups(const struct readiness_input *input, struct readiness *readiness) {
    for (uint8_t b = 0; b < input->topology->backups_n; b++) {
        if (!input->topology->components[input->topology->backups[b].component].excluded) {
            read_backup(input, b, readiness);
        }
    }
}
