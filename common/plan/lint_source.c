/* A failover must not need the region it leaves: not its hosts, not its names, not what stands only
 * there (D6). Where a step acts is E174's question; this is about what it uses. */
#include <string.h>

#include "common/plan/lint_parts.h"

/* ---- hosts in a text ---- */

struct host {
    char at[VALUE_SIZE];
};

static bool host_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '-';
}

/* The next host of *at: a run of letters, digits, dots and dashes with a dot inside, not part of
 * a path and with no underscore beside it. "http://10.71.0.11:8008/x" has one, "/usr/lib/a.b" none,
 * "public.drover_epoch" none. IPv6 is not looked for. */
static bool host_next(const char **at, struct host *ret_host) {
    const char *c = *at;
    char before = ' ';
    while (*c != '\0') {
        size_t n = 0;
        while (host_letter(c[n])) {
            n++;
        }
        if (n == 0) {
            /* "//" begins an authority; one slash goes on with a path. */
            before = c[0] == '/' && before == '/' ? ' ' : c[0];
            c++;
            continue;
        }
        bool alone = before != '/' && before != '_' && c[n] != '_';
        const char *dot = memchr(c, '.', n);
        bool dotted = dot != NULL && dot > c && (size_t)(dot - c) + 1 < n;
        if (alone && dotted && n < sizeof ret_host->at) {
            memcpy(ret_host->at, c, n);
            ret_host->at[n] = '\0';
            *at = c + n;
            return true;
        }
        before = c[n - 1];
        c += n;
    }
    *at = c;
    return false;
}

/* Is a label of the name the region's: "primary-lb.region1"? */
static bool host_names_region(const char *host, const char *region) {
    size_t region_n = strlen(region);
    while (*host != '\0') {
        size_t n = strcspn(host, ".");
        if (n == region_n && memcmp(host, region, n) == 0) {
            return true;
        }
        host += n + (host[n] == '.');
    }
    return false;
}

static bool text_has_host(const char *text, const char *host) {
    struct host one;
    while (host_next(&text, &one)) {
        if (text_equal(one.at, host)) {
            return true;
        }
    }
    return false;
}

static bool region_has_host(const struct topology *topology, uint8_t region, const char *host) {
    for (uint8_t i = 0; i < topology->endpoints_n; i++) {
        const struct endpoint *endpoint = &topology->endpoints[i];
        bool has = endpoint->region == region && text_has_host(endpoint->address, host);
        for (uint8_t a = 0; endpoint->region == region && a < endpoint->arguments.n && !has; a++) {
            has = text_has_host(endpoint->arguments.at[a].value, host);
        }
        if (has) {
            return true;
        }
    }
    return false;
}

/* A host of both regions (a global name, a name server in the monitoring region) is not lost. */
static bool host_is_left(const struct topology *topology, const char *host, uint8_t source) {
    if (host_names_region(host, topology->regions[source].name)) {
        return true;
    }
    if (!region_has_host(topology, source, host)) {
        return false;
    }
    for (uint8_t region = 0; region < topology->regions_n; region++) {
        if (region != source && region_has_host(topology, region, host)) {
            return false;
        }
    }
    return true;
}

/* ---- steps ---- */

/* What the other side is called is for the way back; the old value is a condition. */
static bool argument_is_used(const char *name) {
    return !text_starts(name, "peer_") && !text_equal(name, "old_value") &&
           !text_equal(name, "protected");
}

static bool lint_values(const struct topology *topology, const struct plan *plan,
                        const struct step *step, uint8_t source, uint8_t target,
                        struct findings *findings) {
    struct arguments arguments;
    if (topology_step_arguments(topology, step, target, source, &arguments) != ERR_OK) {
        return false; /* E156 says so */
    }
    for (uint8_t a = 0; a < arguments.n; a++) {
        const char *text = arguments.at[a].value;
        struct host host;
        while (argument_is_used(arguments.at[a].name) && host_next(&text, &host)) {
            if (host_is_left(topology, host.at, source)) {
                LINT(findings, LINT_SOURCE_VALUE,
                     where("plans.%s.steps.%s", plan->name, step->name).at,
                     "from %s to %s its argument %s uses %.80s, which is of %s: lost with it",
                     topology->regions[source].name, topology->regions[target].name,
                     arguments.at[a].name, host.at, topology->regions[source].name);
                return true;
            }
        }
    }
    return false;
}

/* Somewhere, and in `source` only. */
static bool component_is_left(const struct topology *topology, uint8_t component, uint8_t source) {
    bool there = false, elsewhere = false;
    for (uint8_t i = 0; i < topology->endpoints_n; i++) {
        if (topology->endpoints[i].component == component) {
            there = there || topology->endpoints[i].region == source;
            elsewhere = elsewhere || topology->endpoints[i].region != source;
        }
    }
    return there && !elsewhere;
}

static bool lint_needs(const struct topology *topology, const struct plan *plan,
                       const struct step *step, uint8_t source, struct findings *findings) {
    uint64_t needs = topology_needs_all(topology, step->component);
    for (uint8_t c = 0; c < topology->components_n; c++) {
        if (bits_has(needs, c) && component_in_scope(&topology->components[c]) &&
            component_is_left(topology, c, source)) {
            LINT(findings, LINT_SOURCE_NEED, where("plans.%s.steps.%s", plan->name, step->name).at,
                 "%s needs %s, which is in %s only: lost with it",
                 topology->components[step->component].name, topology->components[c].name,
                 topology->regions[source].name);
            return true;
        }
    }
    return false;
}

/* One finding of each kind a step is enough: both ways are looked at. */
static void lint_step(const struct topology *topology, const struct plan *plan,
                      const struct step *step, struct findings *findings) {
    bool value = false, need = step->component == NONE;
    for (uint8_t source = 0; source < topology->regions_n; source++) {
        if (!region_is_data(topology, source)) {
            continue;
        }
        need = need || lint_needs(topology, plan, step, source, findings);
        for (uint8_t target = 0; target < topology->regions_n; target++) {
            value = value || (target != source && region_is_data(topology, target) &&
                              lint_values(topology, plan, step, source, target, findings));
        }
    }
}

void lint_source(const struct topology *topology, struct findings *findings) {
    for (uint8_t i = 0; i < topology->plans_n; i++) {
        const struct plan *plan = &topology->plans[i];
        for (uint8_t s = 0; s < plan->steps_n && plan->kind == PLAN_FAILOVER; s++) {
            if (!plan->steps[s].at_source) {
                lint_step(topology, plan, &plan->steps[s], findings);
            }
        }
    }
}
