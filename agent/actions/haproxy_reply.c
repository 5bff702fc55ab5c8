/* haproxy_reply: see haproxy_reply.h. */
#include "agent/actions/haproxy_reply.h"

#include <string.h>

#include "agent/actions/act.h"

/* srv_admin_state, bits that people set; the rest follow other servers, names or the file. */
#define ADMIN_MAINT 0x01u
#define ADMIN_DRAIN 0x08u

#define LINE_SIZE 1024

/* The next line without its end; what does not fit is cut. NULL behind the last. */
static const char *line_next(const char *at, char ret_line[LINE_SIZE]) {
    size_t n = strcspn(at, "\n");
    if (*at == '\0') {
        return NULL;
    }
    size_t kept = n < LINE_SIZE ? n : LINE_SIZE - 1;
    memcpy(ret_line, at, kept);
    ret_line[kept] = '\0';
    return at + n + (at[n] == '\n');
}

/* The index-th field of a line; false when there are fewer or it is too long. */
static bool field_at(const char *line, char separator, unsigned index, char *ret_field,
                     size_t field_size) {
    for (; index > 0; index--) {
        line = strchr(line, separator);
        if (line == NULL) {
            return false;
        }
        line++;
    }
    const char *end = strchr(line, separator);
    size_t n = end != NULL ? (size_t)(end - line) : strlen(line);
    if (n >= field_size) {
        return false;
    }
    memcpy(ret_field, line, n);
    ret_field[n] = '\0';
    return true;
}

/* Which field of a header is called so; -1: none. */
static int column(const char *header, char separator, const char *name) {
    char field[64];
    for (unsigned i = 0; field_at(header, separator, i, field, sizeof field); i++) {
        if (text_equal(field, name)) {
            return (int)i;
        }
    }
    return -1;
}

static bool number_at(const char *line, char separator, int index, uint64_t *ret_number) {
    char field[32];
    return index >= 0 && field_at(line, separator, (unsigned)index, field, sizeof field) &&
           text_to_u64(field, UINT64_MAX, ret_number);
}

/* "Permission denied", "No such server.", "Can't find backend." */
static enum err refusal(const char *text, struct text256 *reterr) {
    char line[100];
    while (*text == '\n') {
        text++;
    }
    act_line(line, sizeof line, text);
    text_say(reterr, "HAProxy: %s", line[0] != '\0' ? line : "no answer");
    if (strstr(line, "ermission denied") != NULL) {
        return ERR_DENIED;
    }
    return strstr(line, "No such") != NULL || strstr(line, "an't find") != NULL ? ERR_NOT_FOUND
                                                                                : ERR_FAILED;
}

static enum err no_such(const char *name, struct text256 *reterr) {
    text_say(reterr, "HAProxy has no %.60s there", name);
    return ERR_NOT_FOUND;
}

enum err haproxy_server_parse(const char *text, const char *server,
                              struct haproxy_server *ret_server, struct text256 *reterr) {
    char line[LINE_SIZE], name[LINE_SIZE];
    uint64_t version = 0, admin = 0;
    const char *at = line_next(text, line);
    if (at == NULL || !text_to_u64(line, UINT32_MAX, &version)) {
        return refusal(text, reterr);
    }
    at = line_next(at, line);
    if (at == NULL || !text_starts(line, "# ")) {
        text_say(reterr, "not HAProxy's servers");
        return ERR_FORMAT;
    }
    int name_at = column(line + 2, ' ', "srv_name");
    int backend_at = column(line + 2, ' ', "be_id");
    int admin_at = column(line + 2, ' ', "srv_admin_state");
    while (name_at >= 0 && (at = line_next(at, line)) != NULL) {
        if (!field_at(line, ' ', (unsigned)name_at, name, sizeof name) ||
            !text_equal(name, server)) {
            continue;
        }
        if (!number_at(line, ' ', backend_at, &ret_server->backend) ||
            !number_at(line, ' ', admin_at, &admin)) {
            text_say(reterr, "not HAProxy's servers");
            return ERR_FORMAT;
        }
        ret_server->state = (admin & ADMIN_MAINT) != 0   ? HAPROXY_MAINT
                            : (admin & ADMIN_DRAIN) != 0 ? HAPROXY_DRAIN
                                                         : HAPROXY_READY;
        return ERR_OK;
    }
    return no_such(server, reterr);
}

/* The row whose field `column_name` is `name`. */
static enum err sessions_find(const char *text, const char *column_name, const char *name,
                              uint64_t *ret_sessions, struct text256 *reterr) {
    char line[LINE_SIZE], field[LINE_SIZE];
    const char *at = line_next(text, line);
    if (at == NULL || !text_starts(line, "# pxname,")) {
        return refusal(text, reterr);
    }
    int name_at = column(line + 2, ',', column_name), sessions_at = column(line + 2, ',', "scur");
    while (name_at >= 0 && (at = line_next(at, line)) != NULL) {
        if (!field_at(line, ',', (unsigned)name_at, field, sizeof field) ||
            !text_equal(field, name)) {
            continue;
        }
        if (!number_at(line, ',', sessions_at, ret_sessions)) {
            text_say(reterr, "not HAProxy's statistics");
            return ERR_FORMAT;
        }
        return ERR_OK;
    }
    return no_such(name, reterr);
}

enum err haproxy_sessions_parse(const char *text, const char *server, uint64_t *ret_sessions,
                                struct text256 *reterr) {
    return sessions_find(text, "svname", server, ret_sessions, reterr);
}

enum err haproxy_frontend_parse(const char *text, const char *frontend, uint64_t *ret_sessions,
                                struct text256 *reterr) {
    return sessions_find(text, "pxname", frontend, ret_sessions, reterr);
}

enum err haproxy_done_parse(const char *text, struct text256 *reterr) {
    return strspn(text, " \r\n") == strlen(text) ? ERR_OK : refusal(text, reterr);
}

bool haproxy_name(const char *text) {
    return text_is_of(text, "-_.:") && strlen(text) < 64;
}
