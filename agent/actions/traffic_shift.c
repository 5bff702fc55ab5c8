/* traffic_shift: changes nothing; measures behind a DNS step how the traffic follows. What share of
 * the authorities and of the recursive resolvers says the new value, and how many of the old
 * region's sessions are gone: the least of them is how far the traffic is, and the outcome tells
 * when that was 95, 99 and 100 percent. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/actions/actions.h"
#include "agent/actions/dns_record.h"
#include "agent/actions/dns_wire.h"
#include "agent/actions/haproxy_reply.h"
#include "agent/actions/haproxy_socket.h"
#include "common/io/clock.h"

#define ASK_MS 1000
#define STAT_SIZE (256u * 1024)
#define EVERY_MS 1000
#define MARKS_N 3

static const unsigned marks[MARKS_N] = {95, 99, 100};

struct shift {
    const struct action_input *input;
    char name[DNS_NAME_SIZE], value[DNS_VALUE_SIZE];
    const char *type, *socket;
    struct places servers, resolvers;
    struct parts frontends;
    unsigned enough; /* percent */
    char *stat;      /* STAT_SIZE */
    struct text256 why;
};

/* One look. */
struct sample {
    unsigned servers_new_n, servers_n; /* of those that answer */
    unsigned resolvers_new_n, resolvers_n;
    uint32_t ttl_left_s; /* of the old value, the longest in a resolver's cache */
    bool stat_read;
    uint64_t sessions;
    unsigned percent;
};

static enum err shift_open(const struct arguments *arguments, struct shift *shift,
                           struct text256 *reterr) {
    memset(shift, 0, sizeof *shift);
    enum err err = action_args_accept(ACTION_TRAFFIC_SHIFT, arguments, reterr);
    if (err != ERR_OK) {
        return err;
    }
    shift->type = arg_text(arguments, "type", "");
    shift->socket = arg_text(arguments, "old_socket", NULL);
    shift->enough = (unsigned)arg_number(arguments, "percent", 100);
    (void)arg_places(arguments, "servers", &shift->servers);
    (void)arg_places(arguments, "resolvers", &shift->resolvers);
    bool names = arg_text(arguments, "old_frontends", NULL) == NULL ||
                 arg_parts(arguments, "old_frontends", &shift->frontends);
    for (uint8_t i = 0; i < shift->frontends.n; i++) {
        names = names && haproxy_name(shift->frontends.at[i]);
    }
    if (!names ||
        !dns_name_full(shift->name, sizeof shift->name, "", arg_text(arguments, "name", "")) ||
        dns_value_canonical(shift->name, shift->type, arg_text(arguments, "value", ""),
                            shift->value) != ERR_OK) {
        text_say(reterr, "expected a shorter name, a value of its type, and in old_frontends "
                         "HAProxy's names, up to 8 with commas between");
        return ERR_CONFIG;
    }
    return ERR_OK;
}

static enum err shift_accepts(const struct arguments *arguments, struct text256 *reterr) {
    struct shift shift;
    return shift_open(arguments, &shift, reterr);
}

/* Does the server say the new value, and no other? False: it does not answer. */
static bool server_ask(const struct shift *shift, const struct place *server, bool recursive,
                       bool *ret_new, uint32_t *ret_ttl_s) {
    struct dns_message query;
    struct dns_rrset rrset;
    struct text256 why;
    uint8_t reply[DNS_WIRE_SIZE];
    size_t size = 0;
    if (dns_query_build(shift->name, shift->type, recursive, &query) != ERR_OK ||
        dns_exchange(server, query.wire, query.size,
                     act_within(ASK_MS, shift->input->deadline_boot_ms), reply, sizeof reply,
                     &size) != ERR_OK ||
        dns_reply_parse(&query, reply, size, shift->name, shift->type, recursive, &rrset, &why) !=
            ERR_OK) {
        return false;
    }
    *ret_new = rrset.n == 1 && text_equal(rrset.value[0], shift->value);
    *ret_ttl_s = rrset.ttl;
    return true;
}

static void servers_look(const struct shift *shift, struct sample *sample) {
    bool is_new = false;
    uint32_t ttl_s = 0;
    for (uint8_t i = 0; i < shift->servers.n; i++) {
        if (server_ask(shift, &shift->servers.at[i], false, &is_new, &ttl_s)) {
            sample->servers_n++;
            sample->servers_new_n += is_new ? 1 : 0;
        }
    }
    for (uint8_t i = 0; i < shift->resolvers.n; i++) {
        if (server_ask(shift, &shift->resolvers.at[i], true, &is_new, &ttl_s)) {
            sample->resolvers_n++;
            sample->resolvers_new_n += is_new ? 1 : 0;
            if (!is_new && ttl_s > sample->ttl_left_s) {
                sample->ttl_left_s = ttl_s;
            }
        }
    }
}

/* All frontends' current sessions in one answer. False: HAProxy is not reached, or has no such
 * frontend. */
static bool sessions_look(const struct shift *shift, uint64_t *ret_sessions) {
    uint64_t deadline_boot_ms = act_within(ASK_MS, shift->input->deadline_boot_ms), one = 0;
    size_t n = 0;
    struct text256 why;
    *ret_sessions = 0;
    if (haproxy_exchange(shift->socket, "show stat -1 1 -1\n", deadline_boot_ms, shift->stat,
                         STAT_SIZE, &n, &why) != ERR_OK) {
        return false;
    }
    for (uint8_t i = 0; i < shift->frontends.n; i++) {
        if (haproxy_frontend_parse(shift->stat, shift->frontends.at[i], &one, &why) != ERR_OK) {
            return false;
        }
        *ret_sessions += one;
    }
    return true;
}

static unsigned share(uint64_t part, uint64_t whole) {
    return whole == 0 ? 0 : (unsigned)(part * 100 / whole);
}

static unsigned least(unsigned a, unsigned b) {
    return a < b ? a : b;
}

/* most_sessions: the most that were ever seen here. Who is asked for and does not answer holds
 * nothing up as long as another one does; the outcome names it. */
static void sample_judge(const struct shift *shift, uint64_t most_sessions, struct sample *sample) {
    unsigned percent = 100;
    bool any = sample->stat_read;
    if (sample->servers_n > 0) {
        any = true;
        percent = least(percent, share(sample->servers_new_n, sample->servers_n));
    }
    if (sample->resolvers_n > 0) {
        any = true;
        percent = least(percent, share(sample->resolvers_new_n, sample->resolvers_n));
    }
    if (shift->socket != NULL && sample->stat_read && most_sessions > 0) {
        percent = least(percent, share(most_sessions - sample->sessions, most_sessions));
    }
    sample->percent = any ? percent : 0;
}

/* "95 % after 3.1 s, 99 % 3.1 s, 100 % 4.0 s; authorities 1/1, resolvers 2/2 (TTL left 3 s),
 * sessions 10 to 0". */
static void outcome_say(const struct shift *shift, const uint64_t *reached_ms,
                        const struct sample *last, uint32_t ttl_left_s, uint64_t most_sessions,
                        struct text256 *out) {
    char part[80];
    out->at[0] = '\0';
    for (unsigned i = 0; i < MARKS_N; i++) {
        (void)text_format(part, sizeof part, "%s%u %% ", i > 0 ? ", " : "", marks[i]);
        (void)text_append(out->at, sizeof out->at, part);
        if (reached_ms[i] == UINT64_MAX) {
            (void)text_append(out->at, sizeof out->at, "not reached");
            continue;
        }
        (void)text_format(part, sizeof part, "after %" PRIu64 ".%" PRIu64 " s",
                          reached_ms[i] / 1000, reached_ms[i] % 1000 / 100);
        (void)text_append(out->at, sizeof out->at, part);
    }
    if (shift->servers.n > 0) {
        (void)text_format(part, sizeof part, "; authorities %u/%u", last->servers_new_n,
                          shift->servers.n);
        (void)text_append(out->at, sizeof out->at, part);
    }
    if (shift->resolvers.n > 0) {
        (void)text_format(part, sizeof part, "; resolvers %u/%u, TTL left %" PRIu32 " s",
                          last->resolvers_new_n, shift->resolvers.n, ttl_left_s);
        (void)text_append(out->at, sizeof out->at, part);
    }
    if (shift->socket != NULL && !last->stat_read) {
        (void)text_append(out->at, sizeof out->at, "; old sessions not reachable");
    } else if (shift->socket != NULL) {
        (void)text_format(part, sizeof part, "; old sessions %" PRIu64 " to %" PRIu64,
                          most_sessions, last->sessions);
        (void)text_append(out->at, sizeof out->at, part);
    }
}

static struct action_result shift_measure(struct shift *shift) {
    uint64_t start_ms = clock_boot_ms(), most_sessions = 0;
    uint64_t reached_ms[MARKS_N] = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
    uint32_t every_ms = (uint32_t)arg_number(shift->input->arguments, "every_ms", EVERY_MS);
    uint32_t ttl_left_s = 0;
    struct text256 line;
    for (bool first = true;; first = false) {
        struct sample sample = {.percent = 0};
        servers_look(shift, &sample);
        sample.stat_read = shift->socket != NULL && sessions_look(shift, &sample.sessions);
        most_sessions = sample.sessions > most_sessions ? sample.sessions : most_sessions;
        ttl_left_s = sample.ttl_left_s > ttl_left_s ? sample.ttl_left_s : ttl_left_s;
        sample_judge(shift, most_sessions, &sample);
        for (unsigned i = 0; i < MARKS_N; i++) { /* what comes back was not there yet */
            if (sample.percent < marks[i]) {
                reached_ms[i] = UINT64_MAX;
            } else if (reached_ms[i] == UINT64_MAX) {
                reached_ms[i] = clock_boot_ms() - start_ms;
            }
        }
        outcome_say(shift, reached_ms, &sample, ttl_left_s, most_sessions, &line);
        if (sample.percent >= shift->enough) {
            return act_done(first, "%.159s", line.at);
        }
        if (shift->input->observe_only) {
            return act_failed(ERR_FAILED, "%.159s", line.at);
        }
        if (!act_pause(every_ms, shift->input->deadline_boot_ms) ||
            act_left_ms(shift->input->deadline_boot_ms) == 0) {
            return act_failed(ERR_TIMEOUT, "%.159s", line.at);
        }
    }
}

static struct action_result shift_run(const struct action_input *input) {
    struct shift shift;
    struct text256 why = {""};
    enum err err = shift_open(input->arguments, &shift, &why);
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", why.at);
    }
    shift.input = input;
    shift.stat = malloc(STAT_SIZE);
    if (shift.stat == NULL) {
        return act_failed(ERR_NO_MEMORY, "no memory for an answer");
    }
    struct action_result result = shift_measure(&shift);
    free(shift.stat);
    return result;
}

const struct action_kind_row row_traffic_shift = {
    .kind = ACTION_TRAFFIC_SHIFT,
    .run = shift_run,
    .accepts = shift_accepts,
    .needs_lease = false,
    .arguments_help = "name, type=A|AAAA|CNAME, value, servers=IP:53,... (authorities), "
                      "resolvers=IP:53,..., old_socket=/path|IP:PORT and old_frontends of the old "
                      "region's HAProxy, percent=100, every_ms=1000",
    .by_hand = "dig @<each of {servers}> {name} {type} +norecurse; dig @<each of {resolvers}> "
               "{name} {type}; echo 'show stat -1 1 -1' | socat stdio {old_socket}: scur",
};
