/* cli: the operators' command line. verbs.c has the one table of verbs; client.c asks the members;
 * local.c does what needs no member (keygen, config check and diff, completion); render.c turns the
 * members' JSON into text. */
#ifndef DROVER_CLI_H
#define DROVER_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/text.h"
#include "common/io/keyfile.h"
#include "common/io/local_conf.h"
#include "proto/message.h"

/* requirements.md section 5.3 */
enum exit_code {
    EXIT_OK = 0,
    EXIT_USAGE = 2,
    EXIT_REFUSED = 3,
    EXIT_NOT_AUTHORISED = 4,
    EXIT_NEEDS_APPROVAL = 5,
    EXIT_NO_QUORUM = 6,
    EXIT_PRECONDITION = 7,
    EXIT_STEP_FAILED = 8,
    EXIT_OBJECTIVE_MISSED = 9,
    EXIT_NOT_VERIFIED = 10
};

#define WORDS_MAX 8 /* a verb's own words: EXECUTION STEP ... */

struct command_line {
    const char *config, *at, *kind, *plan, *to, *reason, *comment, *out, *hold_for;
    uint64_t epoch;
    uint32_t timeout_ms; /* 0: drover.conf's */
    bool json, watch, yes;
    const struct verb *verb;
    const char *words[WORDS_MAX];
    unsigned words_n;
};

struct session {
    const struct command_line *line;
    struct cli_conf conf;
    struct keys keys;
    struct topology *pins;
};

struct verb {
    const char *name;      /* "step retry" */
    const char *usage;     /* what follows the name */
    const char *help;      /* one sentence */
    const char *example;
    uint8_t words_min, words_max;
    bool local;            /* needs no member and no key */
    int (*run)(struct session *session);
};

const struct verb *verb_at(unsigned index); /* NULL behind the last */
const struct verb *verb_find(int words_n, char **words, int *ret_used);

/* client.c: asks and prints. The JSON of a reply is parsed; NULL when nobody answered. */
struct client_reply {
    uint8_t exit_code;
    char member[NAME_SIZE];
    json_t *json; /* owned by the receiver */
};

/* The first reply of any member (or of --at). exit_code EXIT_NO_QUORUM without one. */
struct client_reply client_ask(struct session *session, const struct query *query);
/* Every member's own reply, for `members`; replies_n is the members' number, in their order. */
void client_ask_all(struct session *session, const struct query *query,
                    struct client_reply ret_replies[MEMBERS_MAX]);
/* Signs and sends a request; one member after the other with the same identity, so that it is done
 * once whoever receives it. */
struct client_reply client_request(struct session *session, struct request *request);

/* local.c */
int local_keygen(struct session *session);
int local_config_check(struct session *session);
int local_config_diff(struct session *session);
int local_completion(struct session *session);
int local_help(struct session *session);

/* render.c */
void render_reply(const struct session *session, const char *what, const json_t *json);
void render_findings(const json_t *findings);

#endif
