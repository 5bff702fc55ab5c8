/* Snapshots and compaction in etcd: several requests each, every one of them harmless when it is
 * repeated or when the member dies behind it.
 *
 * A snapshot is put in parts under a name of its own, and counts only once the commit record names
 * it, in a transaction that checks that all parts are there and nobody else's record came
 * between. */
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/ensure.h"
#include "coordinator/log/etcd.h"

#define PART_SIZE ((size_t)512 * 1024) /* base64 makes 683 KiB of it; etcd takes 1.5 MiB */
#define PARTS_MAX ((SNAPSHOT_BYTES_MAX + PART_SIZE - 1) / PART_SIZE)
#define RECORD_SIZE 24
#define ROUNDS_MAX 4      /* how often somebody else may come between */
#define BATCHES_MAX 10000 /* of deletes in one compaction */
#define DELETES_MAX 100   /* of one transaction; etcd takes 128 operations */

_Static_assert(PARTS_MAX <= 10, "a part has one digit");

struct record {
    uint64_t index, id;
    uint32_t size, crc;
};

/* What a store, load or compaction carries from request to request. */
struct errand {
    struct record record;  /* the one being written or read */
    uint64_t mod_revision; /* of the record or mark that is to be replaced */
    uint64_t mark;         /* compaction: what was forgotten before */
    uint32_t parts_n, rounds_n;
};

static struct errand *errand_of(const struct log_op *op) {
    return op->engine_data;
}

static void errand_begin(struct log_op *op) {
    op->engine_data = calloc(1, sizeof(struct errand)); /* freed with the op */
    ensure(op->engine_data != NULL);
}

static void errand_end(struct log_op *op, enum err err) {
    op->err = err;
    log_op_finish(op);
}

static void errand_malformed(struct etcd_call *call) {
    call->etcd->malformed_n++;
    errand_end(call->op, ERR_FORMAT);
}

/* ---- the commit record ---- */

static void record_write(const struct record *record, uint8_t ret_bytes[RECORD_SIZE]) {
    struct bytes_out out = bytes_writer(ret_bytes, RECORD_SIZE);
    bytes_put_u64(&out, record->index);
    bytes_put_u64(&out, record->id);
    bytes_put_u32(&out, record->size);
    bytes_put_u32(&out, record->crc);
    ensure(!out.failed && out.used == RECORD_SIZE);
}

/* No record at all reads as index 0. False when what stands there is none. */
static bool record_read(const struct etcd_kvs *kvs, struct record *ret_record) {
    memset(ret_record, 0, sizeof(*ret_record));
    if (kvs->n != 1 || kvs->at[0].value == NULL) {
        return kvs->n == 0;
    }
    struct bytes_in in = bytes_reader(kvs->at[0].value, kvs->at[0].size);
    ret_record->index = bytes_get_u64(&in);
    ret_record->id = bytes_get_u64(&in);
    ret_record->size = bytes_get_u32(&in);
    ret_record->crc = bytes_get_u32(&in);
    return bytes_all_read(&in) && ret_record->size <= SNAPSHOT_BYTES_MAX;
}

static uint32_t record_parts_n(const struct record *record) {
    return (uint32_t)((record->size + PART_SIZE - 1) / PART_SIZE);
}

/* "P snapshot/<index>-<id>" and what follows; the index has all its digits, so that order is
 * age. */
static void part_key(const struct etcd *etcd, const struct record *record, const char *rest,
                     char ret_key[ETCD_KEY_SIZE]) {
    char name[ETCD_KEY_SIZE];
    (void)text_format(name, sizeof(name), "snapshot/%020llu-%016llx%s",
                      (unsigned long long)record->index, (unsigned long long)record->id, rest);
    etcd_key_of(etcd, name, ret_key);
}

static void part_key_at(const struct etcd *etcd, const struct record *record, uint32_t part,
                        char ret_key[ETCD_KEY_SIZE]) {
    char rest[16];
    (void)text_format(rest, sizeof(rest), "/%u", part);
    part_key(etcd, record, rest, ret_key);
}

static void ask_record(struct etcd *etcd, struct log_op *op,
                       void (*done)(struct etcd_call *call, enum err err,
                                    struct etcd_answer *answer)) {
    struct etcd_call *call = etcd_call_new(etcd, op, ETCD_TXN_PATH, done);
    char key[ETCD_KEY_SIZE];
    etcd_key_of(etcd, "snapshot", key);
    etcd_add(&call->body, ETCD_TXN_COMPARE ETCD_TXN_SUCCESS);
    etcd_add_range(&call->body, &(struct etcd_range_wish){.key = key});
    etcd_add(&call->body, ETCD_TXN_END);
    etcd_call_start(call);
}

/* ---- store ---- */

static void store_next_part(struct etcd *etcd, struct log_op *op);
static void store_on_record(struct etcd_call *call, enum err err, struct etcd_answer *answer);

/* A backup may have come in the log's place since this member read it, and have grown since: a
 * snapshot of the other history must not stand in it. */
static void store_ask(struct etcd *etcd, struct log_op *op) {
    struct etcd_call *call = etcd_call_new(etcd, op, ETCD_TXN_PATH, store_on_record);
    char key[ETCD_KEY_SIZE];
    etcd_key_of(etcd, "snapshot", key);
    etcd_add(&call->body, ETCD_TXN_COMPARE ETCD_TXN_SUCCESS);
    etcd_add_range(&call->body, &(struct etcd_range_wish){.key = key});
    etcd_add(&call->body, ",");
    etcd_add_known(etcd, call);
    etcd_add(&call->body, ETCD_TXN_END);
    etcd_call_start(call);
}

/* Parts of older snapshots and of attempts that died: nobody reads them any more. A snapshot that
 * is being put just now by another member loses its parts, too; its commit sees that and starts
 * anew. */
static void store_on_swept(struct etcd_call *call, enum err err, struct etcd_answer *answer) {
    (void)err; /* the snapshot stands; the next store sweeps again */
    (void)answer;
    errand_end(call->op, ERR_OK);
}

static void store_sweep(struct etcd *etcd, struct log_op *op) {
    struct etcd_call *call = etcd_call_new(etcd, op, ETCD_TXN_PATH, store_on_swept);
    char first[ETCD_KEY_SIZE], ours[ETCD_KEY_SIZE], behind[ETCD_KEY_SIZE], last[ETCD_KEY_SIZE];
    etcd_key_of(etcd, "snapshot/", first);
    part_key(etcd, &errand_of(op)->record, "/", ours);
    part_key(etcd, &errand_of(op)->record, "0", behind);
    etcd_key_of(etcd, "snapshot0", last);
    etcd_add(&call->body, ETCD_TXN_COMPARE ETCD_TXN_SUCCESS);
    etcd_add_delete(&call->body, first, ours);
    etcd_add(&call->body, ",");
    etcd_add_delete(&call->body, behind, last);
    etcd_add(&call->body, ETCD_TXN_END);
    etcd_call_start(call);
}

static void store_on_record(struct etcd_call *call, enum err err, struct etcd_answer *answer) {
    struct log_op *op = call->op;
    struct errand *errand = errand_of(op);
    struct record stored;
    uint64_t mark = 0;
    if (err != ERR_OK) {
        errand_end(op, err);
        return;
    }
    if (answer->ranges_n != 3 || !record_read(&answer->range[0], &stored)) {
        errand_malformed(call);
        return;
    }
    err = etcd_check_known(call, &answer->range[1], &mark);
    if (err != ERR_OK) {
        errand_end(op, err);
        return;
    }
    if (answer->range[0].n == 1 && stored.index >= op->index) {
        errand_end(op, stored.index == op->index ? ERR_OK : ERR_STALE);
        return;
    }
    errand->mod_revision = answer->range[0].n == 0 ? 0 : answer->range[0].at[0].mod_revision;
    errand->record = (struct record){
        .index = op->index,
        .id = rng_next(&call->etcd->rng),
        .size = (uint32_t)op->size,
        .crc = crc32_of(op->bytes, op->size),
    };
    errand->parts_n = 0;
    store_next_part(call->etcd, op);
}

static void store_on_commit(struct etcd_call *call, enum err err, struct etcd_answer *answer) {
    struct log_op *op = call->op;
    if (err != ERR_OK) {
        errand_end(op, err);
    } else if (answer->succeeded) {
        store_sweep(call->etcd, op);
    } else if (++errand_of(op)->rounds_n == ROUNDS_MAX) {
        errand_end(op, ERR_BUSY);
    } else {
        /* Somebody came between, or our own commit's answer was lost: the record tells. */
        store_ask(call->etcd, op);
    }
}

static void store_commit(struct etcd *etcd, struct log_op *op) {
    struct errand *errand = errand_of(op);
    struct etcd_call *call = etcd_call_new(etcd, op, ETCD_TXN_PATH, store_on_commit);
    char key[ETCD_KEY_SIZE], part[ETCD_KEY_SIZE];
    uint8_t record[RECORD_SIZE];
    etcd_key_of(etcd, "snapshot", key);
    record_write(&errand->record, record);
    etcd_add(&call->body, ETCD_TXN_COMPARE);
    etcd_add_unchanged(&call->body, key, errand->mod_revision);
    for (uint32_t i = 0; i < record_parts_n(&errand->record); i++) {
        part_key_at(etcd, &errand->record, i, part);
        etcd_add(&call->body, ",");
        etcd_add_present(&call->body, part);
    }
    etcd_add(&call->body, ETCD_TXN_SUCCESS);
    etcd_add_put(&call->body, key, record, sizeof(record));
    etcd_add(&call->body, ETCD_TXN_END);
    etcd_call_start(call);
}

static void store_on_part(struct etcd_call *call, enum err err, struct etcd_answer *answer) {
    (void)answer;
    if (err != ERR_OK) {
        errand_end(call->op, err);
        return;
    }
    errand_of(call->op)->parts_n++;
    store_next_part(call->etcd, call->op);
}

static void store_next_part(struct etcd *etcd, struct log_op *op) {
    struct errand *errand = errand_of(op);
    if (errand->parts_n == record_parts_n(&errand->record)) {
        store_commit(etcd, op);
        return;
    }
    size_t at = errand->parts_n * PART_SIZE;
    size_t size = op->size - at < PART_SIZE ? op->size - at : PART_SIZE;
    struct etcd_call *call = etcd_call_new(etcd, op, ETCD_TXN_PATH, store_on_part);
    char part[ETCD_KEY_SIZE];
    part_key_at(etcd, &errand->record, errand->parts_n, part);
    etcd_add(&call->body, ETCD_TXN_COMPARE ETCD_TXN_SUCCESS);
    etcd_add_put(&call->body, part, op->bytes + at, size);
    etcd_add(&call->body, ETCD_TXN_END);
    etcd_call_start(call);
}

void etcd_snapshot_store(struct etcd *etcd, struct log_op *op) {
    errand_begin(op);
    store_ask(etcd, op);
}

/* ---- load ---- */

static void load_on_record(struct etcd_call *call, enum err err, struct etcd_answer *answer);

/* Puts the parts together; false when one is missing or the whole does not match its checksum. */
static bool load_join(struct log_op *op, const struct record *record,
                      const struct etcd_kvs *parts) {
    uint8_t *bytes = malloc(record->size + 1);
    ensure(bytes != NULL);
    size_t n = 0;
    for (size_t i = 0; i < parts->n && parts->at[i].size <= record->size - n; i++) {
        if (parts->at[i].size > 0) {
            memcpy(bytes + n, parts->at[i].value, parts->at[i].size);
            n += parts->at[i].size;
        }
    }
    if (n != record->size || crc32_of(bytes, n) != record->crc) {
        free(bytes);
        return false;
    }
    op->bytes = bytes;
    op->size = n;
    op->index = record->index;
    return true;
}

static void load_on_parts(struct etcd_call *call, enum err err, struct etcd_answer *answer) {
    struct log_op *op = call->op;
    struct errand *errand = errand_of(op);
    if (err != ERR_OK) {
        errand_end(op, err);
    } else if (answer->ranges_n == 1 && load_join(op, &errand->record, &answer->range[0])) {
        errand_end(op, ERR_OK);
    } else if (++errand->rounds_n == ROUNDS_MAX) {
        text_say(&call->etcd->why, "snapshot %llu does not match its checksum",
                 (unsigned long long)errand->record.index);
        errand_malformed(call);
    } else { /* a newer one replaced it meanwhile */
        ask_record(call->etcd, op, load_on_record);
    }
}

static void load_on_record(struct etcd_call *call, enum err err, struct etcd_answer *answer) {
    struct etcd *etcd = call->etcd;
    struct log_op *op = call->op;
    struct errand *errand = errand_of(op);
    if (err != ERR_OK) {
        errand_end(op, err);
        return;
    }
    if (answer->ranges_n != 1 || !record_read(&answer->range[0], &errand->record)) {
        errand_malformed(call);
        return;
    }
    if (answer->range[0].n == 0) {
        errand_end(op, ERR_NOT_FOUND);
        return;
    }
    struct etcd_call *next = etcd_call_new(etcd, op, ETCD_TXN_PATH, load_on_parts);
    char from[ETCD_KEY_SIZE], to[ETCD_KEY_SIZE];
    part_key(etcd, &errand->record, "/", from);
    part_key(etcd, &errand->record, "0", to);
    etcd_add(&next->body, ETCD_TXN_COMPARE ETCD_TXN_SUCCESS);
    etcd_add_range(&next->body, &(struct etcd_range_wish){.key = from, .range_end = to});
    etcd_add(&next->body, ETCD_TXN_END);
    etcd_call_start(next);
}

void etcd_snapshot_load(struct etcd *etcd, struct log_op *op) {
    errand_begin(op);
    ask_record(etcd, op, load_on_record);
}

/* ---- compaction ----
 *
 * Raises the mark, deletes the facts that the mark BEFORE covered, and lets etcd forget revisions.
 * So a fact's key stays refused from its compaction until the next one: an append whose answer was
 * lost, and which is tried again meanwhile, still finds it. */

bool etcd_mark_read(const struct etcd_kvs *kvs, uint64_t *ret_mark) {
    *ret_mark = 0;
    if (kvs->n == 0) {
        return true;
    }
    char digits[24];
    if (kvs->at[0].size == 0 || kvs->at[0].size >= sizeof(digits)) {
        return false;
    }
    memcpy(digits, kvs->at[0].value, kvs->at[0].size);
    digits[kvs->at[0].size] = '\0';
    return text_to_u64(digits, INT64_MAX, ret_mark);
}

static void compact_ask_old(struct etcd *etcd, struct log_op *op);

static void compact_on_revisions(struct etcd_call *call, enum err err, struct etcd_answer *answer) {
    (void)answer; /* COMPACTED: etcd itself, or another member, went further already */
    errand_end(call->op, err == ERR_COMPACTED ? ERR_OK : err);
}

static void compact_revisions(struct etcd *etcd, struct log_op *op) {
    struct etcd_call *call = etcd_call_new(etcd, op, "/v3/kv/compaction", compact_on_revisions);
    etcd_add(&call->body, "{\"revision\":");
    etcd_add_u64(&call->body, op->index);
    etcd_add(&call->body, "}");
    etcd_call_start(call);
}

static void compact_on_deleted(struct etcd_call *call, enum err err, struct etcd_answer *answer) {
    (void)answer;
    if (err != ERR_OK) {
        errand_end(call->op, err);
    } else {
        compact_ask_old(call->etcd, call->op);
    }
}

static void compact_on_old(struct etcd_call *call, enum err err, struct etcd_answer *answer) {
    struct etcd *etcd = call->etcd;
    struct log_op *op = call->op;
    if (err != ERR_OK) {
        errand_end(op, err);
        return;
    }
    if (answer->ranges_n != 1) {
        errand_malformed(call);
        return;
    }
    if (answer->range[0].n == 0 || ++errand_of(op)->parts_n > BATCHES_MAX) {
        compact_revisions(etcd, op); /* the next compaction deletes what may be left */
        return;
    }
    struct etcd_call *next = etcd_call_new(etcd, op, ETCD_TXN_PATH, compact_on_deleted);
    char ours[ETCD_KEY_SIZE];
    etcd_key_of(etcd, "fact/", ours);
    etcd_add(&next->body, ETCD_TXN_COMPARE ETCD_TXN_SUCCESS);
    for (size_t i = 0, n = 0; i < answer->range[0].n && n < DELETES_MAX; i++) {
        const struct etcd_kv *kv = &answer->range[0].at[i];
        /* Never take a stranger's word for what to delete. */
        if (text_starts(kv->key, ours) && kv->create_revision <= errand_of(op)->mark) {
            etcd_add(&next->body, n++ > 0 ? "," : "");
            etcd_add_delete(&next->body, kv->key, NULL);
        } else if (++errand_of(op)->rounds_n == ROUNDS_MAX) {
            etcd_text_free(&next->body);
            free(next);
            errand_malformed(call);
            return;
        }
    }
    etcd_add(&next->body, ETCD_TXN_END);
    etcd_call_start(next);
}

static void compact_ask_old(struct etcd *etcd, struct log_op *op) {
    if (errand_of(op)->mark == 0) {
        compact_revisions(etcd, op);
        return;
    }
    struct etcd_call *call = etcd_call_new(etcd, op, ETCD_TXN_PATH, compact_on_old);
    char from[ETCD_KEY_SIZE], to[ETCD_KEY_SIZE];
    etcd_key_of(etcd, "fact/", from);
    etcd_key_of(etcd, "fact0", to);
    etcd_add(&call->body, ETCD_TXN_COMPARE ETCD_TXN_SUCCESS);
    etcd_add_range(&call->body, &(struct etcd_range_wish){.key = from,
                                                          .range_end = to,
                                                          .limit = DELETES_MAX,
                                                          .max_create = errand_of(op)->mark,
                                                          .by_create = true,
                                                          .keys_only = true});
    etcd_add(&call->body, ETCD_TXN_END);
    etcd_call_start(call);
}

static void compact_ask(struct etcd *etcd, struct log_op *op);

static void compact_on_marked(struct etcd_call *call, enum err err, struct etcd_answer *answer) {
    struct log_op *op = call->op;
    if (err != ERR_OK) {
        errand_end(op, err);
    } else if (answer->succeeded) {
        compact_ask_old(call->etcd, op);
    } else if (++errand_of(op)->rounds_n == ROUNDS_MAX) {
        errand_end(op, ERR_BUSY);
    } else {
        compact_ask(call->etcd, op);
    }
}

static void compact_on_state(struct etcd_call *call, enum err err, struct etcd_answer *answer) {
    struct etcd *etcd = call->etcd;
    struct log_op *op = call->op;
    struct errand *errand = errand_of(op);
    if (err != ERR_OK) {
        errand_end(op, err);
        return;
    }
    if (answer->ranges_n != 2 || !etcd_mark_read(&answer->range[0], &errand->mark) ||
        !record_read(&answer->range[1], &errand->record)) {
        errand_malformed(call);
        return;
    }
    if (errand->record.index < op->index) {
        errand_end(op, ERR_PRECONDITION);
        return;
    }
    if (op->index <= errand->mark) {
        errand_end(op, ERR_OK);
        return;
    }
    errand->mod_revision = answer->range[0].n == 0 ? 0 : answer->range[0].at[0].mod_revision;
    struct etcd_call *next = etcd_call_new(etcd, op, ETCD_TXN_PATH, compact_on_marked);
    char key[ETCD_KEY_SIZE], digits[24];
    etcd_key_of(etcd, "compacted", key);
    (void)text_format(digits, sizeof(digits), "%llu", (unsigned long long)op->index);
    etcd_add(&next->body, ETCD_TXN_COMPARE);
    etcd_add_unchanged(&next->body, key, errand->mod_revision);
    etcd_add(&next->body, ETCD_TXN_SUCCESS);
    etcd_add_put(&next->body, key, (const uint8_t *)digits, strlen(digits));
    etcd_add(&next->body, ETCD_TXN_END);
    etcd_call_start(next);
}

static void compact_ask(struct etcd *etcd, struct log_op *op) {
    struct etcd_call *call = etcd_call_new(etcd, op, ETCD_TXN_PATH, compact_on_state);
    char mark[ETCD_KEY_SIZE], record[ETCD_KEY_SIZE];
    etcd_key_of(etcd, "compacted", mark);
    etcd_key_of(etcd, "snapshot", record);
    etcd_add(&call->body, ETCD_TXN_COMPARE ETCD_TXN_SUCCESS);
    etcd_add_range(&call->body, &(struct etcd_range_wish){.key = mark});
    etcd_add(&call->body, ",");
    etcd_add_range(&call->body, &(struct etcd_range_wish){.key = record});
    etcd_add(&call->body, ETCD_TXN_END);
    etcd_call_start(call);
}

void etcd_compact(struct etcd *etcd, struct log_op *op) {
    errand_begin(op);
    compact_ask(etcd, op);
}
