#include "tests/unit/proto/random_message.h"

#include <string.h>

#include "common/base/ensure.h"

static uint64_t number(struct rng *rng) {
    return rng_next(rng) >> rng_below(rng, 64);
}

static uint32_t number32(struct rng *rng) {
    return (uint32_t)number(rng);
}

static uint8_t below(struct rng *rng, unsigned limit) {
    return (uint8_t)rng_below(rng, limit);
}

static bool flag(struct rng *rng) {
    return rng_below(rng, 2) == 1;
}

static void bytes(struct rng *rng, uint8_t *ret_bytes, size_t n) {
    for (size_t i = 0; i < n; i++) {
        ret_bytes[i] = below(rng, 256);
    }
}

static void name(struct rng *rng, bool may_be_empty, char ret_name[NAME_SIZE]) {
    static const char first[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    static const char inner[] = "abcdefghijklmnopqrstuvwxyz0123456789-_.";
    size_t n = 1 + rng_below(rng, NAME_SIZE - 1);
    if (may_be_empty && rng_below(rng, 4) == 0) {
        n = 0;
    }
    for (size_t i = 0; i < n; i++) {
        ret_name[i] = i == 0 ? first[rng_below(rng, sizeof first - 1)]
                             : inner[rng_below(rng, sizeof inner - 1)];
    }
    ret_name[n] = '\0';
}

static void sentence(struct rng *rng, bool lines, char *ret_text, size_t size) {
    static const char *const pieces[] = {
        "a", "Z",  " ",  "~", "\"", "%s", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x8c\x8d",
        "0", "\\", "\n", "\t"};
    size_t used = 0;
    size_t wanted = rng_below(rng, size);
    while (used < wanted) {
        const char *piece = pieces[rng_below(rng, lines ? 13 : 11)];
        size_t n = strlen(piece);
        if (used + n >= size) {
            break;
        }
        memcpy(ret_text + used, piece, n);
        used += n;
    }
    ret_text[used] = '\0';
}

static uint8_t random_err(struct rng *rng) {
    static const uint8_t known[] = {
#define KNOWN(tag, value, text) (value),
        ERR_LIST(KNOWN)
#undef KNOWN
    };
    return known[rng_below(rng, sizeof known)];
}

static uint8_t random_refusal(struct rng *rng) {
    static const uint8_t known[] = {
#define KNOWN(tag, value, text) (value),
        REFUSAL_LIST(KNOWN)
#undef KNOWN
    };
    return known[rng_below(rng, sizeof known)];
}

static void random_question(struct rng *rng, struct question *to) {
    name(rng, false, to->cluster);
    to->purpose = (uint8_t)(1 + below(rng, 3));
    name(rng, false, to->region);
    name(rng, false, to->agent);
    to->epoch = number(rng);
    bytes(rng, to->nonce, NONCE_SIZE);
    bytes(rng, to->digest, DIGEST_SIZE);
    to->lease_ms = number32(rng);
    to->wait_ms = number32(rng);
    to->promise_ms = number32(rng);
    to->config_version = number32(rng);
    bytes(rng, to->signature, SIGNATURE_SIZE);
}

static void random_answer(struct rng *rng, struct answer *to) {
    name(rng, false, to->from);
    name(rng, false, to->agent);
    to->purpose = (uint8_t)(1 + below(rng, 3));
    to->epoch = number(rng);
    bytes(rng, to->nonce, NONCE_SIZE);
    bytes(rng, to->digest, DIGEST_SIZE);
    to->refusal = random_refusal(rng);
    to->newest_epoch = number(rng);
    to->newest_open = flag(rng);
    to->left_ms = number32(rng);
    to->config_version = number32(rng);
    bytes(rng, to->signature, SIGNATURE_SIZE);
}

static void random_guard(struct rng *rng, struct guard_report *to) {
    to->present = true;
    to->gate = below(rng, 4);
    to->epoch = number(rng);
    to->lease_left_ms = number32(rng);
    to->by_promise = flag(rng);
    to->soft_fenced = flag(rng);
    to->promised_epoch = number(rng);
    to->promise_left_ms = number32(rng);
    to->key = below(rng, 3);
}

static void random_check(struct rng *rng, struct check_report *to) {
    to->check = (uint16_t)rng_below(rng, CHECKS_MAX);
    to->status = below(rng, 6);
    to->role = below(rng, 3);
    to->writable = flag(rng);
    to->since_ms = number32(rng);
    to->latency_ms = number32(rng);
    to->value = (int64_t)rng_next(rng) >> rng_below(rng, 64);
    sentence(rng, false, to->detail, sizeof to->detail);
    to->run = number32(rng);
    to->began_ago_ms = number32(rng);
    to->ended_ago_ms = to->began_ago_ms / (1 + below(rng, 4));
    to->timeline = number32(rng);
    sentence(rng, false, to->leader, sizeof to->leader);
}

void random_report(struct rng *rng, struct report *to) {
    memset(to, 0, sizeof *to);
    name(rng, false, to->agent);
    to->boot = number(rng);
    to->seq = number(rng);
    to->wall_ms = number(rng);
    to->config_version = number32(rng);
    to->pins = below(rng, PINS_OLD + 1);
    if (flag(rng)) {
        random_guard(rng, &to->guard);
    }
    if (flag(rng)) {
        to->fence.present = true;
        to->fence.epoch = number(rng);
        name(rng, false, to->fence.agent);
        name(rng, false, to->fence.region);
        bytes(rng, to->fence.signature, SIGNATURE_SIZE);
    }
    to->positions_n = below(rng, REPORT_POSITIONS_MAX + 1);
    for (size_t i = 0; i < to->positions_n; i++) {
        to->positions[i].link = below(rng, LINKS_MAX);
        to->positions[i].kind = (uint8_t)(1 + below(rng, 3));
        to->positions[i].position = number(rng);
        to->positions[i].wall_ms = number(rng);
    }
    to->checks_n = (uint16_t)rng_below(rng, CHECKS_MAX + 1);
    for (size_t i = 0; i < to->checks_n; i++) {
        random_check(rng, &to->checks[i]);
    }
}

static void random_command(struct rng *rng, struct command *to) {
    name(rng, false, to->cluster);
    to->epoch = number(rng);
    to->execution = number(rng);
    to->step = below(rng, STEPS_MAX);
    to->attempt = (uint16_t)(1 + rng_below(rng, UINT16_MAX));
    to->action = below(rng, ACTION_KINDS_N);
    name(rng, false, to->agent);
    name(rng, false, to->region);
    name(rng, true, to->component);
    to->needs_lease = flag(rng);
    to->graceful = flag(rng);
    to->timeout_ms = number32(rng);
    to->not_after_wall_ms = number(rng);
    to->arguments.n = below(rng, ACTION_ARGS_MAX + 1);
    for (size_t i = 0; i < to->arguments.n; i++) {
        name(rng, false, to->arguments.at[i].name);
        sentence(rng, true, to->arguments.at[i].value, VALUE_SIZE);
    }
    name(rng, false, to->plan);
    name(rng, false, to->step_name);
}

static void random_outcome(struct rng *rng, struct outcome *to) {
    name(rng, false, to->agent);
    to->execution = number(rng);
    to->step = below(rng, STEPS_MAX);
    to->attempt = (uint16_t)(1 + rng_below(rng, UINT16_MAX));
    bytes(rng, to->digest, DIGEST_SIZE);
    to->state = (uint8_t)(1 + below(rng, 4));
    to->err = random_err(rng);
    to->observed = flag(rng);
    to->took_ms = number32(rng);
    to->wall_ms = number(rng);
    sentence(rng, false, to->detail, SENTENCE_SIZE);
    bytes(rng, to->signature, SIGNATURE_SIZE);
}

static void random_text(struct rng *rng, struct random_space *space, const char **ret_text,
                        uint32_t *ret_size) {
    sentence(rng, true, space->text, sizeof space->text);
    *ret_text = space->text;
    *ret_size = (uint32_t)strlen(space->text);
}

static void random_request(struct rng *rng, struct random_space *space, struct request *to) {
    name(rng, false, to->cluster);
    name(rng, false, to->operator_name);
    to->kind = below(rng, REQUEST_KINDS_N);
    bytes(rng, to->nonce, NONCE_SIZE);
    to->not_after_wall_ms = number(rng);
    to->plan_kind = below(rng, PLAN_KINDS_N);
    name(rng, true, to->region);
    name(rng, true, to->plan);
    to->execution = number(rng);
    name(rng, true, to->step);
    to->for_ms = number32(rng);
    sentence(rng, false, to->reason, SENTENCE_SIZE);
    name(rng, true, to->rule);
    to->epoch = number(rng);
    if (below(rng, 2) == 1) {
        bytes(rng, to->seen, sizeof to->seen);
        to->seen[0] |= 1; /* zeros are nothing */
    }
    name(rng, true, to->to);
    sentence(rng, false, to->evidence, EVIDENCE_SIZE);
    random_text(rng, space, &to->text, &to->text_size);
    bytes(rng, to->signature, SIGNATURE_SIZE);
    name(rng, true, to->second.name);
    if (to->second.name[0] != '\0') {
        to->second.not_after_wall_ms = number(rng);
        bytes(rng, to->second.signature, SIGNATURE_SIZE);
    }
}

static void random_signed_report(struct rng *rng, struct random_space *space, struct message *to) {
    size_t used = 0;
    random_report(rng, &to->report);
    enum err err = report_body_encode(&to->report, space->body, sizeof space->body, &used);
    ensure(err == ERR_OK);
    to->signed_at = space->body;
    to->signed_size = (uint32_t)used;
    bytes(rng, to->report_signature, SIGNATURE_SIZE);
}

static void random_small(struct rng *rng, enum message_kind kind, struct random_space *space,
                         struct message *to) {
    if (kind == MESSAGE_REPORT_ACK) {
        name(rng, false, to->report_ack.member);
        to->report_ack.seq = number(rng);
        to->report_ack.epoch = number(rng);
        to->report_ack.open = flag(rng);
        name(rng, true, to->report_ack.owner);
        to->report_ack.config_version = number32(rng);
        to->report_ack.caught_up = flag(rng);
        to->report_ack.wall_ms = number(rng);
    } else if (kind == MESSAGE_CONFIG) {
        to->config.version = number32(rng);
        random_text(rng, space, &to->config.text, &to->config.text_size);
    } else if (kind == MESSAGE_RELAY) {
        name(rng, false, to->relay.member);
        to->relay.frame_size = (uint32_t)(1 + rng_below(rng, sizeof space->frame));
        bytes(rng, space->frame, to->relay.frame_size);
        to->relay.frame = space->frame;
    } else if (kind == MESSAGE_QUERY) {
        name(rng, false, to->query.what);
        sentence(rng, false, to->query.argument, SENTENCE_SIZE);
        to->query.from = number(rng);
    } else {
        ensure(kind == MESSAGE_REPLY);
        to->reply.exit_code = below(rng, 256);
        to->reply.err = random_err(rng);
        name(rng, false, to->reply.member);
        random_text(rng, space, &to->reply.json, &to->reply.json_size);
    }
}

void random_message(struct rng *rng, enum message_kind kind, struct random_space *space,
                    struct message *ret_message) {
    memset(ret_message, 0, sizeof *ret_message);
    ret_message->kind = (uint8_t)kind;
    if (kind == MESSAGE_QUESTION) {
        random_question(rng, &ret_message->question);
    } else if (kind == MESSAGE_ANSWER) {
        random_answer(rng, &ret_message->answer);
    } else if (kind == MESSAGE_REPORT) {
        random_signed_report(rng, space, ret_message);
    } else if (kind == MESSAGE_COMMAND) {
        random_command(rng, &ret_message->command);
    } else if (kind == MESSAGE_OUTCOME) {
        random_outcome(rng, &ret_message->outcome);
    } else if (kind == MESSAGE_REQUEST) {
        random_request(rng, space, &ret_message->request);
    } else {
        random_small(rng, kind, space, ret_message);
    }
}

void random_certificate(struct rng *rng, struct certificate *ret_certificate) {
    memset(ret_certificate, 0, sizeof *ret_certificate);
    random_question(rng, &ret_certificate->question);
    ret_certificate->answers_n = below(rng, CERTIFICATE_ANSWERS_MAX + 1);
    for (size_t i = 0; i < ret_certificate->answers_n; i++) {
        random_answer(rng, &ret_certificate->answers[i]);
    }
}
