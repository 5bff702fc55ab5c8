/* s3_direction: which way a bucket's replication leads. A server knows the rules by which it sends
 * and nothing of those by which it gets, so each region's bucket is a step of its own: as `source`
 * its rules are on, as `target` they are off. The rules and what they lead to are declared there
 * beforehand (the other region's credentials are set by MinIO's administrator alone); here only
 * their Status changes, and all else of them stays. The epoch's mark is an object of the bucket:
 * it replicates with the data, and as a source it is the proof of a write. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/actions/act.h"
#include "agent/actions/actions.h"
#include "agent/actions/s3_rules.h"
#include "common/io/flat_xml.h"
#include "common/io/service.h"

#define RULES_SIZE 65536
#define ASK_MS 5000
#define LOOK_EVERY_MS 500

struct turning {
    const struct action_input *input;
    const char *bucket, *epoch_key, *rule;
    bool source;
    char *rules, *wished; /* RULES_SIZE each */
    struct s3_turn turn;  /* as last read */
    uint64_t epoch;       /* the bucket's mark; 0: none */
    struct text256 why;
};

static enum err turning_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return action_args_accept(ACTION_S3_DIRECTION, arguments, reterr);
}

/* "NoSuchBucket: The specified bucket does not exist" of an error's body. */
static void refusal_say(struct turning *turning, const char *asked, long status, const char *body) {
    struct piece all = {body, strlen(body)}, code, message;
    char text[160], line[160];
    bool known = flat_xml_element(all, "Code", &code);
    bool told = flat_xml_element(all, "Message", &message);
    (void)text_format(text, sizeof text, "%.*s%s%.*s", known ? (int)code.n : 0,
                      known ? code.at : "", told ? ": " : "", told ? (int)message.n : 0,
                      told ? message.at : "");
    act_line(line, sizeof line, text);
    text_say(&turning->why, "%s: HTTP %ld %s", asked, status, line);
}

static bool answer_has_code(const char *body, const char *wanted) {
    struct piece all = {body, strlen(body)}, code;
    return flat_xml_element(all, "Code", &code) && piece_equal(code, wanted);
}

/* key NULL: the rules. An answer of any status but those that say no to us is OK. */
static enum err store_ask(struct turning *turning, const char *method, const char *key,
                          const char *body, long *ret_status) {
    char path[512];
    bool rules = key == NULL;
    (void)text_format(path, sizeof path, "/%s/%s%s", turning->bucket, rules ? "" : key,
                      rules ? "?replication=" : "");
    struct service_request request = {
        .method = method,
        .path = path,
        .body = body,
        .body_size = body != NULL ? strlen(body) : 0,
        .sign_region = arg_text(turning->input->arguments, "region", "us-east-1"),
        .sign_service = "s3",
        .deadline_boot_ms = act_within(ASK_MS, turning->input->deadline_boot_ms),
    };
    struct http_sync_answer answer = {0};
    enum err err = service_ask(turning->input->arguments, turning->input->secrets, &request,
                               turning->rules, RULES_SIZE, &answer, &turning->why);
    *ret_status = answer.status;
    if (err == ERR_AUTH && answer.status != 0) {
        refusal_say(turning, method != NULL ? method : "GET", answer.status, turning->rules);
    }
    return err;
}

static enum err rules_read(struct turning *turning) {
    long status = 0;
    enum err err = store_ask(turning, NULL, NULL, NULL, &status);
    turning->turn = (struct s3_turn){0};
    if (err != ERR_OK) {
        return err;
    }
    if (status == 404 && answer_has_code(turning->rules, "ReplicationConfigurationNotFoundError")) {
        return ERR_OK;
    }
    if (status != 200) {
        refusal_say(turning, "rules", status, turning->rules);
        return status == 404 ? ERR_NOT_FOUND : ERR_FAILED;
    }
    err = s3_rules_turn(turning->rules, turning->rule, turning->source, turning->wished, RULES_SIZE,
                        &turning->turn);
    if (err != ERR_OK) {
        text_say(&turning->why, "%s does not answer with rules of replication", turning->bucket);
    }
    return err;
}

static enum err epoch_read(struct turning *turning) {
    long status = 0;
    enum err err = store_ask(turning, NULL, turning->epoch_key, NULL, &status);
    turning->epoch = 0;
    if (err != ERR_OK) {
        return err;
    }
    if (status == 404 && answer_has_code(turning->rules, "NoSuchKey")) {
        return ERR_OK;
    }
    if (status != 200) {
        refusal_say(turning, turning->epoch_key, status, turning->rules);
        return status == 404 ? ERR_NOT_FOUND : ERR_FAILED;
    }
    if (!s3_epoch_parse(turning->rules, &turning->epoch)) {
        text_say(&turning->why, "the object %s is no mark of an epoch", turning->epoch_key);
        return ERR_FORMAT;
    }
    return ERR_OK;
}

/* What is there. PRECONDITION, STALE: it would be wrong to act. */
static enum err look(struct turning *turning, bool *ret_there) {
    enum err err = epoch_read(turning);
    err = err == ERR_OK ? rules_read(turning) : err;
    if (err != ERR_OK) {
        return err;
    }
    if (turning->epoch > turning->input->epoch) {
        text_say(&turning->why, "%s has the mark of epoch %" PRIu64 ", newer than %" PRIu64,
                 turning->bucket, turning->epoch, turning->input->epoch);
        return ERR_STALE;
    }
    if (turning->turn.rules_n == 0 && (turning->source || turning->rule != NULL)) {
        text_say(&turning->why, "%s has no rule %.60s: declare it first (mc replicate add)",
                 turning->bucket, turning->rule != NULL ? turning->rule : "of replication");
        return ERR_PRECONDITION;
    }
    *ret_there = turning->turn.changed_n == 0 &&
                 (!turning->source || turning->epoch == turning->input->epoch);
    return ERR_OK;
}

static enum err put(struct turning *turning, const char *key, const char *body) {
    long status = 0;
    enum err err = store_ask(turning, "PUT", key, body, &status);
    if (err == ERR_OK && status != 200 && status != 204) {
        refusal_say(turning, key != NULL ? "write refused" : "rules refused", status,
                    turning->rules);
        return ERR_FAILED;
    }
    return err;
}

/* MinIO takes no rules, on or off, while what they lead to does not answer. */
static enum err turn_once(struct turning *turning) {
    char mark[48];
    enum err err = ERR_OK;
    if (turning->source && turning->epoch < turning->input->epoch) {
        (void)text_format(mark, sizeof mark, "drover epoch %" PRIu64 "\n", turning->input->epoch);
        err = put(turning, turning->epoch_key, mark);
    }
    if (err == ERR_OK && turning->turn.changed_n > 0) {
        err = put(turning, NULL, turning->wished);
    }
    return err;
}

static struct action_result done(const struct turning *turning, bool observed) {
    return act_done(observed, "%.63s is a %s: %u of its rules %s", turning->bucket,
                    turning->source ? "source" : "target", turning->turn.rules_n,
                    turning->source ? "on" : "off");
}

static struct action_result turn(struct turning *turning) {
    bool there = false;
    struct text256 refused = {""};
    for (;;) {
        enum err err = look(turning, &there);
        if (err != ERR_OK) {
            bool said = err == ERR_TIMEOUT && refused.at[0] != '\0';
            return act_failed(err, "%.150s", said ? refused.at : turning->why.at);
        }
        if (there) {
            return done(turning, false);
        }
        err = turn_once(turning);
        if (err == ERR_FAILED) {
            refused = turning->why;
        } else if (err != ERR_OK) {
            return act_failed(err, "%.150s", turning->why.at);
        }
        if (err != ERR_OK && !act_pause(LOOK_EVERY_MS, turning->input->deadline_boot_ms)) {
            return act_failed(ERR_TIMEOUT, "%.150s", refused.at);
        }
    }
}

static struct action_result turning_run(const struct action_input *input) {
    struct turning turning = {.input = input};
    struct action_result result;
    bool there = false;
    enum err err = turning_accepts(input->arguments, &turning.why);
    if (err != ERR_OK) {
        return act_failed(err, "%.150s", turning.why.at);
    }
    turning.bucket = arg_text(input->arguments, "bucket", "");
    turning.epoch_key = arg_text(input->arguments, "epoch_key", "drover/epoch");
    turning.rule = arg_text(input->arguments, "rule", NULL);
    turning.source = text_equal(arg_text(input->arguments, "role", ""), "source");
    turning.rules = malloc(RULES_SIZE);
    turning.wished = malloc(RULES_SIZE);
    if (turning.rules == NULL || turning.wished == NULL) {
        result = act_failed(ERR_NO_MEMORY, "no memory for an answer");
    } else {
        err = look(&turning, &there);
        result = err != ERR_OK         ? act_failed(err, "%.150s", turning.why.at)
                 : there               ? done(&turning, true)
                 : input->observe_only ? act_failed(ERR_FAILED, "%u of its rules are the other way",
                                                    turning.turn.changed_n)
                                       : turn(&turning);
    }
    free(turning.rules);
    free(turning.wished);
    return result;
}

const struct action_kind_row row_s3_direction = {
    .kind = ACTION_S3_DIRECTION,
    .run = turning_run,
    .accepts = turning_accepts,
    .needs_lease = false,
    .arguments_help = ARG_SERVICE_HELP ", bucket, role=source|target, region=us-east-1, rule (its "
                                       "ID; else all), epoch_key=drover/epoch",
    .by_hand = "mc replicate update <alias of {url}>/{bucket} --id <each> --state enable (role "
               "source) or disable (target)",
};
