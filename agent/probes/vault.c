/* vault: a Vault (or OpenBao) that is initialised, unsealed and, where asked for, gives out a
 * secret. Its health codes are its own (429 is a standby, not "too many requests"):
 * https://developer.hashicorp.com/vault/api-docs/system/health */
#include <string.h>

#include "agent/probes/kinds.h"
#include "agent/probes/parse.h"
#include "agent/probes/reading.h"
#include "agent/probes/web.h"

#define BODY_SIZE 16384

static const struct parameter parameters[] = {
    WEB_PARAMETERS,
    {.name = "expect", .type = PARAMETER_CHOICE, .choices = "|active|standby|any|"},
    {.name = "secret", .type = PARAMETER_TEXT},
};

enum err vault_accepts(const struct arguments *arguments, struct text256 *reterr) {
    enum err err =
        parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments, reterr);
    if (err == ERR_OK && arguments_get(arguments, "secret") != NULL &&
        arguments_get(arguments, "token_ref") == NULL) {
        text_say(reterr, "argument secret: expected token_ref beside it");
        return ERR_CONFIG;
    }
    return err;
}

struct health {
    long status;
    bool serves, active;
    const char *text;
};

static const struct health healths[] = {
    {200, true, true, "active"},
    {429, true, false, "standby"},
    {472, true, false, "standby for disaster recovery"},
    {473, true, false, "performance standby"},
    {474, false, false, "standby that does not reach the active one"},
    {501, false, false, "not initialised"},
    {503, false, false, "sealed"},
    {530, false, false, "removed from its group"},
};

static const struct health *health_of(long status) {
    for (size_t i = 0; i < sizeof healths / sizeof healths[0]; i++) {
        if (healths[i].status == status) {
            return &healths[i];
        }
    }
    return NULL;
}

static bool fits(const struct arguments *arguments, const struct health *health) {
    const char *expect = parameter_text(arguments, "expect", "any");
    return health->serves &&
           (text_equal(expect, "any") || health->active == text_equal(expect, "active"));
}

/* A secret that is there: of the key-value engine 2 under "secret/data/name", of engine 1 without
 * "data". Its value is looked at by nobody. */
static struct reading secret_ask(const struct probe_input *input, const struct health *health,
                                 uint32_t took_ms) {
    char body[BODY_SIZE], path[VALUE_SIZE + 8] = "/v1/";
    struct http_sync_answer answer;
    struct reading reading;
    struct service_request request = {.path = path, .token_header = "X-Vault-Token"};
    if (!text_append(path, sizeof path, arguments_get(input->arguments, "secret"))) {
        return reading_failed(ERR_CONFIG, "argument secret is too long");
    }
    if (!web_ask(input, &request, body, sizeof body, &answer, &reading)) {
        return reading;
    }
    bool is_there = answer.status == 200 && vault_secret_is_there(body, answer.answer_n);
    explicit_bzero(body, sizeof body);
    reading = is_there ? reading_judged(true, "%s, the secret is readable", health->text)
                       : reading_judged(false, "%s, the secret is not there: status %ld",
                                        health->text, answer.status);
    reading.latency_ms = took_ms + answer.took_ms;
    return reading;
}

struct reading vault_run(const struct probe_input *input) {
    char body[BODY_SIZE];
    struct http_sync_answer answer;
    struct reading reading;
    struct service_request request = {.path = "/v1/sys/health", .without_token = true};
    if (!web_ask(input, &request, body, sizeof body, &answer, &reading)) {
        return reading;
    }
    const struct health *health = health_of(answer.status);
    if (health == NULL || !vault_health_is_one(body, answer.answer_n)) {
        return reading_failed(ERR_FORMAT, "status %ld, not Vault's health", answer.status);
    }
    if (fits(input->arguments, health) && arguments_get(input->arguments, "secret") != NULL) {
        reading = secret_ask(input, health, answer.took_ms);
    } else {
        bool good = fits(input->arguments, health);
        reading = reading_judged(
            good, "%s%s%s", health->text, good ? "" : ", expected ",
            good ? "" : parameter_text(input->arguments, "expect", "active or standby"));
        reading.latency_ms = answer.took_ms;
    }
    reading.value = answer.status;
    return reading;
}
