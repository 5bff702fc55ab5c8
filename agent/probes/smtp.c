/* smtp: the mail server takes our login, and where `from` is given that sender; no mail is sent. */
#include <string.h>

#include "agent/probes/kinds.h"
#include "agent/probes/parameter.h"
#include "agent/probes/reading.h"
#include "common/io/smtp_sync.h"

static const struct parameter parameters[] = {
    {.name = "address", .type = PARAMETER_ADDRESS, .needed = true},
    {.name = "security", .type = PARAMETER_CHOICE, .choices = "|starttls|tls|none|"},
    {.name = "server_name", .type = PARAMETER_NAME},
    {.name = "ehlo", .type = PARAMETER_NAME},
    {.name = "from", .type = PARAMETER_TEXT},
    {.name = "ca", .type = PARAMETER_PATH},
    {.name = "tls", .type = PARAMETER_CHOICE, .choices = "|1.2|1.3|"},
    {.name = "user", .type = PARAMETER_TEXT},
    {.name = "password_ref", .type = PARAMETER_NAME},
};

static enum smtp_security security_of(const struct arguments *arguments) {
    const char *text = parameter_text(arguments, "security", "starttls");
    if (text_equal(text, "tls")) {
        return SMTP_TLS;
    }
    return text_equal(text, "none") ? SMTP_PLAIN : SMTP_STARTTLS;
}

enum err smtp_accepts(const struct arguments *arguments, struct text256 *reterr) {
    enum err err =
        parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments, reterr);
    if (err != ERR_OK) {
        return err;
    }
    bool user = arguments_get(arguments, "user") != NULL;
    const char *from = parameter_text(arguments, "from", "-");
    if (user != (arguments_get(arguments, "password_ref") != NULL)) {
        text_say(reterr, "arguments user and password_ref: expected both or neither");
    } else if (user && security_of(arguments) == SMTP_PLAIN) {
        text_say(reterr, "argument security: expected starttls or tls where a password is sent");
    } else if (strpbrk(from, " <>") != NULL || strlen(from) > 254) {
        text_say(reterr, "argument from: expected an address as drover@bud.example");
    } else {
        return ERR_OK;
    }
    return ERR_CONFIG;
}

/* A final no to a login or a sender is a matter of rights; any other no is the server's trouble. */
static struct reading judge(const struct smtp_sync_request *request,
                            const struct smtp_sync_answer *answer) {
    const char *stage = smtp_stage_text(answer->stage);
    bool finally = answer->code == 0 || answer->code >= 500;
    struct reading reading;
    if (answer->stage == SMTP_LOGIN && answer->code == 0) {
        reading = reading_failed(ERR_AUTH, "the server offers no login that is known here");
    } else if (answer->stage == SMTP_LOGIN && finally) {
        reading = reading_failed(ERR_AUTH, "%s refused: %u", stage, answer->code);
    } else if (answer->stage == SMTP_SENDER && finally) {
        reading =
            reading_failed(ERR_DENIED, "%s %.40s refused: %u", stage, request->from, answer->code);
    } else if (answer->stage != SMTP_DONE) {
        reading = reading_judged(false, "%s: %u", stage, answer->code);
    } else {
        reading =
            reading_judged(true, "%s%s%s", request->security == SMTP_PLAIN ? "without TLS" : "TLS",
                           request->user != NULL ? ", login accepted" : "",
                           request->from != NULL ? ", sender accepted" : "");
    }
    reading.latency_ms = answer->took_ms;
    reading.value = answer->stage == SMTP_DONE ? 250 : (int64_t)answer->code;
    return reading;
}

struct reading smtp_run(const struct probe_input *input) {
    const struct arguments *arguments = input->arguments;
    char password[SECRET_SIZE];
    bool given = false;
    enum err err = probe_secret(input, "password_ref", password, &given);
    if (err != ERR_OK) {
        return reading_failed(ERR_CONFIG, "the secret of password_ref: %s", err_text(err));
    }
    const struct smtp_sync_request request = {
        .address = arguments_get(arguments, "address"),
        .server_name = arguments_get(arguments, "server_name"),
        .ehlo = arguments_get(arguments, "ehlo"),
        .security = security_of(arguments),
        .tls13_only = text_equal(parameter_text(arguments, "tls", "1.2"), "1.3"),
        .ca_file = arguments_get(arguments, "ca"),
        .user = given ? arguments_get(arguments, "user") : NULL,
        .password = given ? password : NULL,
        .from = arguments_get(arguments, "from"),
        .deadline_boot_ms = input->deadline_boot_ms,
    };
    struct smtp_sync_answer answer;
    struct text256 why = {""};
    err = smtp_sync(&request, &answer, &why);
    secret_wipe(password);
    return err == ERR_OK ? judge(&request, &answer) : reading_failed(err, "%s", why.at);
}
