/* etcd_json: the requests and answers of etcd's v3 JSON gateway. Pure besides the heap. Keys and
 * values are base64, 64-bit numbers are strings, members that hold their default are left out. What
 * comes in is a stranger's: bounded, checked, never trusted to be there. */
#ifndef DROVER_ETCD_JSON_H
#define DROVER_ETCD_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/text.h"

#define ETCD_KEY_SIZE 256 /* prefix, room, fact key, terminator */
#define ETCD_VALUE_MAX (1024 * 1024)
#define ETCD_RANGES_MAX 4 /* range answers of one transaction */
#define ETCD_KVS_MAX 1024 /* of one range, or events of one line */

/* ---- requests: a text that grows ---- */

struct etcd_text {
    char *at; /* owned; not terminated */
    size_t n, size;
    bool failed; /* out of memory: check once at the end */
};

void etcd_text_free(struct etcd_text *text);
void etcd_add(struct etcd_text *text, const char *literal);
void etcd_add_u64(struct etcd_text *text, uint64_t value);                       /* quoted */
void etcd_add_base64(struct etcd_text *text, const uint8_t *bytes, size_t size); /* quoted */
void etcd_add_key(struct etcd_text *text, const char *key);                      /* quoted */

/* {"request_range":{...}} and so on: operations of a transaction. */
struct etcd_range_wish {
    const char *key, *range_end;     /* range_end NULL: that key alone */
    uint32_t limit;                  /* 0: none */
    uint64_t min_create, max_create; /* 0: any */
    bool by_create;                  /* in ascending order of the create revision */
    bool keys_only;
};
void etcd_add_range(struct etcd_text *text, const struct etcd_range_wish *wish);
void etcd_add_put(struct etcd_text *text, const char *key, const uint8_t *value, size_t size);
void etcd_add_delete(struct etcd_text *text, const char *key, const char *range_end);

/* Comparisons: the key does not exist; exists; was last changed at that revision (0: never). */
void etcd_add_absent(struct etcd_text *text, const char *key);
void etcd_add_present(struct etcd_text *text, const char *key);
void etcd_add_unchanged(struct etcd_text *text, const char *key, uint64_t mod_revision);

/* ---- answers ---- */

struct etcd_kv {
    char key[ETCD_KEY_SIZE]; /* "" when the key is longer or holds a zero byte: not ours */
    uint64_t create_revision, mod_revision;
    uint8_t *value; /* owned; NULL when empty */
    size_t size;
};

struct etcd_kvs {
    struct etcd_kv *at; /* owned */
    size_t n;
    bool more; /* the limit cut it */
};

struct etcd_answer {
    uint64_t cluster_id, revision;
    bool succeeded;                         /* the comparisons held */
    struct etcd_kvs range[ETCD_RANGES_MAX]; /* the range answers, in order */
    size_t ranges_n;
};

/* FORMAT or NO_MEMORY; ret_answer is empty then. */
enum err etcd_parse_txn(const uint8_t *bytes, size_t size,
                        struct etcd_answer *ret_answer) ERR_CHECKED;
void etcd_answer_free(struct etcd_answer *answer);

/* One line of a watch. */
struct etcd_line {
    uint64_t cluster_id, revision;
    bool created, canceled;
    uint64_t compact_revision; /* not 0: canceled, the wanted history is gone */
    struct text256 why;        /* not empty: the gateway's error */
    struct etcd_kvs puts;      /* other events are left out */
};
enum err etcd_parse_line(const uint8_t *bytes, size_t size, struct etcd_line *ret_line) ERR_CHECKED;
void etcd_line_free(struct etcd_line *line);

/* The body of an answer whose status is not 200. FORMAT when it is none of etcd's. */
enum err etcd_parse_error(const uint8_t *bytes, size_t size, uint64_t *ret_code,
                          struct text256 *ret_why) ERR_CHECKED;

struct etcd_status {
    uint64_t cluster_id, member_id, leader, db_size, db_used;
    char version[32];
    struct text256 errors; /* "; " between them: alarms such as NOSPACE, no leader */
};
enum err etcd_parse_status(const uint8_t *bytes, size_t size,
                           struct etcd_status *ret_status) ERR_CHECKED;

#endif
