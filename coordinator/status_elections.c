/* Elections inside a region, as this member measured them: what runs, what took too long, the last
 * ones. */
#include "common/io/clock.h"
#include "coordinator/leaders.h"
#include "coordinator/status_parts.h"

#define SHOWN_MS 86400000 /* so long one that took longer than declared is told in the status */

static json_t *past_object(const struct history_election *election) {
    json_t *object = json_object();
    put_wall(object, "began", election->wall_ms);
    put_text(object, "end", election_end_text((enum election_end)election->end));
    put_text(object, "leader_from", election->from);
    put_text(object, "leader_to", election->to);
    put_count(object, "timeline_from", election->timeline_from);
    put_count(object, "timeline_to", election->timeline_to);
    if (election->end == ELECTION_UNSEEN) {
        put_null(object, "at_least_ms");
        put_null(object, "at_most_ms");
    } else {
        put_count(object, "at_least_ms", election->at_least_ms);
        put_count(object, "at_most_ms", election->at_most_ms);
    }
    put_count(object, "within_ms", election->within_ms);
    put_yes(object, "too_long", election->at_most_ms > election->within_ms);
    return object;
}

static json_t *missing_object(const struct leaderless *missing) {
    json_t *object = json_object();
    put_wall(object, "began", missing->wall_ms);
    put_count(object, "at_least_ms", missing->at_least_ms);
    put_count(object, "at_most_ms", missing->at_most_ms);
    return object;
}

json_t *elections_object(const struct answering *answering, uint8_t region, uint8_t component) {
    const struct coordinator *member = answering->member;
    const struct topology *topology = answering->topology;
    uint32_t within_ms = component_failover_within_ms(&topology->components[component]);
    const struct history_election *election;
    struct leaders_figures figures = {0};
    struct leaderless missing;
    json_t *last = json_array(), *object;
    if (within_ms == 0 || topology->regions[region].kind != REGION_DATA) {
        json_decref(last);
        return json_null();
    }
    object = json_object();
    put_count(object, "within_ms", within_ms);
    put_yes(object, "measured", leaders_measured(member, component, region));
    put_object(object, "leaderless",
               leaders_missing(member, component, region, &missing) ? missing_object(&missing)
                                                                    : json_null());
    bool known = leaders_figures_of(member, component, region, &figures);
    put_count(object, "failovers_n", figures.n);
    put_object(object, "p50_ms", known ? json_integer((json_int_t)figures.p50_ms) : json_null());
    put_object(object, "worst_ms",
               known ? json_integer((json_int_t)figures.worst_ms) : json_null());
    for (uint32_t i = 0;
         i < LEADERS_LAST_MAX && (election = leaders_past(member, component, region, i)) != NULL;
         i++) {
        (void)json_array_append_new(last, past_object(election));
    }
    put_object(object, "last", last);
    return object;
}

static void put_alarm(const struct answering *answering, json_t *list, const struct endpoint *at) {
    const struct coordinator *member = answering->member;
    const struct topology *topology = answering->topology;
    const struct component *component = &topology->components[at->component];
    const struct history_election *last = leaders_past(member, at->component, at->region, 0);
    uint64_t wall_ms = clock_wall_ms();
    struct leaderless missing;
    bool runs = leaders_missing(member, at->component, at->region, &missing);
    bool late = last != NULL && last->end != ELECTION_UNSEEN &&
                last->at_most_ms > last->within_ms && last->wall_ms + SHOWN_MS > wall_ms;
    if (!runs && !late) {
        return;
    }
    json_t *object = list_add(list);
    put_text(object, "component", component->name);
    put_text(object, "region", name_region(topology, at->region));
    put_count(object, "within_ms", component_failover_within_ms(component));
    put_object(object, "leaderless", runs ? missing_object(&missing) : json_null());
    put_object(object, "last", late ? past_object(last) : json_null());
}

json_t *election_alarms_list(const struct answering *answering) {
    const struct topology *topology = answering->topology;
    json_t *list = json_array();
    for (uint8_t e = 0; e < topology->endpoints_n; e++) {
        if (component_failover_within_ms(&topology->components[topology->endpoints[e].component]) >
            0) {
            put_alarm(answering, list, &topology->endpoints[e]);
        }
    }
    return list;
}
