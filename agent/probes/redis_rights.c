/* May this user do what a failover does? Redis is asked by ACL DRYRUN (7.0), which judges a command
 * and does not run it: a right that was taken away is found on a quiet day (N18). */
#include <string.h>

#include "agent/probes/kinds.h"
#include "agent/probes/parameter.h"
#include "agent/probes/redis_client.h"

#define WORDS_MAX 5  /* of a command that is tried */
#define EPOCH_KEY "" /* its place: the name is the check's */

/* Every command of redis_promote, redis_demote and redis_handoff. */
static const char *const commands[][WORDS_MAX] = {
    {"PING"},
    {"INFO", "replication"},
    {"REPLICAOF", "NO", "ONE"},
    {"CONFIG", "GET", "min-replicas-to-write"},
    {"CONFIG", "SET", "min-replicas-to-write", "0"},
    {"CONFIG", "REWRITE"},
    {"WAIT", "1", "1"},
    {"GET", EPOCH_KEY},
    {"SET", EPOCH_KEY, "1"},
};

static enum err command_try(struct redis_client *client, const char *user, const char *epoch_key,
                            const char *const *command, struct redis_reply *ret_reply,
                            struct text256 *reterr) {
    const char *words[3 + WORDS_MAX] = {"ACL", "DRYRUN", user};
    int words_n = 3;
    for (unsigned i = 0; i < WORDS_MAX && command[i] != NULL; i++) {
        words[words_n++] = command[i][0] == '\0' ? epoch_key : command[i];
    }
    return redis_ask(client, words_n, words, ret_reply, reterr);
}

enum err redis_rights_ask(struct redis_client *client, const struct arguments *arguments,
                          struct text256 *ret_missing, struct text256 *reterr) {
    const char *user = parameter_text(arguments, "user", "default");
    const char *epoch_key = parameter_text(arguments, "epoch_key", "drover:epoch");
    ret_missing->at[0] = '\0';
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        struct redis_reply reply;
        enum err err = command_try(client, user, epoch_key, commands[i], &reply, reterr);
        if (err != ERR_OK) {
            return err;
        }
        const char *text = redis_reply_text(&reply);
        if (reply.kind == REDIS_ERROR) { /* before Redis 7, or a user that is not here */
            text_say(reterr, "ACL DRYRUN: %.80s", text);
            return ERR_UNSUPPORTED;
        }
        if (reply.kind != REDIS_TEXT || !text_equal(text, "OK")) {
            text_say(ret_missing, "%s %s: %.60s", commands[i][0],
                     commands[i][1] == NULL || commands[i][1][0] == '\0' ? epoch_key
                                                                         : commands[i][1],
                     text);
            return ERR_OK;
        }
    }
    return ERR_OK;
}
