/* manual: the table, and what several kinds share. */
#include "common/plan/manual.h"

#include <string.h>

#include "common/base/ensure.h"
#include "common/plan/manual_parts.h"
#include "common/topology/fill.h"

/* One row a kind, at its place: a kind without a row fails tests/unit/plan/manual_test.c. */
static const struct manual_kind *const kinds[] = {
    [ACTION_PATRONI_DEMOTE] = &manual_patroni_demote,
    [ACTION_PATRONI_PROMOTE] = &manual_patroni_promote,
    [ACTION_PATRONI_HANDOFF] = &manual_patroni_handoff,
    [ACTION_PG_PROMOTE] = &manual_pg_promote,
    [ACTION_PG_AWAIT_POSITION] = &manual_pg_await_position,
    [ACTION_REDIS_DEMOTE] = &manual_redis_demote,
    [ACTION_REDIS_PROMOTE] = &manual_redis_promote,
    [ACTION_REDIS_HANDOFF] = &manual_redis_handoff,
    [ACTION_DNS_UPDATE] = &manual_dns_update,
    [ACTION_HTTP_CALL] = &manual_http_call,
    [ACTION_EXEC] = &manual_exec,
    [ACTION_APPROVAL] = &manual_approval,
    [ACTION_VERIFY] = &manual_verify,
    [ACTION_PG_REJOIN] = &manual_pg_rejoin,
    [ACTION_KUBERNETES_SCALE] = &manual_kubernetes_scale,
    [ACTION_HAPROXY_SERVER] = &manual_haproxy_server,
    [ACTION_DNS_POWERDNS] = &manual_dns_powerdns,
    [ACTION_FENCE_AGENT] = &manual_fence_agent,
    [ACTION_DNS_ROUTE53] = &manual_dns_route53,
    [ACTION_DNS_CLOUDFLARE] = &manual_dns_cloudflare,
    [ACTION_TRAFFIC_SHIFT] = &manual_traffic_shift,
    [ACTION_S3_DIRECTION] = &manual_s3_direction,
    [ACTION_CLICKHOUSE_RECOVER] = &manual_clickhouse_recover,
    [ACTION_MANUAL] = &manual_manual,
    [ACTION_SMTP_SEND] = &manual_smtp_send,
    [ACTION_PATRONI_SWITCHOVER] = &manual_patroni_switchover,
    [ACTION_SENTINEL_FAILOVER] = &manual_sentinel_failover,
};
_Static_assert(sizeof kinds / sizeof kinds[0] == ACTION_KINDS_N,
               "a new action kind needs its row: what does a person type instead?");

const struct manual_kind *manual_kind_of(enum action_kind kind) {
    ensure(kind < ACTION_KINDS_N);
    return kinds[kind];
}

uint8_t step_acts_in(const struct step *step, uint8_t source, uint8_t target) {
    return step->at_source ? source : target;
}

enum err manual_open(const struct topology *topology, const struct plan *plan, uint8_t step,
                     uint8_t source, uint8_t target, struct manual *ret_manual) {
    ensure(step < plan->steps_n);
    struct manual manual = {
        .topology = topology,
        .plan = plan,
        .step = &plan->steps[step],
        .region = step_acts_in(&plan->steps[step], source, target),
        .peer = step_acts_in(&plan->steps[step], target, source),
        .secrets = MANUAL_SECRETS,
        .programs = MANUAL_PROGRAMS,
    };
    enum err err = topology_step_arguments(topology, manual.step, manual.region, manual.peer,
                                           &manual.arguments);
    if (err == ERR_OK) {
        *ret_manual = manual;
    }
    return err;
}

const char *manual_value(const struct manual *manual, const char *name, const char *broader,
                         const char *otherwise) {
    const char *value = arguments_get(&manual->arguments, name);
    if (value == NULL && broader != NULL) {
        value = arguments_get(&manual->arguments, broader);
    }
    return value != NULL ? value : otherwise;
}

static void manual_facts(const struct manual *manual, struct fill_facts *ret_facts) {
    const struct topology *topology = manual->topology;
    const struct step *step = manual->step;
    uint8_t from = step->at_source ? manual->region : manual->peer;
    uint8_t to = step->at_source ? manual->peer : manual->region;
    const char *facts[FILLS_N] = {
        [FILL_CLUSTER] = topology->cluster,
        [FILL_EXECUTION] = "0",
        [FILL_PLAN] = manual->plan->name,
        [FILL_KIND] = plan_kind_text((enum plan_kind)manual->plan->kind),
        [FILL_FROM] = from < topology->regions_n ? topology->regions[from].name : "",
        [FILL_TO] = to < topology->regions_n ? topology->regions[to].name : "",
        [FILL_STEP] = step->name,
    };
    for (int i = 0; i < (int)FILLS_N; i++) {
        (void)text_copy(ret_facts->at[i], NAME_SIZE, facts[i] != NULL ? facts[i] : "");
    }
}

void manual_filled(const struct manual *manual, const char *text, struct page *page) {
    struct fill_facts facts;
    struct fill_piece piece;
    char words[FILLED_SIZE] = "", some[VALUE_SIZE];
    bool begun = false;
    manual_facts(manual, &facts);
    while (fill_next(&text, &piece)) {
        if (piece.words == NULL && (piece.fill == FILL_EPOCH || piece.fill == FILL_TIME)) {
            if (words[0] != '\0') {
                page_word(page, words);
            }
            page_say(page, piece.fill == FILL_EPOCH ? "\"${DROVER_EPOCH:-0}\""
                                                    : "\"$(date -u +%%FT%%TZ)\"");
            words[0] = '\0';
            begun = true;
        } else if (piece.words == NULL) {
            (void)text_append(words, sizeof words, facts.at[piece.fill]);
        } else {
            (void)text_format(some, sizeof some, "%.*s", (int)piece.n, piece.words);
            (void)text_append(words, sizeof words, some);
        }
    }
    if (words[0] != '\0' || !begun) {
        page_word(page, words);
    }
}

void manual_secret(const struct manual *manual, const char *ref, struct page *page) {
    char path[512];
    (void)text_format(path, sizeof path, "%s/%s", manual->secrets, ref);
    page_say(page, "\"$(head -n 1 ");
    page_word(page, path);
    page_say(page, ")\"");
}

bool manual_part_at(const char *list, unsigned index, char ret_part[VALUE_SIZE]) {
    for (; index > 0; index--) {
        list += strcspn(list, ",");
        if (*list == '\0') {
            return false;
        }
        list++;
    }
    list += strspn(list, " ");
    return text_format(ret_part, VALUE_SIZE, "%.*s", (int)strcspn(list, ", "), list) &&
           ret_part[0] != '\0';
}

bool manual_place_at(const char *list, unsigned index, struct manual_place *ret_place) {
    char part[VALUE_SIZE];
    if (!manual_part_at(list, index, part)) {
        return false;
    }
    char *colon = strrchr(part, ':');
    if (colon == NULL || !text_copy(ret_place->port, sizeof ret_place->port, colon + 1)) {
        return false;
    }
    *colon = '\0';
    size_t host_n = strlen(part);
    bool bracketed = host_n > 2 && part[0] == '[' && part[host_n - 1] == ']';
    if (bracketed) {
        part[host_n - 1] = '\0';
    }
    return text_copy(ret_place->host, sizeof ret_place->host, bracketed ? part + 1 : part);
}
