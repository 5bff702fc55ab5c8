/* redis_link: see redis_link.h. hiredis's blocking calls bound each read, not the whole answer:
 * a peer that sends a byte a second would hold us for ever. So the socket is non-blocking and
 * polled here. */
#include "agent/actions/redis_link.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "common/base/ensure.h"

#define ANSWER_BYTES_MAX (256 * 1024)
#define WORDS_MAX 16

static redisContext *context_of(const struct redis_link *link) {
    return (redisContext *)link->context;
}

void redis_link_close(struct redis_link *link) {
    if (link->context != NULL) {
        redisFree(context_of(link));
        link->context = NULL;
    }
}

static enum err socket_wait(int fd, short events, uint64_t deadline_boot_ms) {
    for (;;) {
        uint32_t left_ms = act_left_ms(deadline_boot_ms);
        if (left_ms == 0) {
            return ERR_TIMEOUT;
        }
        struct pollfd one = {.fd = fd, .events = events};
        int n = poll(&one, 1, (int)(left_ms < 1000 ? left_ms : 1000));
        if (n > 0) {
            return ERR_OK;
        }
        if (n < 0 && errno != EINTR) {
            return ERR_IO;
        }
    }
}

static enum err connect_wait(redisContext *context, uint64_t deadline_boot_ms) {
    int code = 0;
    socklen_t size = sizeof code;
    enum err err = socket_wait(context->fd, POLLOUT, deadline_boot_ms);
    if (err != ERR_OK) {
        return err;
    }
    if (getsockopt(context->fd, SOL_SOCKET, SO_ERROR, &code, &size) != 0) {
        return ERR_IO;
    }
    return code == 0 ? ERR_OK : code == ECONNREFUSED ? ERR_REFUSED : ERR_UNREACHABLE;
}

static enum err link_sign_in(struct redis_link *link, const struct redis_login *login,
                             uint64_t deadline_boot_ms, struct text256 *reterr) {
    char text[256];
    const char *const with_user[] = {"AUTH", login->user, login->password};
    const char *const without[] = {"AUTH", login->password};
    const char *const ping[] = {"PING"};
    enum err err = ERR_OK;
    if (login->password[0] != '\0') {
        bool user = login->user[0] != '\0';
        err = redis_link_ask(link, user ? 3 : 2, user ? with_user : without, deadline_boot_ms, text,
                             sizeof text, reterr);
        /* A server that has no password says so: the answer never repeats what we sent. */
        return err == ERR_FAILED ? ERR_AUTH : err;
    }
    err = redis_link_ask(link, 1, ping, deadline_boot_ms, text, sizeof text, reterr);
    if (err == ERR_FAILED && text_starts(text, "NOAUTH")) {
        return ERR_AUTH;
    }
    /* A replica that serves no stale data refuses PING, and answers INFO and REPLICAOF. */
    return err == ERR_FAILED && text_starts(text, "MASTERDOWN") ? ERR_OK
           : err == ERR_FAILED && text_starts(text, "LOADING")  ? ERR_BUSY
                                                                : err;
}

enum err redis_link_open(const struct place *place, const struct redis_login *login,
                         uint64_t deadline_boot_ms, struct redis_link *ret_link,
                         struct text256 *reterr) {
    ret_link->place = *place;
    ret_link->context = NULL;
    redisContext *context = redisConnectNonBlock(place->host, place->port);
    if (context == NULL) {
        return ERR_NO_MEMORY;
    }
    enum err err = context->err != 0 ? ERR_UNREACHABLE : connect_wait(context, deadline_boot_ms);
    if (err != ERR_OK) {
        text_say(reterr, "%s: %s", place->text, err_text(err));
        redisFree(context);
        return err;
    }
    /* What hiredis keeps of large answers is given back. */
    context->reader->maxbuf = 16 * 1024;
    ret_link->context = (struct redis_context *)context;
    err = link_sign_in(ret_link, login, deadline_boot_ms, reterr);
    if (err != ERR_OK) {
        redis_link_close(ret_link);
    }
    return err;
}

/* Appends one element's text. False when it does not fit. */
static bool reply_append(const redisReply *reply, char *out, size_t out_size) {
    char number[24];
    switch (reply->type) {
    case REDIS_REPLY_INTEGER:
        (void)text_format(number, sizeof number, "%lld", reply->integer);
        return text_append(out, out_size, number);
    case REDIS_REPLY_NIL: return true;
    case REDIS_REPLY_ARRAY:
        for (size_t i = 0; i < reply->elements; i++) {
            if (!reply_append(reply->element[i], out, out_size) ||
                !text_append(out, out_size, "\n")) {
                return false;
            }
        }
        return true;
    default:
        /* A zero byte ends the text here: nothing that is asked for holds one. */
        return reply->str == NULL || text_append(out, out_size, reply->str);
    }
}

static enum err reply_take(const struct redis_link *link, const redisReply *reply, char *ret_text,
                           size_t text_size, struct text256 *reterr) {
    ret_text[0] = '\0';
    bool fits = reply_append(reply, ret_text, text_size);
    if (reply->type == REDIS_REPLY_ERROR) {
        char line[120];
        act_line(line, sizeof line, ret_text);
        text_say(reterr, "%s: %s", link->place.text, line);
        return ERR_FAILED;
    }
    if (!fits) {
        text_say(reterr, "%s: the answer is larger than %zu bytes", link->place.text, text_size);
        return ERR_TOO_BIG;
    }
    return ERR_OK;
}

static enum err answer_wait(redisContext *context, uint64_t deadline_boot_ms, void **ret_reply) {
    int sent = 0;
    size_t taken_n = 0;
    *ret_reply = NULL;
    while (!sent) {
        enum err err = socket_wait(context->fd, POLLOUT, deadline_boot_ms);
        if (err != ERR_OK) {
            return err;
        }
        if (redisBufferWrite(context, &sent) != REDIS_OK) {
            return ERR_CLOSED;
        }
    }
    while (*ret_reply == NULL) {
        enum err err = socket_wait(context->fd, POLLIN, deadline_boot_ms);
        if (err != ERR_OK) {
            return err;
        }
        if (redisBufferRead(context) != REDIS_OK) {
            return ERR_CLOSED;
        }
        taken_n += 16 * 1024; /* what one read takes at most */
        if (redisReaderGetReply(context->reader, ret_reply) != REDIS_OK) {
            return ERR_FORMAT;
        }
        if (context->reader->len > ANSWER_BYTES_MAX || taken_n > 64 * (size_t)ANSWER_BYTES_MAX) {
            return ERR_TOO_BIG;
        }
    }
    return ERR_OK;
}

enum err redis_link_ask(struct redis_link *link, int words_n, const char *const *words,
                        uint64_t deadline_boot_ms, char *ret_text, size_t text_size,
                        struct text256 *reterr) {
    ensure(words_n > 0 && words_n <= WORDS_MAX && text_size > 0);
    ret_text[0] = '\0';
    if (link->context == NULL) {
        text_say(reterr, "%s: not connected", link->place.text);
        return ERR_CLOSED;
    }
    redisContext *context = context_of(link);
    const char *copies[WORDS_MAX];
    memcpy(copies, words, (size_t)words_n * sizeof words[0]);
    void *reply = NULL;
    enum err err = ERR_NO_MEMORY;
    if (redisAppendCommandArgv(context, words_n, copies, NULL) == REDIS_OK) {
        err = answer_wait(context, deadline_boot_ms, &reply);
    }
    if (err != ERR_OK) {
        text_say(reterr, "%s: %s", link->place.text, err_text(err));
        freeReplyObject(reply);
        redis_link_close(link);
        return err;
    }
    err = reply_take(link, reply, ret_text, text_size, reterr);
    freeReplyObject(reply);
    return err;
}
