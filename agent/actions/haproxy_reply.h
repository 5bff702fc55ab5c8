/* haproxy_reply: what HAProxy's runtime socket answers. Pure. */
#ifndef DROVER_ACTIONS_HAPROXY_REPLY_H
#define DROVER_ACTIONS_HAPROXY_REPLY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/text.h"

enum haproxy_state { HAPROXY_READY, HAPROXY_DRAIN, HAPROXY_MAINT };

struct haproxy_server {
    enum haproxy_state state; /* as the administrator wants it */
    uint64_t backend;         /* the backend's number: a frontend may have the same name */
};

/* One server of "show servers state BACKEND". NOT_FOUND: no such server there; FORMAT: not such an
 * answer. What HAProxy says instead of one ("Can't find backend.") is in reterr. */
enum err haproxy_server_parse(const char *text, const char *server,
                              struct haproxy_server *ret_server,
                              struct text256 *reterr) ERR_CHECKED;

/* Current sessions of one server in "show stat NUMBER 4 -1". Errors as above. */
enum err haproxy_sessions_parse(const char *text, const char *server, uint64_t *ret_sessions,
                                struct text256 *reterr) ERR_CHECKED;

/* Current sessions of a frontend in "show stat -1 1 -1". Errors as above. */
enum err haproxy_frontend_parse(const char *text, const char *frontend, uint64_t *ret_sessions,
                                struct text256 *reterr) ERR_CHECKED;

/* A command that changes something answers nothing when it is done: OK. NOT_FOUND, DENIED, FAILED:
 * its words are in reterr. */
enum err haproxy_done_parse(const char *text, struct text256 *reterr) ERR_CHECKED;

/* Letters of HAProxy's names: none ends a command or begins another. */
bool haproxy_name(const char *text);

#endif
