/* redis_client: Redis's protocol over a socket of net.h. hiredis formats and parses; reading and
 * waiting are ours, because hiredis's timeouts hold for each read and not for the whole. */
#ifndef DROVER_PROBES_REDIS_CLIENT_H
#define DROVER_PROBES_REDIS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/probe.h"
#include "common/io/net.h"

#define REDIS_TEXT_SIZE 16384
#define REDIS_ITEMS_MAX 128
#define REDIS_REPLY_BYTES_MAX 65536 /* on the wire */

enum redis_reply_kind {
    REDIS_NOTHING = 0,
    REDIS_TEXT = 1,  /* status or bulk: items[0] */
    REDIS_ERROR = 2, /* "-CODE text": items[0] */
    REDIS_NUMBER = 3,
    REDIS_LIST = 4 /* texts of the list; lists inside lists are flattened */
};

struct redis_reply {
    uint8_t kind; /* enum redis_reply_kind */
    int64_t number;
    uint16_t items_n;
    uint16_t items[REDIS_ITEMS_MAX]; /* offsets in text, each terminated there */
    size_t text_n;
    char text[REDIS_TEXT_SIZE];
};

struct redis_client {
    int fd;
    uint64_t deadline_boot_ms;
};

/* Connects and, with a password, authenticates (user NULL: the default user). TIMEOUT, REFUSED,
 * UNREACHABLE, AUTH, FORMAT. On OK close with redis_close. */
enum err redis_open(const struct net_address *address, const char *user, const char *password,
                    uint64_t deadline_boot_ms, struct redis_client *ret_client,
                    struct text256 *reterr) ERR_CHECKED;
void redis_close(struct redis_client *client);

/* redis_open with a probe's address, user and password_ref. */
enum err redis_open_input(const struct probe_input *input, const char *address_text,
                          uint64_t deadline_boot_ms, struct redis_client *ret_client,
                          struct text256 *reterr) ERR_CHECKED;

/* One command and its answer. An answer of kind ERROR is OK, except NOAUTH, NOPERM and WRONGPASS:
 * those are AUTH, with Redis's words in reterr. TIMEOUT, CLOSED, FORMAT, TOO_BIG. */
enum err redis_ask(struct redis_client *client, int words_n, const char *const *words,
                   struct redis_reply *ret_reply, struct text256 *reterr) ERR_CHECKED;

/* The first text of a reply, or "". */
const char *redis_reply_text(const struct redis_reply *reply);
/* The value behind `key` in a flat list of keys and values, or "". */
const char *redis_reply_field(const struct redis_reply *reply, const char *key);

/* INFO replication, with the role. LOADING and the like are FAILED with Redis's words. */
struct redis_role {
    uint8_t role; /* enum store_role */
    struct redis_reply info;
};
enum err redis_role_ask(struct redis_client *client, struct redis_role *ret_role,
                        struct text256 *reterr) ERR_CHECKED;

/* redis_rights.c: whether the check's user may do all that a failover asks of Redis. ret_missing:
 * "", or the first command that is not allowed, with Redis's words. AUTH also when the user may not
 * ask (NOPERM); UNSUPPORTED before Redis 7. */
enum err redis_rights_ask(struct redis_client *client, const struct arguments *arguments,
                          struct text256 *ret_missing, struct text256 *reterr) ERR_CHECKED;

/* redis_tls.c: with the argument tls, whether every replication connection of this end has it.
 * Redis does not tell a connection's version: proved is what its own configuration rules out. */
struct redis_tls {
    bool fits;     /* no connection without TLS, none that only an older version could be */
    bool proved;   /* and older versions are refused */
    char text[48]; /* for people; "" without the argument */
};
/* AUTH when the user may not ask (NOPERM); UNSUPPORTED before Redis 6.2. */
enum err redis_tls_ask(struct redis_client *client, const struct arguments *arguments, uint8_t role,
                       struct redis_tls *ret_tls, struct text256 *reterr) ERR_CHECKED;

/* The positions INFO replication tells, into the reading. */
void redis_positions(const struct redis_role *role, struct reading *reading);

#endif
