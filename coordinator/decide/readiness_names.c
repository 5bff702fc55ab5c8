/* Member names of the two Patroni clusters (D12). Where both have a member of one name, that name
 * in synchronous_standby_names fits the other region's standby too: a commit counts as safe here
 * that is only there, or nowhere. */
#include <string.h>

#include "coordinator/decide/readiness.h"

/* What a check told of its cluster's members: their names, or the digests of those, or that
 * neither fitted. */
struct names {
    const char *at; /* a blank between; NULL: nothing that is of now */
    bool digests, untold;
};

/* Of the newest word of a check of this component in this region. */
static struct names names_of(const struct readiness_input *input, uint8_t component,
                             uint8_t region) {
    struct names none = {.at = NULL};
    const struct topology *topology = input->topology;
    for (uint8_t c = 0; c < topology->checks_n; c++) {
        const struct check *check = &topology->checks[c];
        const struct check_report *seen = check->kind == CHECK_PATRONI &&
                                                  check->component == component &&
                                                  check->region == region && !check->outside
                                              ? readiness_seen(input, check->agent, c)
                                              : NULL;
        bool now = seen != NULL && seen->status != CHECK_UNKNOWN && seen->status != CHECK_STALE;
        const char *untold = now ? strstr(seen->detail, PATRONI_NAMELESS) : NULL;
        const char *names = now ? strstr(seen->detail, PATRONI_NAMES) : NULL;
        const char *digests = now ? strstr(seen->detail, PATRONI_DIGESTS) : NULL;
        if (untold != NULL || names != NULL || digests != NULL) {
            return (struct names){.at = untold != NULL  ? ""
                                        : names != NULL ? names + sizeof PATRONI_NAMES - 1
                                                        : digests + sizeof PATRONI_DIGESTS - 1,
                                  .digests = names == NULL,
                                  .untold = untold != NULL};
        }
    }
    return none;
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

static bool is_same(const struct names *ours, const char *our_name, const struct names *theirs,
                    const char *their_name) {
    char of_ours[TEXT_DIGEST_SIZE], of_theirs[TEXT_DIGEST_SIZE];
    if (ours->digests == theirs->digests) {
        return text_equal(our_name, their_name);
    }
    text_digest(our_name, of_ours);
    text_digest(their_name, of_theirs);
    return text_equal(ours->digests ? our_name : of_ours, theirs->digests ? their_name : of_theirs);
}

/* ret_name: as a name, where either side tells it so. */
static bool names_shared(const struct names *ours, const struct names *theirs,
                         char ret_name[NAME_SIZE * 2]) {
    for (const char *our_at = ours->at; name_next(&our_at, ret_name);) {
        char name[NAME_SIZE * 2];
        for (const char *at = theirs->at; name_next(&at, name);) {
            if (is_same(ours, ret_name, theirs, name)) {
                (void)text_copy(ret_name, NAME_SIZE * 2, ours->digests ? name : ret_name);
                return true;
            }
        }
    }
    return false;
}

static void read_pair(const struct readiness_input *input, uint8_t component, uint8_t one,
                      uint8_t other, struct readiness *readiness) {
    const struct topology *topology = input->topology;
    struct names ours = names_of(input, component, one);
    struct names theirs = names_of(input, component, other);
    char name[NAME_SIZE * 2] = "";
    if (ours.at == NULL || theirs.at == NULL) {
        return; /* the checks' own lines tell why nothing is known */
    }
    bool untold = ours.untold || theirs.untold;
    bool shared = !untold && names_shared(&ours, &theirs, name);
    struct readiness_line *line =
        readiness_add(readiness, READY_WARNING,
                      untold   ? READINESS_UNKNOWN
                      : shared ? READINESS_WRONG
                               : READINESS_GOOD,
                      -1, "names %s", topology->components[component].name);
    if (untold) {
        (void)text_format(line->text, sizeof line->text,
                          "the names of the Patroni cluster of %s are too long to compare here",
                          topology->regions[ours.untold ? one : other].name);
        (void)text_copy(line->fix, sizeof line->fix,
                        "patronictl list in both regions: no member of one may be in the other");
        return;
    }
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
