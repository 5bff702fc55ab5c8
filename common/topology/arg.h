/* arg: arguments as a table says them; checked by the config check and again before every run, then
 * read here. Arguments that are in no table of the action are let pass: an endpoint hands all of
 * its own to every action on it. Addresses are numeric: nothing on the failover path is looked up.
 * Pure. What each action takes: action_args.h. */
#ifndef DROVER_TOPOLOGY_ARG_H
#define DROVER_TOPOLOGY_ARG_H

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
    ARG_LSN,    /* X/Y */
    ARG_PLACE,  /* one numeric host:port */
    ARG_WORD,   /* one of `words` */
    ARG_STATUS  /* HTTP codes and ranges: http_status.h */
};

struct arg_rule {
    const char *name;
    enum arg_kind kind;
    bool needed;
    uint64_t min, max; /* NUMBER */
    const char *words; /* WORD: "on|off" */
};

/* What is wrong with arguments. */
struct arg_fault {
    const char *name; /* of the argument, static; NULL: of several together */
    bool missing;
    struct text256 text; /* "expected ..., found ..." */
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

/* Does every rule hold? The first that does not is told. */
bool args_fit(const struct arg_rule *rules, size_t rules_n, const struct arguments *arguments,
              struct arg_fault *ret_fault);

/* "expected TEXT, found ..." of an argument that is there; its name is the caller's static one.
 * Returns false, for `return`. */
bool arg_wrong(struct arg_fault *fault, const char *name, const char *value, const char *expected);

/* The fault in one line, as agents say it. */
void arg_fault_say(const struct arg_fault *fault, struct text256 *reterr);

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

/* A numeric address as inet_pton takes it: 0, 4 or 6. */
unsigned host_family(const char *host);
/* http://10.0.0.1:8008, nothing behind it. */
bool url_is_numeric(const char *text);

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
