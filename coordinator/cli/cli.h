/* cli: the operators' command line. It speaks to members over the wire and knows none of their
 * insides.
 *
 * args.c      words and options -> struct command_line
 * verbs.c     the one table of verbs; questions
 * requests.c  what changes something: signed requests, and the question before them
 * evidence.c  --evidence, --evidence-file
 * countersign.c  a second person's word for a log that is begun anew
 * digest.c    --digest: what a request is bound to
 * client.c    asking the members: all at once for a question, one after the other for a request
 * local.c     what needs no member: keys, checking and comparing topology files
 * readiness.c could a region take over now; asks every member
 * recover.c   the members and their log were lost: what is known, and what to do next
 * keys.c      who exchanges keys, and what comes next; asks every member
 * doctor*.c   what is wrong with the installation on this machine
 * replay.c    a member's recordings, decided again
 * plans.c     plans: listed, shown, rendered as runbooks, linted
 * plans_preview.c  what a plan would do now, with its digest
 * plans_changes.c  a plan's order of recovery, and what became of a plan
 * plans_simul*.c  a plan in virtual time, by the members' own code; plans_faults.c what goes wrong
 * watch.c     status --watch: asked and drawn again each second
 * help.c      help and completion, out of the table of verbs
 * show*.c     the members' JSON as text for people */
#ifndef DROVER_CLI_H
#define DROVER_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/err.h"
#include "common/base/text.h"
#include "common/io/keyfile.h"
#include "common/io/local_conf.h"
#include "proto/message.h"

/* The same for every verb: docs/cli.md. Members send some of them with their replies. */
enum exit_code {
    EXIT_OK = 0,
    EXIT_BROKEN = 1, /* a file could not be written, memory ran out */
    EXIT_USAGE = 2,
    EXIT_REFUSED = 3,
    EXIT_NOT_AUTHORISED = 4,
    EXIT_NEEDS_APPROVAL = 5,
    EXIT_NO_QUORUM = 6,
    EXIT_CHANGED = 7,
    EXIT_STEP_FAILED = 8,
    EXIT_OBJECTIVE_MISSED = 9,
    EXIT_NOT_VERIFIED = 10
};

#define CONFIG_DEFAULT "/etc/drover/drover.conf"
#define WORDS_MAX 64 /* a verb's own words: EXECUTION STEP ..., or files */
#define SETS_MAX 8
#define FAULTS_MAX 32

/* Options of single verbs; all verbs take --config, --json, --at, --timeout and --help. */
enum option_set {
    TAKES_TO = 1 << 0,
    TAKES_KIND = 1 << 1,
    TAKES_PLAN = 1 << 2,
    TAKES_REASON = 1 << 3,
    TAKES_COMMENT = 1 << 4,
    TAKES_OUT = 1 << 5,
    TAKES_FOR = 1 << 6,
    TAKES_EPOCH = 1 << 7,
    TAKES_WATCH = 1 << 8,
    TAKES_YES = 1 << 9,
    TAKES_FROM = 1 << 10,
    TAKES_PRINT = 1 << 11,
    TAKES_SET = 1 << 12,
    TAKES_FAIL_ON = 1 << 13,
    TAKES_FORMAT = 1 << 14,
    TAKES_SECRETS = 1 << 15,
    TAKES_FAULT = 1 << 16,
    TAKES_SEED = 1 << 17,
    TAKES_PEOPLE = 1 << 18,
    TAKES_DIGEST = 1 << 19,
    TAKES_HISTORY = 1 << 20,
    TAKES_EVIDENCE = 1 << 21,
    TAKES_SECOND = 1 << 22
};

struct command_line {
    const char *config, *at, *kind, *plan, *to, *reason, *comment, *out, *format, *secrets;
    const char *digest, *history, *evidence, *evidence_file, *second;
    uint64_t epoch, from, for_ms;
    uint32_t timeout_ms; /* 0: drover.conf's */
    bool json, watch, yes, print;
    bool fail_on_warning;
    const char *sets[SETS_MAX]; /* "lease.wait=20s" */
    unsigned sets_n;
    const char *faults[FAULTS_MAX]; /* "promote=slow:30s" */
    unsigned faults_n;
    uint64_t seed, people_ms;
    bool people_given;
    const struct verb *verb;
    const char *words[WORDS_MAX];
    unsigned words_n;
};

struct client;

struct session {
    const struct command_line *line;
    struct cli_conf conf;
    struct keys keys;
    struct topology *pins;
    struct client *client; /* opened by the first question */
};

/* Does a verb need a member, and so the operator's key and pins? */
enum verb_local {
    LOCAL_NO = 0,
    LOCAL_YES = 1,
    LOCAL_WITH_FILE = 2 /* not when its last word, a file, is given */
};

struct verb {
    const char *name;  /* "step retry" */
    const char *usage; /* what follows the name */
    const char *help;  /* one line */
    const char *teach; /* what happens, what to know */
    const char *example;
    uint32_t takes; /* enum option_set */
    uint8_t words_min, words_max;
    uint8_t local; /* enum verb_local */
    int (*run)(struct session *session);
};

/* args.c: -1 to go on with ret_line, else the exit code; what is wrong goes to `errors`. */
int args_read(int argc, char **argv, struct command_line *ret_line, FILE *errors);
/* One option's name ("--to REGION") by its index in the set, or NULL; for help and completion. */
const char *args_option(unsigned index, uint32_t *ret_takes);

/* verbs.c */
const struct verb *verb_at(unsigned index); /* NULL behind the last */
/* The longest name that the words begin with; NULL. *ret_used: how many words it took. */
const struct verb *verb_find(int words_n, char *const *words, int *ret_used);
int say_nobody(const struct session *session);

/* watch.c */
struct watch_size {
    unsigned columns, rows;
    bool terminal;
};
/* Until q is typed, it is interrupted, or stdout is gone. */
int watch_run(struct session *session);
/* Of the terminal behind stdout, as it is now; 80 by 24 without one. */
struct watch_size watch_size_now(void);
/* One status onto stdout: on a terminal over the picture before it, each row cleared behind its
 * text and none beyond the last one; elsewhere as text, with an empty line behind it. */
void watch_draw(json_t *status, struct watch_size size);

/* watch_keys.c */
/* Keys of the terminal behind stdin come as they are typed, and unseen, until watch_keys_close
 * or a signal that ends the program. False, and nothing is changed, when stdin or stdout is none or
 * the program runs in the background. */
bool watch_keys_open(void);
bool watch_keys_quit(void); /* q was typed; does not wait */
/* The terminal as it was before, the cursor below the picture. */
void watch_keys_close(void);

/* requests.c */
int request_declare(struct session *session);
int request_approve(struct session *session);
int request_reject(struct session *session);
int request_pause(struct session *session);
int request_resume(struct session *session);
int request_abort(struct session *session);
int request_step_retry(struct session *session);
int request_step_skip(struct session *session);
int request_mode(struct session *session);
int request_step_done(struct session *session);
int request_command_take(struct session *session);
int request_command_handover(struct session *session);
int request_hold(struct session *session);
int request_release(struct session *session);
int request_config_apply(struct session *session);

/* What the members say of this declaration before it is made. */
struct query preview_query(const struct request *request);

/* evidence.c: fills in what shows that a step was done, from --evidence or --evidence-file. */
int evidence_take(const struct session *session, struct request *request);

/* countersign.c: signs a file as the second person; fills in the word that --second names. */
int countersign_run(struct session *session);
int countersign_take(const struct session *session, struct request *request);

/* digest.c: fills in what the request is bound to, when --digest says so. */
int digest_take(struct session *session, struct request *request);

/* client.c */
struct client_reply {
    uint8_t exit_code; /* EXIT_NO_QUORUM without an answer */
    char member[NAME_SIZE];
    json_t *json; /* owned by the receiver; NULL: nobody answered */
};

/* The first reply of a member that knows the newest state (or of --at). */
struct client_reply client_ask(struct session *session, const struct query *query);
/* Every member's own reply, in the order of the pins. */
void client_ask_all(struct session *session, const struct query *query,
                    struct client_reply ret_replies[MEMBERS_MAX]);
/* How many members answered and have caught up with the log; asks no longer than until a majority
 * has. */
unsigned client_count_ready(struct session *session);
/* Fills in who, when and a new identity, signs and sends. The next member gets the very same
 * request when one does not answer for 3 s, so it is done once whoever receives it. */
struct client_reply client_request(struct session *session, struct request *request);
void client_pause(struct session *session, uint32_t ms); /* stays connected meanwhile */
void client_close(struct session *session);

/* local.c */
int local_keygen(struct session *session);
int local_config_check(struct session *session);
int local_config_diff(struct session *session);
/* With file and line of each, when they were found in a file (else NULL). NULL without memory:
 * fewer findings than there are would be another answer. */
json_t *findings_json(const struct findings *findings, const char *file);
/* Reads and checks; findings go to stdout. OK, USAGE (it does not read), REFUSED (errors). */
int local_check_file(const char *path, bool quiet_when_good, json_t **ret_json);
/* The topology file that the verb's first word names, checked: its bytes, as they are signed. */
int local_sound_file(const struct session *session, char ret_text[TOPOLOGY_BYTES_MAX + 1],
                     size_t *ret_size);

/* readiness.c */
int readiness_run(struct session *session);

/* recover.c */
int recover_run(struct session *session);

/* keys.c */
int keys_run(struct session *session);

/* doctor.c */
int doctor_run(struct session *session);

/* replay.c */
int replay_run(struct session *session);

/* plans.c */
int plan_list_run(struct session *session);
int plan_show_run(struct session *session);
int plan_render_run(struct session *session);
int plan_lint_run(struct session *session);

/* plans_history.c */
int plan_history_run(struct session *session);

/* plans_preview.c */
int plan_preview_run(struct session *session);

/* plans_changes.c */
int plan_graph_run(struct session *session);
int plan_diff_run(struct session *session);

/* plans_simulate.c */
int plan_simulate_run(struct session *session);

/* help.c */
int help_run(struct session *session);
int help_completion(struct session *session);
void help_verb(const struct verb *verb, FILE *to);
/* All verbs of a group ("step"); false when there is no such group. */
bool help_group(const char *group, FILE *to);

/* show.c */
void show_reply(const struct session *session, const char *what, json_t *json);
void show_json(const json_t *json);
void show_findings(const json_t *findings);
void show_preview(const json_t *json);

/* sentence.c: what must be typed to confirm what the preview showed: "lose 41s to west", "lose 2s
 * and unknown of redis to west", "lose unknown to west", "switch to west with zero loss", "make
 * west the standby". ungraceful: nothing more is handed over, whatever the plan has. */
#define SENTENCE_TYPED_SIZE (NAME_SIZE + 160)
void confirm_sentence(const json_t *preview, const char *region, bool ungraceful, char *out,
                      size_t out_size);

#endif
