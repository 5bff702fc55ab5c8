/* What one region has is compared with what the other has: the same figure, of both. */
#include "common/topology/topology_check_parts.h"

/* More of its figure is better. */
static bool counts_what_is_there(const struct check *check) {
    const char *what = arguments_get(&check->arguments, "what");
    if (check->kind == CHECK_KUBERNETES) {
        return what != NULL && (text_equal(what, "nodes") || text_equal(what, "allocatable") ||
                                text_equal(what, "workloads"));
    }
    if (check->kind == CHECK_S3) {
        return what != NULL && (text_equal(what, "capacity") || text_equal(what, "servers"));
    }
    return check->kind == CHECK_STORAGE || check->kind == CHECK_HAPROXY ||
           check->kind == CHECK_PROMETHEUS || check->kind == CHECK_EXEC;
}

static bool argument_same(const struct check *a, const struct check *b, const char *name) {
    const char *of_a = arguments_get(&a->arguments, name);
    const char *of_b = arguments_get(&b->arguments, name);
    return of_a == NULL || of_b == NULL ? of_a == of_b : text_equal(of_a, of_b);
}

static bool figure_same(const struct check *a, const struct check *b) {
    return a->kind == b->kind && argument_same(a, b, "what") && argument_same(a, b, "resource") &&
           argument_same(a, b, "figure");
}

static void check_one(const struct topology *topology, const struct parity *parity,
                      struct findings *findings) {
    struct where at = where("parity.%s.checks", parity->name);
    if (parity->checks_n < 2) {
        FOUND(findings, FINDING_PARITY, at.at, "expected a check of each of two data regions");
    }
    for (uint8_t i = 0; i < parity->checks_n; i++) {
        const struct check *check = &topology->checks[parity->checks[i]];
        const struct check *first = &topology->checks[parity->checks[0]];
        if (!region_is_data(topology, check->region) || check->outside || check->link != NONE) {
            FOUND(findings, FINDING_PARITY, at.at,
                  "%s: expected a check of a data region, by one agent, that measures no link",
                  check->name);
        } else if (!counts_what_is_there(check)) {
            FOUND(findings, FINDING_PARITY, at.at,
                  "%s: expected a kubernetes check of nodes, allocatable or workloads, s3 of "
                  "capacity or servers, or one of storage, haproxy, prometheus, exec: its figure "
                  "counts what is there",
                  check->name);
        } else if (!figure_same(first, check)) {
            FOUND(findings, FINDING_PARITY, at.at,
                  "%s and %s: expected one kind, with the same what, resource and figure",
                  first->name, check->name);
        }
        for (uint8_t j = 0; j < i; j++) {
            if (topology->checks[parity->checks[j]].region == check->region) {
                FOUND(findings, FINDING_PARITY, at.at, "%s and %s: expected one check a region",
                      topology->checks[parity->checks[j]].name, check->name);
            }
        }
    }
}

void check_parity(const struct topology *topology, struct findings *findings) {
    for (uint8_t i = 0; i < topology->parity_n; i++) {
        check_one(topology, &topology->parity[i], findings);
    }
}
