/* A component's standing in words: the root cause first, what hangs on it behind. */
#include "coordinator/status_needs.h"

#include <string.h>

#include "common/base/bits.h"

const struct standings *standings_now(const struct coordinator *member) {
    static struct readiness_input input;
    static struct standings standings;
    input = (struct readiness_input){
        .core = &member->core, .topology = member->topology, .target = NONE};
    readiness_agents(member, &input);
    needs_read(&input, &standings);
    return &standings;
}

struct sentence {
    char at[300];
};

static void say(struct sentence *sentence, const char *text) {
    (void)text_append(sentence->at, sizeof sentence->at, text);
}

/* "a", "a and b", "a, b and c". */
static void say_set(const struct topology *topology, uint64_t set, struct sentence *sentence) {
    unsigned left = bits_count(set);
    for (uint8_t c = 0; c < topology->components_n; c++) {
        if (bits_has(set, c)) {
            say(sentence, topology->components[c].name);
            left--;
            say(sentence, left > 1 ? ", " : left == 1 ? " and " : "");
        }
    }
}

/* Of a root that it does not need itself: the ones it needs, by which it needs the root. */
static void say_way(const struct topology *topology, uint8_t component, uint64_t roots,
                    struct sentence *sentence) {
    uint64_t direct = topology->components[component].needs, through = 0;
    for (uint8_t c = 0; c < topology->components_n; c++) {
        bool way = bits_has(direct, c) && (topology_needs_all(topology, c) & roots) != 0;
        through |= way ? bit(c) : 0;
    }
    if ((direct & roots) == 0 && through != 0) {
        say(sentence, ", through ");
        say_set(topology, through, sentence);
    }
}

static void say_needs(const struct topology *topology, const struct component_standing *at,
                      uint8_t component, struct sentence *sentence) {
    bool fails = at->state == STANDING_DEPENDING;
    say(sentence, fails ? "depends on " : "needs ");
    say_set(topology, at->roots, sentence);
    say(sentence, bits_count(at->roots) > 1 ? ", which are down" : ", which is down");
    say_way(topology, component, at->roots, sentence);
    if (!fails) {
        say(sentence, at->checks_n > 0 ? "; its own checks pass" : "; of itself nothing is known");
    }
}

static const struct check_report *failure_of(const struct coordinator *member,
                                             const struct component_standing *at) {
    return at->check == NONE ? NULL : check_report_of(report_of(member, at->agent), at->check);
}

static void say_failure(const struct answering *answering, const struct component_standing *at,
                        struct sentence *sentence) {
    const struct check_report *seen = failure_of(answering->member, at);
    char text[160];
    if (at->state == STANDING_FAILING) {
        (void)text_format(text, sizeof text, "%u of %u checks fail; ", at->failed_n, at->checks_n);
        say(sentence, text);
    }
    (void)text_format(text, sizeof text, "%s: %s",
                      at->check == NONE ? "" : answering->topology->checks[at->check].name,
                      seen == NULL ? "" : seen->detail);
    say(sentence, text);
}

static struct sentence why_of(const struct answering *answering, uint8_t component,
                              const struct component_standing *at) {
    struct sentence why = {""};
    switch (at->state) {
    case STANDING_UNKNOWN: say(&why, "no check says anything of now"); break;
    case STANDING_WELL: say(&why, "its checks pass"); break;
    case STANDING_STANDBY:
        say(&why, "its region takes no writes: ");
        say_failure(answering, at, &why);
        break;
    case STANDING_AT_RISK:
    case STANDING_DEPENDING: say_needs(answering->topology, at, component, &why); break;
    case STANDING_FAILING:
    case STANDING_DOWN:
    default: say_failure(answering, at, &why); break;
    }
    return why;
}

static json_t *names_of(const struct topology *topology, uint64_t set) {
    json_t *list = json_array();
    for (uint8_t c = 0; c < topology->components_n; c++) {
        if (bits_has(set, c)) {
            (void)json_array_append_new(list, json_string(topology->components[c].name));
        }
    }
    return list;
}

static void put_one(const struct answering *answering, json_t *object, uint8_t component,
                    const struct component_standing *at) {
    const struct check_report *seen = failure_of(answering->member, at);
    put_text(object, "standing", standing_text((enum standing)at->state));
    put_text(object, "why", why_of(answering, component, at).at);
    put_object(object, "roots", names_of(answering->topology, at->roots));
    put_object(object, "hurts", names_of(answering->topology, at->hurts));
    if (seen != NULL && seen->since_ms != UINT32_MAX) {
        put_count(object, "for_ms", seen->since_ms + heard_ago_ms(answering->member, at->agent));
    } else {
        put_null(object, "for_ms");
    }
}

void put_standing(struct answering *answering, json_t *object, uint8_t region, uint8_t component) {
    if (answering->standings == NULL) {
        answering->standings = standings_now(answering->member);
    }
    put_one(answering, object, component, &answering->standings->at[region][component]);
}

static void add_trouble(const struct answering *answering, json_t *list, uint8_t region,
                        uint8_t component, const struct component_standing *at) {
    json_t *object = list_add(list);
    put_text(object, "name", name_component(answering->topology, component));
    put_text(object, "region", name_region(answering->topology, region));
    put_one(answering, object, component, at);
}

/* One that hangs on several roots stands behind the first of them. */
static void add_hanging(const struct answering *answering, json_t *list, uint8_t region,
                        uint64_t roots, uint64_t told,
                        const struct component_standing standings[COMPONENTS_MAX]) {
    for (uint8_t c = 0; c < answering->topology->components_n; c++) {
        const struct component_standing *at = &standings[c];
        if ((at->roots & roots) != 0 && (at->roots & told) == 0) {
            add_trouble(answering, list, region, c, at);
        }
    }
}

static unsigned add_region(const struct answering *answering, json_t *list, uint8_t region,
                           const struct component_standing standings[COMPONENTS_MAX]) {
    unsigned n = 0;
    uint64_t told = 0;
    for (uint8_t c = 0; c < answering->topology->components_n; c++) {
        uint8_t state = standings[c].state;
        if (state != STANDING_DOWN && state != STANDING_FAILING) {
            continue;
        }
        n++;
        add_trouble(answering, list, region, c, &standings[c]);
        add_hanging(answering, list, region, bit(c), told, standings);
        told |= bit(c);
    }
    /* What hangs on another region's component. */
    add_hanging(answering, list, region, ~told, told, standings);
    return n;
}

void put_troubles(const struct answering *answering) {
    const struct standings *standings = standings_now(answering->member);
    json_t *list = json_array();
    unsigned n = 0;
    for (uint8_t r = 0; r < answering->topology->regions_n; r++) {
        n += add_region(answering, list, r, standings->at[r]);
    }
    put_object(answering->json, "troubles", list);
    put_count(answering->json, "troubles_n", n);
}
