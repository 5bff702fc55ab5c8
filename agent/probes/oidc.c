/* oidc: an OpenID provider (Keycloak): its discovery document is its own and complete and, with
 * client_id, it gives that client a token (RFC 6749 section 4.4), which needs its database. */
#include <string.h>

#include "agent/probes/kinds.h"
#include "agent/probes/parse.h"
#include "agent/probes/reading.h"
#include "agent/probes/web.h"

#define BODY_SIZE 65536
#define FORM_SIZE 2048

static const struct parameter parameters[] = {
    WEB_PARAMETERS,
    {.name = "issuer", .type = PARAMETER_URL},
    {.name = "client_id", .type = PARAMETER_TEXT},
    {.name = "client_secret_ref", .type = PARAMETER_NAME},
};

enum err oidc_accepts(const struct arguments *arguments, struct text256 *reterr) {
    enum err err =
        parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments, reterr);
    if (err == ERR_OK && (arguments_get(arguments, "client_id") != NULL) !=
                             (arguments_get(arguments, "client_secret_ref") != NULL)) {
        text_say(reterr, "arguments client_id and client_secret_ref: expected both or neither");
        return ERR_CONFIG;
    }
    return err;
}

/* The document's token endpoint is followed only on the host that was asked, or the declared
 * issuer's: its content never decides where a secret is sent. */
static bool same_host(const char *one, const char *other) {
    const char *ends[2];
    const char *urls[2] = {one, other};
    for (int i = 0; i < 2; i++) {
        const char *host = strstr(urls[i], "://");
        if (host == NULL) {
            return false;
        }
        ends[i] = host + 3 + strcspn(host + 3, "/?#");
    }
    size_t one_n = (size_t)(ends[0] - one);
    return one_n == (size_t)(ends[1] - other) && memcmp(one, other, one_n) == 0;
}

static enum err form_make(const struct probe_input *input, char form[FORM_SIZE]) {
    char secret[SECRET_SIZE];
    bool given = false;
    enum err err = probe_secret(input, "client_secret_ref", secret, &given);
    if (err == ERR_OK &&
        !(text_copy(form, FORM_SIZE, "grant_type=client_credentials&client_id=") &&
          service_append_encoded(form, FORM_SIZE, arguments_get(input->arguments, "client_id")) &&
          text_append(form, FORM_SIZE, "&client_secret=") &&
          service_append_encoded(form, FORM_SIZE, secret))) {
        err = ERR_TOO_BIG;
    }
    secret_wipe(secret);
    return err;
}

static struct reading token_ask(const struct probe_input *input, const struct oidc_view *view) {
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded"};
    char form[FORM_SIZE] = "", body[BODY_SIZE], error[64] = "";
    struct http_sync_answer answer;
    struct reading reading;
    enum err err = form_make(input, form);
    if (err != ERR_OK) {
        explicit_bzero(form, sizeof form);
        return reading_failed(ERR_CONFIG, "the secret of client_secret_ref: %s", err_text(err));
    }
    struct service_request request = {.method = "POST",
                                      .whole_url = view->token_endpoint,
                                      .headers = headers,
                                      .headers_n = 1,
                                      .without_token = true,
                                      .body = form,
                                      .body_size = strlen(form)};
    bool answered = web_ask(input, &request, body, sizeof body, &answer, &reading);
    explicit_bzero(form, sizeof form);
    if (!answered) {
        return reading;
    }
    bool is_token = oidc_token_is_there(body, answer.answer_n, error, sizeof error);
    explicit_bzero(body, sizeof body);
    if (answer.status == 200 && is_token) {
        reading = reading_judged(true, "discovery and token");
    } else if (answer.status == 400 && text_equal(error, "unauthorized_client")) {
        reading = reading_failed(ERR_AUTH, "the token endpoint says unauthorized_client");
    } else {
        reading = reading_judged(false, "no token: status %ld %s", answer.status, error);
    }
    reading.latency_ms = answer.took_ms;
    return reading;
}

struct reading oidc_run(const struct probe_input *input) {
    char body[BODY_SIZE];
    struct http_sync_answer answer;
    struct reading reading;
    struct oidc_view view;
    const char *url = arguments_get(input->arguments, "url");
    const char *issuer = parameter_text(input->arguments, "issuer", url);
    struct service_request request = {.path = "/.well-known/openid-configuration"};
    if (!web_ask(input, &request, body, sizeof body, &answer, &reading)) {
        return reading;
    }
    uint32_t took_ms = answer.took_ms;
    if (answer.status != 200) {
        reading = reading_judged(false, "status %ld from discovery", answer.status);
    } else if (oidc_parse(body, answer.answer_n, &view) != ERR_OK) {
        return reading_failed(ERR_FORMAT, "not a discovery document");
    } else if (!text_equal(view.issuer, issuer)) {
        reading = reading_judged(false, "issuer is %.70s", view.issuer);
    } else if (arguments_get(input->arguments, "client_id") == NULL) {
        reading = reading_judged(true, "discovery");
    } else if (!same_host(url, view.token_endpoint) && !same_host(issuer, view.token_endpoint)) {
        reading = reading_judged(false, "the token endpoint is on another host");
    } else {
        reading = token_ask(input, &view);
        took_ms += reading.latency_ms;
    }
    reading.latency_ms = took_ms;
    reading.value = took_ms;
    return reading;
}
