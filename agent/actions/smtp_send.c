/* smtp_send: one mail to people, through a mail server. Nobody can see afterwards whether it came:
 * every attempt of a step has the same Message-ID, by which servers and readers know a
 * repetition. */
#include <inttypes.h>
#include <string.h>

#include "agent/actions/act.h"
#include "agent/actions/actions.h"
#include "common/io/clock.h"
#include "common/io/smtp_message.h"
#include "common/io/smtp_sync.h"

#define MESSAGE_ID_SIZE 400

static const char *const texts[SMTP_PARAGRAPHS_MAX] = {"text", "text2", "text3", "text4"};

static enum err smtp_send_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return action_args_accept(ACTION_SMTP_SEND, arguments, reterr);
}

struct mail {
    const struct action_input *input;
    struct parts to;
    const char *to_at[ARG_PLACES_MAX];
    char subject[FILLED_SIZE];
    char paragraphs[SMTP_PARAGRAPHS_MAX][FILLED_SIZE];
    char message_id[MESSAGE_ID_SIZE];
    char bytes[SMTP_MESSAGE_SIZE];
    size_t size;
    char password[SECRET_SIZE];
    struct text256 why;
};
_Static_assert(ARG_PLACES_MAX <= SMTP_RECIPIENTS_MAX, "whom arguments may name");

static void message_id_make(struct mail *mail, const struct fill_facts *facts) {
    const struct action_input *input = mail->input;
    const char *sender = arg_text(input->arguments, "sender", "");
    const char *at = strchr(sender, '@');
    (void)text_format(mail->message_id, sizeof mail->message_id,
                      "drover-%s-%" PRIu64 "-%" PRIu64 "-%u%s", facts->at[FILL_CLUSTER],
                      input->epoch, input->execution, (unsigned)input->step,
                      at != NULL ? at : "@drover");
}

static bool mail_fill(struct mail *mail, const struct fill_facts *facts,
                      struct smtp_message *message) {
    const struct arguments *arguments = mail->input->arguments;
    bool fits = fill_text(arg_text(arguments, "subject", ""), facts, false, mail->subject,
                          sizeof mail->subject);
    for (size_t i = 0; i < SMTP_PARAGRAPHS_MAX; i++) {
        const char *text = arg_text(arguments, texts[i], NULL);
        char *paragraph = mail->paragraphs[message->paragraphs_n];
        if (text != NULL) {
            fits = fits && fill_text(text, facts, false, paragraph, FILLED_SIZE);
            message->paragraphs[message->paragraphs_n++] = paragraph;
        }
    }
    return fits;
}

static enum err mail_write(struct mail *mail) {
    const struct arguments *arguments = mail->input->arguments;
    struct fill_facts facts;
    act_facts(mail->input, &facts);
    message_id_make(mail, &facts);
    struct smtp_message message = {
        .sender = arg_text(arguments, "sender", ""),
        .subject = mail->subject,
        .message_id = mail->message_id,
        .wall_ms = clock_wall_ms(),
    };
    bool fits = mail_fill(mail, &facts, &message) && arg_parts(arguments, "to", &mail->to);
    for (uint8_t i = 0; i < mail->to.n; i++) {
        mail->to_at[i] = message.to[i] = mail->to.at[i];
    }
    message.to_n = mail->to.n;
    enum err err = fits ? smtp_message_write(&message, mail->bytes, sizeof mail->bytes, &mail->size)
                        : ERR_CONFIG;
    if (err != ERR_OK) {
        text_say(&mail->why, "the mail cannot be written: %s", err_text(err));
    }
    return err;
}

/* "boss@bud.test 550, ...": whom it did not reach. */
static unsigned refused_say(const struct mail *mail, const struct smtp_sync_answer *answer,
                            char *out, size_t out_size) {
    unsigned n = 0;
    out[0] = '\0';
    for (uint8_t i = 0; i < mail->to.n; i++) {
        char one[80];
        if (answer->refused[i] == 0) {
            continue;
        }
        (void)text_format(one, sizeof one, "%s%.60s %u", n > 0 ? ", " : "", mail->to_at[i],
                          answer->refused[i]);
        (void)text_append(out, out_size, one);
        n++;
    }
    return n;
}

static struct action_result judge(const struct mail *mail, const struct smtp_sync_answer *answer) {
    char refused[SENTENCE_SIZE];
    unsigned refused_n = refused_say(mail, answer, refused, sizeof refused);
    bool finally = answer->code >= 500;
    if (answer->stage == SMTP_LOGIN) {
        return act_failed(finally || answer->code == 0 ? ERR_AUTH : ERR_FAILED, "login refused: %u",
                          answer->code);
    }
    if (answer->stage == SMTP_RECIPIENT) {
        return act_failed(finally ? ERR_DENIED : ERR_FAILED, "to nobody; refused: %.130s", refused);
    }
    if (answer->stage != SMTP_DONE) {
        return act_failed(finally && answer->stage == SMTP_SENDER ? ERR_DENIED : ERR_FAILED,
                          "%s refused: %u", smtp_stage_text(answer->stage), answer->code);
    }
    if (refused_n > 0) {
        return act_failed(ERR_FAILED, "to %u of %u; refused: %.120s",
                          (unsigned)mail->to.n - refused_n, (unsigned)mail->to.n, refused);
    }
    return act_done(false, "the server took it for %u recipient%s", (unsigned)mail->to.n,
                    mail->to.n == 1 ? "" : "s");
}

static enum smtp_security security_of(const struct arguments *arguments) {
    const char *text = arg_text(arguments, "security", "starttls");
    if (text_equal(text, "tls")) {
        return SMTP_TLS;
    }
    return text_equal(text, "none") ? SMTP_PLAIN : SMTP_STARTTLS;
}

static struct action_result mail_send(struct mail *mail) {
    const struct arguments *arguments = mail->input->arguments;
    bool given = arg_text(arguments, "password_ref", NULL) != NULL;
    const struct smtp_sync_request request = {
        .address = arg_text(arguments, "address", ""),
        .server_name = arg_text(arguments, "server_name", NULL),
        .ehlo = arg_text(arguments, "ehlo", NULL),
        .security = security_of(arguments),
        .tls13_only = text_equal(arg_text(arguments, "tls", "1.2"), "1.3"),
        .ca_file = arg_text(arguments, "ca", NULL),
        .user = given ? arg_text(arguments, "user", NULL) : NULL,
        .password = given ? mail->password : NULL,
        .from = arg_text(arguments, "sender", ""),
        .to = mail->to_at,
        .to_n = mail->to.n,
        .message = mail->bytes,
        .message_size = mail->size,
        .deadline_boot_ms = mail->input->deadline_boot_ms,
    };
    struct smtp_sync_answer answer;
    enum err err = smtp_sync(&request, &answer, &mail->why);
    return err == ERR_OK ? judge(mail, &answer) : act_failed(err, "%.150s", mail->why.at);
}

static struct action_result smtp_send_run(const struct action_input *input) {
    struct mail mail = {.input = input};
    struct action_result result;
    enum err err = smtp_send_accepts(input->arguments, &mail.why);
    if (err == ERR_OK) {
        err = mail_write(&mail);
    }
    if (err == ERR_OK) {
        err = act_secret(input, "password_ref", NULL, mail.password, &mail.why);
    }
    if (err != ERR_OK) {
        result = act_failed(err, "%.150s", mail.why.at);
    } else if (input->observe_only) {
        result =
            act_failed(ERR_FAILED, "nobody can tell whether it was sent; its Message-ID: %.90s",
                       mail.message_id);
    } else {
        result = mail_send(&mail);
    }
    secret_wipe(mail.password);
    return result;
}

const struct action_kind_row row_smtp_send = {
    .kind = ACTION_SMTP_SEND,
    .run = smtp_send_run,
    .accepts = smtp_send_accepts,
    .needs_lease = false,
    .arguments_help =
        "address, sender, to, subject, text, text2..text4, security=starttls|tls|none, "
        "server_name, ehlo, ca, tls=1.2|1.3, user, password_ref",
    .by_hand = "curl smtp://{address} --ssl-reqd --mail-from {sender} --mail-rcpt {to} "
               "--upload-file - with {subject} and {text}",
};
