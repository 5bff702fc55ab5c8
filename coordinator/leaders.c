/* Reports in, elections out: which checks tell of a component's leader, and what became of it. */
#include "coordinator/leaders.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/clock.h"
#include "common/io/log.h"
#include "coordinator/member.h"

#define WATCHED_MAX 16               /* components of the active region */
#define TELLER_INTERVAL_MAX_MS 60000 /* a slower check does not even tell who leads */
#define AGE_MAX_MS 600000            /* of a reading in a report; older: its agent's clock jumped */

struct watched {
    uint8_t component;
    bool measured; /* a check looks often enough */
    struct election_watch watch;
};

/* Where a check's readings go. */
struct check_place {
    uint8_t watched, source;  /* NONE: nowhere */
    bool writes_itself;       /* it takes "writable" to find writes taken; else the role */
    char server[LEADER_SIZE]; /* the server that it looks at; "": whoever is behind an address */
    uint64_t boot;            /* of the agent that told its newest reading, */
    uint32_t run;             /* which was this one */
};

struct leaders {
    struct history *history;
    uint32_t version; /* of the topology, and the epoch, that the rest is of */
    uint64_t epoch;
    bool made, open;
    uint8_t region, watched_n;
    struct watched watched[WATCHED_MAX];
    struct check_place places[CHECKS_MAX];
    uint32_t past_first, past_n; /* ring, oldest first */
    struct history_election past[HISTORY_ELECTIONS_MAX];
};

/* ------------------------------------------------------------------ the last ones */

static const struct history_election *past_nth(const struct leaders *leaders, uint32_t nth) {
    uint32_t at = leaders->past_first + leaders->past_n - 1 - nth;
    return &leaders->past[at % HISTORY_ELECTIONS_MAX];
}

static void past_add(struct leaders *leaders, const struct history_election *election) {
    uint32_t at = leaders->past_first + leaders->past_n;
    leaders->past[at % HISTORY_ELECTIONS_MAX] = *election;
    if (leaders->past_n < HISTORY_ELECTIONS_MAX) {
        leaders->past_n++;
    } else {
        leaders->past_first = (leaders->past_first + 1) % HISTORY_ELECTIONS_MAX;
    }
}

/* The newest comes first: the ring is filled from its end. */
static void past_read(void *owner, const struct history_election *election) {
    struct leaders *leaders = owner;
    if (election->end < ELECTION_ENDS_N && leaders->past_n < HISTORY_ELECTIONS_MAX) {
        leaders->past_n++;
        leaders->past_first = HISTORY_ELECTIONS_MAX - leaders->past_n;
        leaders->past[leaders->past_first] = *election;
    }
}

struct leaders *leaders_open(struct history *history) {
    struct leaders *leaders = calloc(1, sizeof *leaders);
    if (leaders != NULL) {
        leaders->history = history;
        history_elections(history, leaders, past_read);
    }
    return leaders;
}

void leaders_close(struct leaders *leaders) {
    free(leaders);
}

static bool is_of(const struct topology *topology, const struct history_election *election,
                  uint8_t component, uint8_t region) {
    return text_equal(election->component, topology->components[component].name) &&
           text_equal(election->region, topology->regions[region].name);
}

const struct history_election *leaders_past(const struct coordinator *member, uint8_t component,
                                            uint8_t region, uint32_t nth) {
    const struct leaders *leaders = member->leaders;
    for (uint32_t i = 0; leaders != NULL && i < leaders->past_n; i++) {
        const struct history_election *election = past_nth(leaders, i);
        if (is_of(member->topology, election, component, region) && nth-- == 0) {
            return election;
        }
    }
    return NULL;
}

const struct history_election *leaders_last(const struct coordinator *member, uint8_t component,
                                            uint8_t region, enum election_end end) {
    const struct leaders *leaders = member->leaders;
    for (uint32_t i = 0; leaders != NULL && i < leaders->past_n; i++) {
        const struct history_election *election = past_nth(leaders, i);
        if (election->end == end && is_of(member->topology, election, component, region)) {
            return election;
        }
    }
    return NULL;
}

uint64_t leaders_count(const struct coordinator *member, uint8_t component, uint8_t region,
                       enum election_end end) {
    const struct history_election *last = leaders_last(member, component, region, end);
    return last != NULL ? last->nth : 0;
}

bool leaders_figures_of(const struct coordinator *member, uint8_t component, uint8_t region,
                        struct leaders_figures *ret_figures) {
    const struct leaders *leaders = member->leaders;
    uint64_t sorted[LEADERS_LAST_MAX];
    uint32_t n = 0;
    for (uint32_t i = 0; leaders != NULL && i < leaders->past_n && n < LEADERS_LAST_MAX; i++) {
        const struct history_election *election = past_nth(leaders, i);
        if (election->end != ELECTION_CHANGED ||
            !is_of(member->topology, election, component, region)) {
            continue;
        }
        uint32_t at = n++;
        for (; at > 0 && sorted[at - 1] > election->at_most_ms; at--) {
            sorted[at] = sorted[at - 1];
        }
        sorted[at] = election->at_most_ms;
    }
    if (n > 0) {
        *ret_figures = (struct leaders_figures){n, sorted[(n - 1) / 2], sorted[n - 1]};
    }
    return n > 0;
}

/* ---------------------------------------------------------------- what is watched */

static bool looks_at_store(enum check_kind kind) {
    return kind == CHECK_POSTGRESQL || kind == CHECK_PG_CANARY || kind == CHECK_PG_REPLICATION ||
           kind == CHECK_REDIS || kind == CHECK_REDIS_CANARY || kind == CHECK_REDIS_REPLICATION;
}

static bool writes_itself(const struct check *check, const struct arguments *arguments) {
    return check->kind == CHECK_PG_CANARY || check->kind == CHECK_REDIS_CANARY ||
           (check->kind == CHECK_POSTGRESQL && arguments_get(arguments, "table") != NULL) ||
           (check->kind == CHECK_REDIS && arguments_get(arguments, "write_key") != NULL);
}

/* The server's own address; behind the endpoint's address it is now this one and now that. */
static void server_of(const struct topology *topology, const struct check *check,
                      const struct arguments *arguments, char ret_server[LEADER_SIZE]) {
    uint8_t endpoint = topology_endpoint(topology, check->component, check->region);
    const char *address = arguments_get(arguments, "address");
    bool direct = check->kind == CHECK_POSTGRESQL || check->kind == CHECK_REDIS;
    ret_server[0] = '\0';
    if (direct && address != NULL && strlen(address) < LEADER_SIZE &&
        (endpoint == NONE || !text_equal(address, topology->endpoints[endpoint].address))) {
        (void)text_copy(ret_server, LEADER_SIZE, address);
    }
}

static void check_place(struct leaders *leaders, const struct topology *topology, uint8_t c,
                        uint8_t w) {
    const struct check *check = &topology->checks[c];
    struct watched *watched = &leaders->watched[w];
    struct check_place *place = &leaders->places[c];
    struct arguments arguments;
    bool of_it = check->component == watched->component && check->region == leaders->region;
    bool cluster = check->kind == CHECK_PATRONI || check->kind == CHECK_SENTINEL;
    bool store = looks_at_store((enum check_kind)check->kind);
    if (!of_it || check->outside || !(cluster || store) ||
        check->interval_ms > TELLER_INTERVAL_MAX_MS ||
        topology_check_arguments(topology, check, &arguments) != ERR_OK) {
        return;
    }
    server_of(topology, check, &arguments, place->server);
    bool writes = store && check->interval_ms <= LEADERS_INTERVAL_MAX_MS;
    enum election_teller teller = cluster                    ? TELLS_CLUSTER
                                  : place->server[0] != '\0' ? TELLS_SERVER
                                                             : TELLS_NOBODY;
    place->writes_itself = writes_itself(check, &arguments);
    place->source = writes || teller != TELLS_NOBODY
                        ? election_source_add(&watched->watch, writes, teller, check->interval_ms,
                                              check->timeout_ms)
                        : NONE;
    place->watched = place->source == NONE ? NONE : w;
    watched->measured = watched->measured || (writes && place->source != NONE);
}

/* Anew with each topology and epoch: what a region loses with its lease is no election. */
static bool is_current(const struct coordinator *member) {
    const struct leaders *leaders = member->leaders;
    const struct core *core = &member->core;
    return leaders->made && leaders->version == core->config_version &&
           leaders->epoch == core->epoch && leaders->open == (core->open != 0) &&
           leaders->region == core->owner;
}

static void make(struct coordinator *member) {
    struct leaders *leaders = member->leaders;
    const struct core *core = &member->core;
    const struct topology *topology = member->topology;
    leaders->made = true;
    leaders->version = core->config_version;
    leaders->epoch = core->epoch;
    leaders->open = core->open != 0;
    leaders->region = core->owner;
    leaders->watched_n = 0;
    for (uint16_t c = 0; c < CHECKS_MAX; c++) {
        leaders->places[c] = (struct check_place){.watched = NONE, .source = NONE};
    }
    for (uint8_t k = 0; leaders->open && leaders->region < topology->regions_n &&
                        k < topology->components_n && leaders->watched_n < WATCHED_MAX;
         k++) {
        if (component_failover_within_ms(&topology->components[k]) == 0 ||
            topology_endpoint(topology, k, leaders->region) == NONE) {
            continue;
        }
        struct watched *watched = &leaders->watched[leaders->watched_n++];
        *watched = (struct watched){.component = k};
        election_watch_init(&watched->watch);
        for (uint8_t c = 0; c < topology->checks_n; c++) {
            check_place(leaders, topology, c, (uint8_t)(leaders->watched_n - 1));
        }
    }
}

/* ------------------------------------------------------------------ hearing, telling */

static void over(struct coordinator *member, const struct watched *watched,
                 const struct election *election) {
    struct leaders *leaders = member->leaders;
    const struct component *component = &member->topology->components[watched->component];
    uint64_t now_ms = member_now_ms();
    struct history_election row = {.at_least_ms = election->at_least_ms,
                                   .at_most_ms = election->at_most_ms,
                                   .within_ms = component_failover_within_ms(component),
                                   .timeline_from = election->timeline_from,
                                   .timeline_to = election->timeline_to,
                                   .end = election->end};
    row.wall_ms = clock_wall_ms() - (now_ms > election->began_ms ? now_ms - election->began_ms : 0);
    row.nth = 1 + leaders_count(member, watched->component, leaders->region,
                                (enum election_end)election->end);
    (void)text_copy(row.component, sizeof row.component, component->name);
    (void)text_copy(row.region, sizeof row.region, member->topology->regions[leaders->region].name);
    (void)text_copy(row.from, sizeof row.from, election->from);
    (void)text_copy(row.to, sizeof row.to, election->to);
    past_add(leaders, &row);
    history_election(leaders->history, member, &row);
    log_event(row.at_most_ms > row.within_ms ? LOG_WARNING : LOG_NOTICE, "component.election",
              "component=%s region=%s end=%s from=\"%s\" to=\"%s\" at_least_ms=%" PRIu64
              " at_most_ms=%" PRIu64 " within_ms=%" PRIu64 " timeline=%u..%u",
              row.component, row.region, election_end_text((enum election_end)row.end), row.from,
              row.to, row.at_least_ms, row.at_most_ms, row.within_ms, row.timeline_from,
              row.timeline_to);
}

/* By this member's own clock: now, less the reading's age when the report was written. What the
 * report took to come is in every reading alike, but for its changes. */
static bool reading_of(const struct check_place *place, const struct check_report *from,
                       uint64_t now_ms, struct election_reading *ret_reading) {
    bool primary = from->role == STORE_PRIMARY;
    if (from->began_ago_ms >= now_ms || from->began_ago_ms > AGE_MAX_MS) {
        return false;
    }
    *ret_reading =
        (struct election_reading){.source = place->source,
                                  .takes_writes = place->writes_itself ? from->writable : primary,
                                  .began_ms = now_ms - from->began_ago_ms,
                                  .ended_ms = now_ms - from->ended_ago_ms,
                                  .timeline = from->timeline,
                                  .leader = from->leader};
    if (place->server[0] != '\0') {
        ret_reading->leader = primary ? place->server : "";
    }
    return true;
}

void leaders_hear(struct coordinator *member, const struct report *report, uint8_t agent) {
    struct leaders *leaders = member->leaders;
    uint64_t now_ms = member_now_ms();
    if (leaders == NULL || !member->caught_up) {
        return;
    }
    if (!is_current(member)) {
        make(member);
    }
    for (uint16_t i = 0; i < report->checks_n; i++) {
        const struct check_report *from = &report->checks[i];
        struct check_place *place = &leaders->places[from->check];
        struct election_reading reading;
        struct election election;
        bool again = place->boot == report->boot && place->run == from->run;
        if (place->watched == NONE || from->run == 0 || again ||
            !facts_check_is_of(member->topology, from->check, agent) ||
            !reading_of(place, from, now_ms, &reading)) {
            continue;
        }
        place->boot = report->boot;
        place->run = from->run;
        struct watched *watched = &leaders->watched[place->watched];
        if (election_hear(&watched->watch, &reading, &election)) {
            over(member, watched, &election);
        }
    }
}

void leaders_look(struct coordinator *member) {
    struct leaders *leaders = member->leaders;
    struct election election;
    if (leaders == NULL || !member->topology_known || !member->caught_up || !is_current(member)) {
        return;
    }
    for (uint8_t w = 0; w < leaders->watched_n; w++) {
        if (election_look(&leaders->watched[w].watch, member_now_ms(), &election)) {
            over(member, &leaders->watched[w], &election);
        }
    }
}

static const struct watched *watched_of(const struct coordinator *member, uint8_t component,
                                        uint8_t region) {
    const struct leaders *leaders = member->leaders;
    if (leaders == NULL || !is_current(member) || leaders->region != region) {
        return NULL;
    }
    for (uint8_t w = 0; w < leaders->watched_n; w++) {
        if (leaders->watched[w].component == component) {
            return &leaders->watched[w];
        }
    }
    return NULL;
}

bool leaders_measured(const struct coordinator *member, uint8_t component, uint8_t region) {
    const struct watched *watched = watched_of(member, component, region);
    return watched != NULL && watched->measured;
}

bool leaders_missing(const struct coordinator *member, uint8_t component, uint8_t region,
                     struct leaderless *ret_missing) {
    const struct watched *watched = watched_of(member, component, region);
    uint64_t now_ms = member_now_ms(), began_ms = 0, wall_ms = clock_wall_ms();
    if (watched == NULL ||
        !election_runs(&watched->watch, now_ms, &began_ms, &ret_missing->at_least_ms)) {
        return false;
    }
    ret_missing->at_most_ms = now_ms - began_ms;
    ret_missing->wall_ms = wall_ms - ret_missing->at_most_ms;
    return true;
}
