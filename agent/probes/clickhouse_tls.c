/* TLS between ClickHouse's replicas. Each says in the keeper at which address the others fetch from
 * it, and whether by http or https: that is what they use, whatever a configuration file says. One
 * handshake with each then shows the version, with certificate and name verified; the two ends of a
 * fetch agree on the newest that both know, as we do. */
#include <stdlib.h>
#include <string.h>

#include "agent/probes/clickhouse_client.h"
#include "agent/probes/reading.h"
#include "common/io/http_sync.h"

#define BODY_SIZE 16384

/* What is the matter with how many, and the first of them by name. */
struct finding_of {
    unsigned n;
    char first[CLICKHOUSE_NAME_SIZE];
};

struct tls_view {
    unsigned all_n;
    struct finding_of plain, older, not_tls, untrusted, unknown;
};

static void found(struct finding_of *finding, const char *name) {
    if (finding->n++ == 0) {
        (void)text_copy(finding->first, sizeof finding->first, name);
    }
}

/* ClickHouse's own words for `path` are let through unless they would need quoting. */
static bool path_fits(const char *path) {
    return path[0] == '/' && strpbrk(path, "'\\\"`") == NULL;
}

static bool handshake_url(const struct clickhouse_replica *replica, char *ret_url,
                          size_t url_size) {
    bool v6 = strchr(replica->host, ':') != NULL;
    return text_format(ret_url, url_size, "https://%s%s%s:%u/", v6 ? "[" : "", replica->host,
                       v6 ? "]" : "", (unsigned)replica->port);
}

/* False: ret_reading says why nothing can be told. */
static bool handshake_judge(const struct probe_input *input, const char *name,
                            const struct clickhouse_replica *replica, unsigned left,
                            struct tls_view *view, struct reading *ret_reading) {
    char url[WEB_URL_SIZE], body[256];
    struct text256 why = {""};
    struct http_sync_answer answer;
    const char *ca = parameter_text(input->arguments, "ca", NULL);
    struct http_sync_request request = {
        .method = "GET",
        .url = url,
        .ca_file = parameter_text(input->arguments, "replication_ca", ca),
        .certificate_file = parameter_text(input->arguments, "certificate", NULL),
        .key_file = parameter_text(input->arguments, "key", NULL),
        .tls13_only = text_equal(parameter_text(input->arguments, "replication_tls", ""), "1.3"),
        .may_truncate = true,
        .deadline_boot_ms = probe_deadline_share_ms(input->deadline_boot_ms, left),
        .answer = body,
        .answer_size = sizeof body,
    };
    enum err err =
        handshake_url(replica, url, sizeof url) ? http_sync(&request, &answer, &why) : ERR_TOO_BIG;
    if (err == ERR_CONFIG) {
        *ret_reading = reading_failed(err, "%s", why.at); /* of our own: the CA cannot be read */
    } else if (err != ERR_OK) {
        struct finding_of *finding = err == ERR_UNSUPPORTED ? &view->older
                                     : err == ERR_FORMAT    ? &view->not_tls
                                     : err == ERR_AUTH      ? &view->untrusted
                                                            : &view->unknown;
        found(finding, name);
    }
    /* An answer of any status will do: what it is asked is for the fetching replica to know. */
    return err != ERR_CONFIG;
}

/* False: the keeper does not tell, and ret_reading why. */
static bool replica_judge(const struct probe_input *input, const char *keeper_path,
                          const char *name, unsigned left, struct tls_view *view,
                          struct reading *ret_reading) {
    char query[768], body[BODY_SIZE];
    struct http_sync_answer answer;
    struct clickhouse_replica replica;
    if (!text_format(query, sizeof query,
                     "SELECT value FROM system.zookeeper WHERE path = '%s/replicas/%s' AND name = "
                     "'host' FORMAT JSONEachRow",
                     keeper_path, name)) {
        *ret_reading = reading_failed(ERR_TOO_BIG, "the table's path with the keeper is too long");
        return false;
    }
    if (!clickhouse_ask(input, NULL, query, body, sizeof body, &answer, ret_reading)) {
        return false;
    }
    if (answer.answer_n == 0) {
        found(&view->unknown, name); /* made, and never up since */
    } else if (clickhouse_replica_parse(body, answer.answer_n, &replica) != ERR_OK) {
        *ret_reading = reading_failed(ERR_FORMAT, "not a replica's address");
        return false;
    } else if (!replica.https) {
        found(&view->plain, name);
    } else {
        return handshake_judge(input, name, &replica, left, view, ret_reading);
    }
    return true;
}

static bool replicas_judge(const struct probe_input *input, const char *keeper_path,
                           struct tls_view *view, struct reading *ret_reading) {
    char query[768], body[BODY_SIZE];
    char names[CLICKHOUSE_REPLICAS_MAX][CLICKHOUSE_NAME_SIZE];
    struct http_sync_answer answer;
    if (!path_fits(keeper_path) ||
        !text_format(query, sizeof query,
                     "SELECT name FROM system.zookeeper WHERE path = '%s/replicas' FORMAT "
                     "JSONEachRow",
                     keeper_path)) {
        *ret_reading = reading_failed(ERR_FORMAT, "not a table's path with the keeper");
        return false;
    }
    if (!clickhouse_ask(input, NULL, query, body, sizeof body, &answer, ret_reading)) {
        return false;
    }
    if (clickhouse_names_parse(body, answer.answer_n, names, &view->all_n) != ERR_OK) {
        *ret_reading = reading_failed(ERR_FORMAT, "not the replicas' names");
        return false;
    }
    for (unsigned i = 0; i < view->all_n; i++) {
        /* One query and one handshake each. */
        if (!replica_judge(input, keeper_path, names[i], 2 * (view->all_n - i), view,
                           ret_reading)) {
            return false;
        }
    }
    return true;
}

static void spoil(struct reading *reading, const struct tls_view *view,
                  const struct finding_of *finding, const char *what) {
    int64_t value = reading->value;
    uint32_t latency_ms = reading->latency_ms;
    *reading = reading_judged(false, "%u/%u replicas %s: %.32s", finding->n, view->all_n, what,
                              finding->first);
    reading->value = value;
    reading->latency_ms = latency_ms;
}

static void append(struct reading *reading, const struct tls_view *view, const char *version) {
    char said[sizeof reading->detail];
    (void)text_copy(said, sizeof said, reading->detail);
    if (view->unknown.n == 0) {
        (void)text_format(reading->detail, sizeof reading->detail, "%.76s, TLS %s", said, version);
        return;
    }
    (void)text_format(reading->detail, sizeof reading->detail, "%.44s, TLS of %u not known: %.20s",
                      said, view->unknown.n, view->unknown.first);
    reading_warn(reading);
}

void clickhouse_tls_judge(const struct probe_input *input, const char *keeper_path,
                          struct reading *reading) {
    const char *version = parameter_text(input->arguments, "replication_tls", "");
    struct tls_view view = {0};
    struct reading why = {.err = ERR_OK};
    if (!replicas_judge(input, keeper_path, &view, &why)) {
        *reading = why;
        return;
    }
    if (view.plain.n > 0) {
        spoil(reading, &view, &view.plain, "are fetched from without TLS");
    } else if (view.not_tls.n > 0) {
        spoil(reading, &view, &view.not_tls, "speak no TLS where they say so");
    } else if (view.older.n > 0) {
        spoil(reading, &view, &view.older,
              text_equal(version, "1.3") ? "speak older than TLS 1.3 only"
                                         : "speak older than TLS 1.2 only");
    } else if (view.untrusted.n > 0) {
        spoil(reading, &view, &view.untrusted,
              "have a certificate that does not verify, or want ours");
    } else {
        append(reading, &view, version);
    }
}
