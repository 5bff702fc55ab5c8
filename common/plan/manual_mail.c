/* A mail by hand. */
#include <string.h>

#include "common/plan/manual_parts.h"

/* An argument of printf that becomes a line of the mail. */
static void line(struct page *page, const char *words) {
    page_say(page, " \\\n  ");
    page_word(page, words);
}

static void header(struct page *page, const char *name, const char *mailbox) {
    char words[2 * VALUE_SIZE];
    (void)text_format(words, sizeof words, "%s: <%s>", name, mailbox);
    line(page, words);
}

static void mail_lines(const struct manual *manual, struct page *page) {
    static const char *const texts[] = {"text", "text2", "text3", "text4"};
    char to[VALUE_SIZE];
    page_say(page, "printf '%%s\\r\\n' \"Date: $(date -R)\"");
    header(page, "From", manual_value(manual, "sender", NULL, ""));
    for (unsigned i = 0; manual_part_at(manual_value(manual, "to", NULL, ""), i, to); i++) {
        header(page, i == 0 ? "To" : "Cc", to);
    }
    /* Encoded: whatever it is made of, it is one header. */
    page_say(page, " \\\n  \"Subject: =?UTF-8?B?$(printf %%s ");
    manual_filled(manual, manual_value(manual, "subject", NULL, ""), page);
    page_say(page, " | base64 -w0)?=\"");
    line(page, "MIME-Version: 1.0");
    line(page, "Content-Type: text/plain; charset=utf-8");
    line(page, "Content-Transfer-Encoding: 8bit");
    line(page, "");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const char *text = manual_value(manual, texts[i], NULL, NULL);
        if (text != NULL) {
            page_say(page, " \\\n  ");
            manual_filled(manual, text, page);
        }
    }
}

/* smtp://NAME:PORT, connected to its address: the name is the certificate's. */
static void server_words(const struct manual *manual, struct page *page) {
    const char *address = manual_value(manual, "address", NULL, "");
    const char *name = manual_value(manual, "server_name", NULL, NULL);
    const char *security = manual_value(manual, "security", NULL, "starttls");
    const char *port = strrchr(address, ':');
    char words[3 * VALUE_SIZE];
    (void)text_format(words, sizeof words, "%s://%s%s",
                      text_equal(security, "tls") ? "smtps" : "smtp", name != NULL ? name : address,
                      name != NULL && port != NULL ? port : "");
    page_say(page, " ");
    page_word(page, words);
    if (name != NULL) {
        (void)text_format(words, sizeof words, "::%s", address);
        page_say(page, " --connect-to ");
        page_word(page, words);
    }
    page_say(page, "%s", text_equal(security, "none") ? "" : " --ssl-reqd");
}

static void mail_command(const struct manual *manual, struct page *page) {
    char to[VALUE_SIZE];
    page_say(page, "# once: nobody can see whether it came. A recipient that is refused ends it\n");
    mail_lines(manual, page);
    page_say(page, " |\n  ");
    manual_curl_login(manual, page);
    server_words(manual, page);
    page_say(page, " --mail-from ");
    page_word(page, manual_value(manual, "sender", NULL, ""));
    for (unsigned i = 0; manual_part_at(manual_value(manual, "to", NULL, ""), i, to); i++) {
        page_say(page, " --mail-rcpt ");
        page_word(page, to);
    }
    page_say(page, " --upload-file -\n");
}

static void mail_check(const struct manual *manual, struct page *page) {
    page_say(page, "# ask one of them whether it came: ");
    page_word(page, manual_value(manual, "to", NULL, ""));
    page_say(page, "\n");
}

const struct manual_kind manual_smtp_send = {
    .kind = ACTION_SMTP_SEND,
    .does = "The mail server took the mail for every recipient.",
    .place = "any host that reaches the mail server",
    .undo = "Another mail.",
    .command = mail_command,
    .check = mail_check,
};
