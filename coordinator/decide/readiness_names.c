/* Member names of the two Patroni clusters (D12). Where both have a member of one name, that name
 * in synchronous_standby_names fits the other region's standby too: a commit counts as safe here
 * that is only there, or nowhere. */
#include <string.h>

#include "coordinator/decide/readiness.h"

/* What a check of this component in this region told last; "": nothing that is of now. */
static const char *names_of(const struct readiness_input *input, uint8_t component,
                            uint8_t region) {
    const struct topology *topology = input->topology;
    for (uint8_t c = 0; c < topology->checks_n; c++) {
        const struct check *check = &topology->checks[c];
        const struct check_report *seen = check->kind == CHECK_PATRONI &&
                                                  check->component == component &&
                                                  check->region == region && !check->outside
                                              ? readiness_seen(input, check->agent, c)
                                              : NULL;
        bool now = seen != NULL && seen->status != CHECK_UNKNOWN && seen->status != CHECK_STALE;
        const char *names = now ? strstr(seen->detail, PATRONI_NAMES) : NULL;
        if (names != NULL) {
            return names + sizeof PATRONI_NAMES - 1;
        }
    }
    return "";
}

/* The next name at *at, which moves behind it. False behind the last one. */
static bool name_next(const char **at, char ret_name[NAME_SIZE * 2]) {
    size_t n = strcspn(*at, " ");
    if (n == 0 || n >= NAME_SIZE * 2) {
        return false;
    }
    memcpy(ret_name, *at, n);
    ret_name[n] = '\0';
    *at += n + ((*at)[n] == ' ');
    return true;
}

static bool names_shared(const char *ours, const char *theirs, char ret_name[NAME_SIZE * 2]) {
    while (name_next(&ours, ret_name)) {
        char name[NAME_SIZE * 2];
        for (const char *at = theirs; name_next(&at, name);) {
            if (text_equal(name, ret_name)) {
                return true;
            }
        }
    }
    return false;
}

static void read_pair(const struct readiness_input *input, uint8_t component, uint8_t one,
                      uint8_t other, struct readiness *readiness) {
    const struct topology *topology = input->topology;
    const char *ours = names_of(input, component, one);
    const char *theirs = names_of(input, component, other);
    char name[NAME_SIZE * 2] = "";
    if (ours[0] == '\0' || theirs[0] == '\0') {
        return; /* the checks' own lines tell why nothing is known */
    }
    bool shared = names_shared(ours, theirs, name);
    struct readiness_line *line =
        readiness_add(readiness, READY_WARNING, shared ? READINESS_WRONG : READINESS_GOOD, -1,
                      "names %s", topology->components[component].name);
    if (!shared) {
        (void)text_copy(line->text, sizeof line->text, "no member of one cluster is in the other");
        return;
    }
    (void)text_format(
        line->text, sizeof line->text,
        "the Patroni clusters of %s and %s both have a member %.40s: as a synchronous "
        "standby the one is taken for the other",
        topology->regions[one].name, topology->regions[other].name, name);
    (void)text_format(line->fix, sizeof line->fix,
                      "patroni.yml of %s: another `name` for %.40s; restart Patroni there",
                      topology->regions[input->target].name, name);
}

void readiness_names(const struct readiness_input *input, struct readiness *readiness) {
    const struct topology *topology = input->topology;
    for (uint8_t c = 0; c < topology->components_n; c++) {
        for (uint8_t one = 0; one < topology->regions_n; one++) {
            for (uint8_t other = (uint8_t)(one + 1); other < topology->regions_n; other++) {
                read_pair(input, c, one, other, readiness);
            }
        }
    }
}
