/* redis_info: INFO replication, parsed. Part of redis_region.h. */
#include <ctype.h>
#include <string.h>

#include "agent/actions/redis_region.h"

/* Copies what stands between `at` and the next of `ends`. */
static bool word_take(const char *at, const char *ends, char *out, size_t out_size) {
    size_t n = strcspn(at, ends);
    if (n >= out_size) {
        return false;
    }
    memcpy(out, at, n);
    out[n] = '\0';
    return true;
}

/* The value of "name:" at the beginning of a line. */
static bool field_take(const char *text, const char *name, char *out, size_t out_size) {
    size_t n = strlen(name);
    for (const char *line = text; *line != '\0';) {
        if (strncmp(line, name, n) == 0 && line[n] == ':') {
            return word_take(line + n + 1, "\r\n", out, out_size);
        }
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return false;
}

static bool number_take(const char *text, const char *name, uint64_t max, uint64_t *ret_value) {
    char value[32];
    return field_take(text, name, value, sizeof value) && text_to_u64(value, max, ret_value);
}

/* "ip=10.0.0.1,port=6379,state=online,offset=42,lag=0" */
static bool replica_parse(const char *value, struct redis_replica *ret_replica) {
    struct redis_replica replica;
    char word[64];
    uint64_t number = 0;
    memset(&replica, 0, sizeof replica);
    for (const char *at = value; *at != '\0';) {
        if (!word_take(at, ",", word, sizeof word)) {
            return false;
        }
        if (text_starts(word, "ip=")) {
            (void)text_copy(replica.host, sizeof replica.host, word + 3);
        } else if (text_starts(word, "port=") && text_to_u64(word + 5, 65535, &number)) {
            replica.port = (uint16_t)number;
        } else if (text_starts(word, "state=")) {
            replica.online = text_equal(word + 6, "online");
        } else if (text_starts(word, "offset=")) {
            (void)text_to_u64(word + 7, UINT64_MAX, &replica.offset);
        }
        at += strcspn(at, ",");
        at += *at == ',';
    }
    *ret_replica = replica;
    return replica.host[0] != '\0' && replica.port != 0;
}

bool redis_info_parse(const char *text, struct redis_info *ret_info) {
    struct redis_info info;
    char value[256];
    uint64_t number = 0;
    memset(&info, 0, sizeof info);
    if (!field_take(text, "role", value, sizeof value)) {
        return false;
    }
    info.master = text_equal(value, "master");
    if (!info.master && !text_equal(value, "slave")) {
        return false;
    }
    if (!info.master) {
        if (!field_take(text, "master_host", info.master_host, sizeof info.master_host) ||
            !number_take(text, "master_port", 65535, &number)) {
            return false;
        }
        info.master_port = (uint16_t)number;
        info.link_up =
            field_take(text, "master_link_status", value, sizeof value) && text_equal(value, "up");
        info.syncing = number_take(text, "master_sync_in_progress", 1, &number) && number == 1;
        info.read_only = number_take(text, "slave_read_only", 1, &number) && number == 1;
        (void)number_take(text, "slave_repl_offset", UINT64_MAX, &info.offset);
    } else {
        (void)number_take(text, "master_repl_offset", UINT64_MAX, &info.offset);
    }
    for (unsigned i = 0; i < REDIS_REPLICAS_MAX; i++) {
        char name[16];
        (void)text_format(name, sizeof name, "slave%u", i);
        if (field_take(text, name, value, sizeof value) &&
            replica_parse(value, &info.replicas[info.replicas_n])) {
            info.replicas_n++;
        }
    }
    *ret_info = info;
    return true;
}
