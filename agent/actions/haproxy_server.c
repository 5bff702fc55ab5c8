/* haproxy_server: servers of a backend made ready, drained or put into maintenance by HAProxy's
 * runtime socket. An empty answer is its success and a sentence its failure, so the state is always
 * read again. A reload of HAProxy forgets it, unless it keeps a state file. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/actions/act.h"
#include "agent/actions/actions.h"
#include "agent/actions/haproxy_reply.h"
#include "agent/actions/haproxy_socket.h"

#define ASK_MS 3000
#define LOOK_EVERY_MS 100
#define REPLY_SIZE (256u * 1024)
#define COMMAND_SIZE 256

static const char *const states[] = {
    [HAPROXY_READY] = "ready", [HAPROXY_DRAIN] = "drain", [HAPROXY_MAINT] = "maint"};

enum sessions { SESSIONS_LEAVE, SESSIONS_AWAIT, SESSIONS_SHUTDOWN };
static const char *const sessions_words[] = {
    [SESSIONS_LEAVE] = "leave", [SESSIONS_AWAIT] = "await", [SESSIONS_SHUTDOWN] = "shutdown"};

struct change {
    const struct action_input *input;
    const char *socket, *backend;
    struct parts servers;
    unsigned state, sessions;
    char *reply; /* REPLY_SIZE */
    struct text256 why;
};

/* The index of a word; `n` when it is none. */
static unsigned word_find(const char *const *words, unsigned n, const char *word) {
    unsigned i = 0;
    while (i < n && !text_equal(words[i], word)) {
        i++;
    }
    return i;
}

static enum err change_open(const struct arguments *arguments, struct change *change,
                            struct text256 *reterr) {
    enum err err = action_args_accept(ACTION_HAPROXY_SERVER, arguments, reterr);
    if (err != ERR_OK) {
        return err;
    }
    change->socket = arg_text(arguments, "socket", "");
    change->backend = arg_text(arguments, "backend", "");
    change->state = word_find(states, 3, arg_text(arguments, "state", ""));
    change->sessions = word_find(sessions_words, 3, arg_text(arguments, "sessions", "leave"));
    bool names = arg_parts(arguments, "servers", &change->servers) && haproxy_name(change->backend);
    for (uint8_t i = 0; i < change->servers.n; i++) {
        names = names && haproxy_name(change->servers.at[i]);
    }
    if (!names) {
        text_say(reterr, "arguments \"backend\" and \"servers\": expected HAProxy's names, up to 8 "
                         "servers with commas between");
        return ERR_CONFIG;
    }
    return ERR_OK;
}

static enum err change_accepts(const struct arguments *arguments, struct text256 *reterr) {
    struct change change;
    memset(&change, 0, sizeof change);
    return change_open(arguments, &change, reterr);
}

static enum err haproxy_ask(struct change *change, const char *command) {
    struct text256 why = {""};
    size_t n = 0;
    enum err err = haproxy_exchange(change->socket, command,
                                    act_within(ASK_MS, change->input->deadline_boot_ms),
                                    change->reply, REPLY_SIZE, &n, &why);
    if (err != ERR_OK) {
        text_say(&change->why, "HAProxy at %.60s: %.100s", change->socket,
                 why.at[0] != '\0' ? why.at : err_text(err));
    }
    return err;
}

static enum err server_look(struct change *change, const char *server, bool *ret_there) {
    char command[COMMAND_SIZE];
    struct haproxy_server now = {.backend = 0};
    uint64_t sessions = 0;
    (void)text_format(command, sizeof command, "show servers state %s\n", change->backend);
    enum err err = haproxy_ask(change, command);
    if (err == ERR_OK) {
        err = haproxy_server_parse(change->reply, server, &now, &change->why);
    }
    if (err == ERR_OK && change->sessions != SESSIONS_LEAVE) {
        (void)text_format(command, sizeof command, "show stat %" PRIu64 " 4 -1\n", now.backend);
        err = haproxy_ask(change, command);
        if (err == ERR_OK) {
            err = haproxy_sessions_parse(change->reply, server, &sessions, &change->why);
        }
    }
    if (err != ERR_OK) {
        return err;
    }
    *ret_there = (unsigned)now.state == change->state && sessions == 0;
    if (!*ret_there) {
        text_say(&change->why, "%.60s is %s%s", server, states[now.state],
                 sessions > 0 ? ", and has sessions" : "");
    }
    return ERR_OK;
}

static enum err all_look(struct change *change, bool *ret_there) {
    bool all = true;
    for (uint8_t i = 0; i < change->servers.n && all; i++) {
        enum err err = server_look(change, change->servers.at[i], &all);
        if (err != ERR_OK) {
            return err;
        }
    }
    *ret_there = all;
    return ERR_OK;
}

static enum err server_set(struct change *change, const char *server) {
    char command[COMMAND_SIZE];
    (void)text_format(command, sizeof command, "set server %s/%s state %s\n", change->backend,
                      server, states[change->state]);
    enum err err = haproxy_ask(change, command);
    if (err == ERR_OK) {
        err = haproxy_done_parse(change->reply, &change->why);
    }
    if (err == ERR_OK && change->sessions == SESSIONS_SHUTDOWN) {
        (void)text_format(command, sizeof command, "shutdown sessions server %s/%s\n",
                          change->backend, server);
        err = haproxy_ask(change, command);
        if (err == ERR_OK) {
            err = haproxy_done_parse(change->reply, &change->why);
        }
    }
    return err;
}

static struct action_result change_act(struct change *change) {
    bool there = false;
    struct text256 seen = {
        ""}; /* a look that the deadline cuts off says less than the one before */
    enum err err = ERR_OK;
    for (uint8_t i = 0; i < change->servers.n && err == ERR_OK; i++) {
        err = server_set(change, change->servers.at[i]);
    }
    while (err == ERR_OK) {
        err = all_look(change, &there);
        if (err == ERR_OK && there) {
            return act_done(false, "%u of %.60s: %s", (unsigned)change->servers.n, change->backend,
                            states[change->state]);
        }
        if (err == ERR_OK) {
            seen = change->why;
            err = act_pause(LOOK_EVERY_MS, change->input->deadline_boot_ms) ? ERR_OK : ERR_TIMEOUT;
        } else if (err == ERR_TIMEOUT && seen.at[0] != '\0') {
            change->why = seen;
        }
    }
    return act_failed(err, "%.150s", change->why.at);
}

static struct action_result change_run(const struct action_input *input) {
    struct change change;
    memset(&change, 0, sizeof change);
    change.input = input;
    bool there = false;
    enum err err = change_open(input->arguments, &change, &change.why);
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", change.why.at);
    }
    change.reply = malloc(REPLY_SIZE);
    if (change.reply == NULL) {
        return act_failed(ERR_NO_MEMORY, "no memory for an answer");
    }
    struct action_result result;
    err = all_look(&change, &there);
    if (err != ERR_OK || (!there && input->observe_only)) {
        result = act_failed(err != ERR_OK ? err : ERR_FAILED, "%.150s", change.why.at);
    } else if (there) {
        result = act_done(true, "%u of %.60s: %s", (unsigned)change.servers.n, change.backend,
                          states[change.state]);
    } else {
        result = change_act(&change);
    }
    free(change.reply);
    return result;
}

const struct action_kind_row row_haproxy_server = {
    .kind = ACTION_HAPROXY_SERVER,
    .run = change_run,
    .accepts = change_accepts,
    .needs_lease = false,
    .arguments_help = "socket=/path|IP:PORT, backend, servers, state=ready|drain|maint, "
                      "sessions=leave|await|shutdown",
    .by_hand = "echo 'set server {backend}/{servers} state {state}' | socat stdio {socket}; then "
               "'show servers state {backend}'",
};
