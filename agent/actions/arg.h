/* arg: the arguments an action takes, as a table; checked once by the config check and again
 * before every run, then read here. Arguments that are in no table of the action are let pass:
 * an endpoint hands all of its own to every action on it. Addresses are numeric: nothing on the
 * failover path is looked up. */
#ifndef DROVER_ACTIONS_ARG_H
#define DROVER_ACTIONS_ARG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/text.h"
#include "common/topology/topology.h"

enum arg_kind {
    ARG_TEXT,   /* printable, not empty */
    ARG_NUMBER, /* decimal, min..max */
    ARG_HOST,   /* a host name or numeric address, as others will resolve it */
    ARG_PLACES, /* 1..ARG_PLACES_MAX numeric host:port, commas between */
    ARG_URLS,   /* 1..ARG_PLACES_MAX http(s) URLs with a numeric host, without a path */
    ARG_URL,    /* one http(s) URL */
    ARG_NAME,   /* of a secret, a Sentinel group ... : text_is_name */
    ARG_SLOT,   /* a replication slot or SQL name: a-z 0-9 _ and, for tables, one dot */
    ARG_PATH,   /* absolute, without ".." */
    ARG_YES,    /* yes or no */
    ARG_LSN     /* X/Y */
};

struct arg_rule {
    const char *name;
    enum arg_kind kind;
    bool needed;
    uint64_t min, max; /* NUMBER */
};

#define ARG_PLACES_MAX 8
#define ARG_HOST_SIZE 48

struct place {
    char host[ARG_HOST_SIZE]; /* numeric, without brackets */
    uint16_t port;
    char text[64]; /* as written, for people */
};

struct places {
    uint8_t n;
    struct place at[ARG_PLACES_MAX];
};

struct parts {
    uint8_t n;
    char at[ARG_PLACES_MAX][VALUE_SIZE];
};

enum err args_accept(const struct arg_rule *rules, size_t rules_n,
                     const struct arguments *arguments, struct text256 *reterr) ERR_CHECKED;

/* Rows for an action that speaks HTTP to one service: the arguments of common/io/service.h. */
#define ARG_SERVICE_RULES                                                                          \
    {"url", ARG_URL, true, 0, 0}, {"ca", ARG_PATH, false, 0, 0}, {"user", ARG_TEXT, false, 0, 0},  \
        {"password_ref", ARG_NAME, false, 0, 0}, {"token_ref", ARG_NAME, false, 0, 0},             \
        {"certificate", ARG_PATH, false, 0, 0}, {"key", ARG_PATH, false, 0, 0},                    \
        {"connect_to", ARG_PLACES, false, 0, 0}, {                                                 \
        "tls", ARG_TEXT, false, 0, 0                                                               \
    }
#define ARG_SERVICE_HELP                                                                           \
    "url, connect_to, ca, user, password_ref, token_ref, certificate, key, tls=1.2|1.3"

/* What the rows cannot say: nothing has to be looked up (a numeric url, or connect_to; not asked of
 * a service that only the world's DNS finds), one connect_to, a known tls. */
enum err args_accept_service(const struct arguments *arguments, bool numeric,
                             struct text256 *reterr) ERR_CHECKED;

/* The value, or `otherwise` (may be NULL). */
const char *arg_text(const struct arguments *arguments, const char *name, const char *otherwise);
/* The more particular name first: "pg_user", then "user". */
const char *arg_either(const struct arguments *arguments, const char *name, const char *broader,
                       const char *otherwise);
uint64_t arg_number(const struct arguments *arguments, const char *name, uint64_t otherwise);
bool arg_yes(const struct arguments *arguments, const char *name, bool otherwise);

/* Lists. False when the argument is absent or malformed; then n is 0. */
bool arg_places(const struct arguments *arguments, const char *name, struct places *ret_places);
bool arg_parts(const struct arguments *arguments, const char *name, struct parts *ret_parts);

/* "10.0.0.1:5432", "[::1]:5432". */
bool place_parse(const char *text, struct place *ret_place);
bool place_is(const struct place *place, const char *host, uint16_t port);
/* The index of host:port in places, or NONE. */
uint8_t places_find(const struct places *places, const char *host, uint16_t port);

/* PostgreSQL's X/Y, to and from bytes. */
bool arg_lsn_parse(const char *text, uint64_t *ret_lsn);
#define LSN_TEXT_SIZE 20
void lsn_text(uint64_t lsn, char ret_text[LSN_TEXT_SIZE]);

#endif
