/* A bucket's role in replication. A server knows the rules by which it sends and nothing of those
 * by which it gets: so a bucket is a source by an enabled rule of its own, and a target by one of
 * the peer's that leads to a bucket of its name. */
#include "agent/probes/s3_role.h"

#include <stdlib.h>

#include "agent/probes/reading.h"

#define RULES_SIZE 65536
#define ROLE_SOURCE 1u
#define ROLE_TARGET 2u

/* By their bits. */
static const char *const roles[] = {"none", "source", "target", "both"};

static struct reading not_told(long status, const char *body) {
    char code[48];
    s3_error_code(body, code, sizeof code);
    return status == 404 || status >= 500
               ? reading_judged(false, "%s", code[0] != '\0' ? code : "not there")
               : reading_failed(ERR_FORMAT, "status %ld %s", status, code);
}

/* False: ret_reading says why. A bucket without rules has 0, and so has one that is not there where
 * it is the peer's: from there nothing comes. */
static bool rules_ask(const struct s3_place *place, bool peer, const char *bucket,
                      struct s3_rules *ret_rules, struct reading *ret_reading) {
    char code[48];
    struct http_sync_answer answer;
    struct s3_request request = {.query = "replication="};
    char *body = malloc(RULES_SIZE);
    *ret_rules = (struct s3_rules){0};
    if (body == NULL) {
        *ret_reading = reading_failed(ERR_NO_MEMORY, "out of memory");
        return false;
    }
    bool known = s3_ask(place, &request, body, RULES_SIZE, &answer, ret_reading);
    if (known && answer.status == 200) {
        known = s3_rules_parse(body, bucket, ret_rules) == ERR_OK;
        *ret_reading = reading_failed(ERR_FORMAT, "not rules of replication");
    } else if (known) {
        s3_error_code(body, code, sizeof code);
        known = text_equal(code, "ReplicationConfigurationNotFoundError") ||
                (peer && text_equal(code, "NoSuchBucket"));
        *ret_reading = not_told(answer.status, body);
    }
    ret_reading->latency_ms = answer.took_ms;
    free(body);
    return known;
}

static bool fits(const char *expected, unsigned role) {
    return text_equal(expected, "any") || text_equal(expected, roles[role]);
}

static struct reading judge_known(const char *expected, unsigned role) {
    bool good = fits(expected, role);
    struct reading reading = reading_judged(good, "%s%s%s", roles[role], good ? "" : ", expected ",
                                            good ? "" : expected);
    reading.value = role;
    return reading;
}

/* Only what could not be, whatever the peer's rules are, is unexpected. */
static struct reading judge_own(const char *expected, unsigned own, const struct reading *why) {
    bool good = fits(expected, own) || fits(expected, own | ROLE_TARGET);
    struct reading reading = reading_judged(
        good, "%s%s%s%s%.40s", own == ROLE_SOURCE ? "a source" : "not a source",
        good ? "" : ", expected ", good ? "" : expected,
        why != NULL ? "; the peer's rules are not known: " : "", why != NULL ? why->detail : "");
    if (why != NULL) {
        reading_warn(&reading);
    }
    reading.value = -1;
    return reading;
}

bool s3_role_needs_peer(const struct arguments *arguments) {
    const char *expected = parameter_text(arguments, "expect_role", "any");
    return !text_equal(expected, "any") && !text_equal(expected, "source");
}

struct reading s3_role(const struct probe_input *input, const struct s3_place *place) {
    const char *expected = parameter_text(input->arguments, "expect_role", "any");
    struct s3_place peer;
    struct s3_rules ours, theirs;
    struct text256 why = {""};
    struct reading reading;
    if (!rules_ask(place, false, place->bucket, &ours, &reading)) {
        reading.value = -1;
        return reading;
    }
    unsigned own = ours.n > 0 ? ROLE_SOURCE : 0;
    uint32_t latency_ms = reading.latency_ms;
    if (arguments_get(input->arguments, "peer_url") == NULL) {
        reading = judge_own(expected, own, NULL);
    } else if (s3_place_open(input, true, &peer, &why) != ERR_OK) {
        reading = reading_failed(ERR_CONFIG, "%s", why.at);
    } else if (rules_ask(&peer, true, place->bucket, &theirs, &reading)) {
        reading = judge_known(expected, own | (theirs.here_n > 0 ? ROLE_TARGET : 0));
    } else {
        struct reading of_peer = reading;
        reading = judge_own(expected, own, &of_peer);
    }
    reading.latency_ms = latency_ms;
    return reading;
}
