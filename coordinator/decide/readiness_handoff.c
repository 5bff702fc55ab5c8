/* Would a switchover be refused before it stops anything? patroni_handoff is, while a replica of
 * the region left runs and does not stream: taken back, that one might lead without its last
 * rows. */
#include <string.h>

#include "coordinator/decide/readiness.h"

static bool is_handed_off(const struct topology *topology, uint8_t component) {
    for (uint8_t p = 0; p < topology->plans_n; p++) {
        const struct plan *plan = &topology->plans[p];
        for (uint8_t s = 0; s < plan->steps_n; s++) {
            if (plan->steps[s].action == ACTION_PATRONI_HANDOFF &&
                plan->steps[s].component == component) {
                return true;
            }
        }
    }
    return false;
}

/* The replica that this check of the owner tells of, as of now. */
static bool replica_told(const struct readiness_input *input, uint8_t c,
                         char ret_name[NAME_SIZE * 2]) {
    const struct check *check = &input->topology->checks[c];
    const struct check_report *seen = readiness_seen(input, check->agent, c);
    if (seen == NULL || seen->status == CHECK_UNKNOWN || seen->status == CHECK_STALE) {
        return false;
    }
    const char *at = strstr(seen->detail, PATRONI_NO_STREAM);
    if (at == NULL) {
        return false;
    }
    at += sizeof PATRONI_NO_STREAM - 1;
    (void)text_format(ret_name, NAME_SIZE * 2, "%.*s", (int)strcspn(at, " ,"), at);
    return true;
}

void readiness_handoff(const struct readiness_input *input, struct readiness *readiness) {
    const struct topology *topology = input->topology;
    char name[NAME_SIZE * 2];
    for (uint8_t c = 0; c < topology->checks_n; c++) {
        const struct check *check = &topology->checks[c];
        if (check->kind != CHECK_PATRONI || check->outside || check->region != input->core->owner ||
            !is_handed_off(topology, check->component) || !replica_told(input, c, name)) {
            continue;
        }
        struct readiness_line *line =
            readiness_add(readiness, READY_WARNING, READINESS_WRONG,
                          (int64_t)(input->agents[check->agent].heard_ago_ms + check->interval_ms +
                                    check->timeout_ms),
                          "hand-off %s", topology->components[check->component].name);
        (void)text_format(line->text, sizeof line->text,
                          "a switchover would be refused: replica %.40s of %s runs and does not "
                          "stream",
                          name, topology->regions[check->region].name);
        (void)text_format(line->fix, sizeof line->fix,
                          "on the host of %.40s, by Patroni's log: patronictl reinit, or stop "
                          "Patroni there, or tag it nofailover",
                          name);
        return; /* the next one is told when this one is mended */
    }
}
