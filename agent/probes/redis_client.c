#include "agent/probes/redis_client.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/probes/parse.h"
#include "agent/probes/reading.h"
#include "common/base/ensure.h"

/* hiredis's reader calls these for each element it has read. Everything goes into the one bounded
 * reply: no element is allocated, whatever lengths the peer announces. NULL stops the reader. */
static struct redis_reply *task_reply(const redisReadTask *task) {
    return task->privdata;
}

static void *reply_kind(const redisReadTask *task, enum redis_reply_kind kind) {
    struct redis_reply *reply = task_reply(task);
    if (task->parent == NULL) {
        reply->kind = (uint8_t)kind;
    }
    return reply;
}

static void *reply_string(const redisReadTask *task, char *text, size_t n) {
    struct redis_reply *reply = task_reply(task);
    if (reply->items_n == REDIS_ITEMS_MAX || n >= sizeof reply->text - reply->text_n) {
        return NULL;
    }
    char *at = reply->text + reply->text_n;
    for (size_t i = 0; i < n; i++) {
        at[i] = text[i] == '\0' ? '?' : text[i];
    }
    at[n] = '\0';
    reply->items[reply->items_n++] = (uint16_t)reply->text_n;
    reply->text_n += n + 1;
    return reply_kind(task, task->type == REDIS_REPLY_ERROR ? REDIS_ERROR : REDIS_TEXT);
}

static void *reply_array(const redisReadTask *task, int elements) {
    return elements > REDIS_ITEMS_MAX ? NULL : reply_kind(task, REDIS_LIST);
}

static void *reply_integer(const redisReadTask *task, long long value) {
    char text[24];
    (void)text_format(text, sizeof text, "%lld", value);
    task_reply(task)->number = value;
    return reply_string(task, text, strlen(text)) == NULL ? NULL : reply_kind(task, REDIS_NUMBER);
}

static void *reply_nil(const redisReadTask *task) {
    char nothing[] = "";
    return reply_string(task, nothing, 0) == NULL ? NULL : reply_kind(task, REDIS_NOTHING);
}

static void reply_free(void *object) {
    (void)object; /* the caller's */
}

static redisReplyObjectFunctions reply_functions = {
    .createString = reply_string,
    .createArray = reply_array,
    .createInteger = reply_integer,
    .createNil = reply_nil,
    .freeObject = reply_free,
};

static enum err reader_err(const redisReader *reader, struct text256 *reterr) {
    if (reader->err == REDIS_ERR_OOM) {
        text_say(reterr, "an answer larger than a probe takes");
        return ERR_TOO_BIG;
    }
    text_say(reterr, "not the protocol of Redis");
    return ERR_FORMAT;
}

static enum err reply_read(struct redis_client *client, redisReader *reader,
                           struct text256 *reterr) {
    size_t total_n = 0;
    for (;;) {
        char buffer[4096];
        size_t n = 0;
        void *done = NULL;
        enum err err = net_receive(client->fd, buffer, sizeof buffer, client->deadline_boot_ms, &n);
        if (err != ERR_OK || n == 0) {
            err = err != ERR_OK ? err : ERR_CLOSED;
            text_say(reterr, "%s", err_text(err));
            return err;
        }
        total_n += n;
        if (total_n > REDIS_REPLY_BYTES_MAX) {
            text_say(reterr, "an answer larger than a probe takes");
            return ERR_TOO_BIG;
        }
        if (redisReaderFeed(reader, buffer, n) != REDIS_OK ||
            redisReaderGetReply(reader, &done) != REDIS_OK) {
            return reader_err(reader, reterr);
        }
        if (done != NULL) {
            return ERR_OK;
        }
    }
}

static enum err command_send(struct redis_client *client, int words_n, const char *const *words) {
    char *command = NULL;
    const char *arguments[8];
    ensure(words_n >= 1 && words_n <= 8);
    memcpy(arguments, words, (size_t)words_n * sizeof arguments[0]);
    int n = redisFormatCommandArgv(&command, words_n, arguments, NULL);
    if (n < 0) {
        return ERR_NO_MEMORY;
    }
    enum err err = net_send(client->fd, command, (size_t)n, client->deadline_boot_ms);
    explicit_bzero(command, (size_t)n); /* it may have been AUTH */
    redisFreeCommand(command);
    return err;
}

enum err redis_ask(struct redis_client *client, int words_n, const char *const *words,
                   struct redis_reply *ret_reply, struct text256 *reterr) {
    memset(ret_reply, 0, sizeof *ret_reply);
    enum err err = command_send(client, words_n, words);
    if (err != ERR_OK) {
        text_say(reterr, "%s", err_text(err));
        return err;
    }
    redisReader *reader = redisReaderCreateWithFunctions(&reply_functions);
    if (reader == NULL) {
        return ERR_NO_MEMORY;
    }
    reader->privdata = ret_reply;
    err = reply_read(client, reader, reterr);
    redisReaderFree(reader);
    if (err != ERR_OK || ret_reply->kind != REDIS_ERROR) {
        return err;
    }
    const char *text = redis_reply_text(ret_reply);
    if (text_starts(text, "NOAUTH") || text_starts(text, "NOPERM") ||
        text_starts(text, "WRONGPASS") || text_starts(text, "ERR invalid password") ||
        text_starts(text, "ERR AUTH ")) {
        text_say(reterr, "%.80s", text);
        return ERR_AUTH;
    }
    return ERR_OK;
}

enum err redis_open(const struct net_address *address, const char *user, const char *password,
                    uint64_t deadline_boot_ms, struct redis_client *ret_client,
                    struct text256 *reterr) {
    struct redis_client client = {.fd = -1, .deadline_boot_ms = deadline_boot_ms};
    enum err err = net_connect(address, deadline_boot_ms, &client.fd, reterr);
    if (err == ERR_OK && password != NULL) {
        struct redis_reply reply;
        const char *words[3] = {"AUTH", user != NULL ? user : password, password};
        err = redis_ask(&client, user != NULL ? 3 : 2, words, &reply, reterr);
        if (err == ERR_OK && reply.kind != REDIS_TEXT) {
            text_say(reterr, "%.80s", redis_reply_text(&reply));
            err = ERR_AUTH;
        }
    }
    if (err != ERR_OK) {
        redis_close(&client);
        return err;
    }
    *ret_client = client;
    return ERR_OK;
}

void redis_close(struct redis_client *client) {
    if (client->fd >= 0) {
        (void)close(client->fd);
        client->fd = -1;
    }
}

enum err redis_open_input(const struct probe_input *input, const char *address_text,
                          uint64_t deadline_boot_ms, struct redis_client *ret_client,
                          struct text256 *reterr) {
    struct net_address address;
    char password[SECRET_SIZE];
    bool given = false;
    enum err err = net_address_parse(address_text, &address, reterr);
    if (err != ERR_OK) {
        return err;
    }
    err = probe_secret(input, "password_ref", password, &given);
    if (err != ERR_OK) {
        text_say(reterr, "the secret of password_ref: %s", err_text(err));
        return err == ERR_NOT_FOUND ? ERR_CONFIG : err;
    }
    err = redis_open(&address, arguments_get(input->arguments, "user"), given ? password : NULL,
                     deadline_boot_ms, ret_client, reterr);
    secret_wipe(password);
    return err;
}

const char *redis_reply_text(const struct redis_reply *reply) {
    return reply->items_n > 0 ? reply->text + reply->items[0] : "";
}

const char *redis_reply_field(const struct redis_reply *reply, const char *key) {
    for (uint16_t i = 0; i + 1 < reply->items_n; i += 2) {
        if (text_equal(reply->text + reply->items[i], key)) {
            return reply->text + reply->items[i + 1];
        }
    }
    return "";
}

enum err redis_role_ask(struct redis_client *client, struct redis_role *ret_role,
                        struct text256 *reterr) {
    const char *words[2] = {"INFO", "replication"};
    char role[16] = "";
    enum err err = redis_ask(client, 2, words, &ret_role->info, reterr);
    if (err != ERR_OK) {
        return err;
    }
    const char *text = redis_reply_text(&ret_role->info);
    if (ret_role->info.kind == REDIS_ERROR) {
        text_say(reterr, "%.80s", text);
        return ERR_FAILED;
    }
    if (ret_role->info.kind != REDIS_TEXT || !info_get(text, "role", role, sizeof role)) {
        text_say(reterr, "INFO without a role");
        return ERR_FORMAT;
    }
    ret_role->role = text_equal(role, "master")  ? STORE_PRIMARY
                     : text_equal(role, "slave") ? STORE_STANDBY
                                                 : STORE_UNKNOWN;
    return ERR_OK;
}

void redis_positions(const struct redis_role *role, struct reading *reading) {
    const char *info = redis_reply_text(&role->info);
    uint64_t offset = 0;
    if (role->role == STORE_PRIMARY && info_get_number(info, "master_repl_offset", &offset)) {
        reading_position(reading, POSITION_WRITTEN, offset);
    }
    if (role->role != STORE_STANDBY || !info_get_number(info, "slave_repl_offset", &offset)) {
        return;
    }
    uint64_t received = offset;
    /* slave_read_repl_offset is newer than 6.2; what was applied was certainly received. */
    if (!info_get_number(info, "slave_read_repl_offset", &received) || received < offset) {
        received = offset;
    }
    reading_position(reading, POSITION_RECEIVED, received);
    reading_position(reading, POSITION_APPLIED, offset);
}
