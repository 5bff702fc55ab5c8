/* smtp_message: RFC 5322 with encoded words (RFC 2047) and quoted-printable (RFC 2045). */
#include "common/io/smtp_message.h"

#include <string.h>
#include <time.h>

#include "common/base/text.h"

#define MAILBOX_MAX 254
#define LINE_MAX_N 76    /* of quoted-printable; headers are folded at 78 */
#define ENCODED_MAX_N 63 /* between "=?UTF-8?Q?" and "?=": 75 in all */

struct writing {
    char *out;
    size_t size, used;
    bool full;
};

static void put(struct writing *writing, const char *bytes, size_t n) {
    if (n > writing->size - writing->used) {
        writing->full = true;
        return;
    }
    memcpy(writing->out + writing->used, bytes, n);
    writing->used += n;
}

static void put_text(struct writing *writing, const char *text) {
    put(writing, text, strlen(text));
}

/* ---- words ---- */

static bool is_ascii(const char *text) {
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f) {
            return false;
        }
    }
    return true;
}

static bool is_word(const char *text, const char *never) {
    return text[0] != '\0' && is_ascii(text) && strpbrk(text, never) == NULL;
}

bool smtp_mailbox_fits(const char *mailbox) {
    const char *at = strchr(mailbox, '@');
    return is_word(mailbox, " <>()[]\\,;:\"") && at != NULL && at != mailbox && at[1] != '\0' &&
           strchr(at + 1, '@') == NULL && strlen(mailbox) <= MAILBOX_MAX;
}

/* ---- headers ---- */

/* The bytes of the character of UTF-8 at `text`; of what is none, one. */
static size_t character_n(const char *text) {
    size_t n = 1;
    if (((unsigned char)text[0] & 0xc0) == 0xc0) {
        while (n < 4 && ((unsigned char)text[n] & 0xc0) == 0x80) {
            n++;
        }
    }
    return n;
}

static size_t put_escaped(struct writing *writing, unsigned char byte) {
    static const char digits[] = "0123456789ABCDEF";
    const char escaped[3] = {'=', digits[byte >> 4], digits[byte & 15]};
    put(writing, escaped, sizeof escaped);
    return sizeof escaped;
}

static bool is_letter_or_digit(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Encoded words, no character torn between two of them. */
static void put_encoded(struct writing *writing, const char *text) {
    size_t used = 0;
    put_text(writing, "=?UTF-8?Q?");
    while (*text != '\0') {
        size_t n = character_n(text);
        if (used + 3 * n > ENCODED_MAX_N) {
            put_text(writing, "?=\r\n =?UTF-8?Q?");
            used = 0;
        }
        for (; n > 0; n--, text++) {
            if (is_letter_or_digit(*text)) {
                put(writing, text, 1);
                used++;
            } else {
                used += put_escaped(writing, (unsigned char)*text);
            }
        }
    }
    put_text(writing, "?=");
}

/* Folded at blanks. A text that begins with one, or looks encoded already, is encoded. */
static void put_header(struct writing *writing, const char *name, const char *text) {
    size_t used = strlen(name) + 2;
    put_text(writing, name);
    put_text(writing, ": ");
    if (!is_ascii(text) || text[0] == ' ' || strstr(text, "=?") != NULL) {
        put_encoded(writing, text);
        text = "";
    }
    while (*text != '\0') {
        size_t word_n = strcspn(text, " "), blanks_n = strspn(text + word_n, " ");
        size_t next_n = strcspn(text + word_n + blanks_n, " ");
        put(writing, text, word_n);
        used += word_n;
        if (text[word_n + blanks_n] != '\0' && used + blanks_n + next_n > LINE_MAX_N) {
            put_text(writing, "\r\n");
            used = 0;
        }
        if (text[word_n + blanks_n] != '\0') {
            put(writing, text + word_n, blanks_n);
        }
        used += blanks_n;
        text += word_n + blanks_n;
    }
    put_text(writing, "\r\n");
}

static void put_date(struct writing *writing, uint64_t wall_ms) {
    static const char days[] = "SunMonTueWedThuFriSat",
                      months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    char date[64];
    if (wall_ms / 1000 > UINT64_C(253402300799) || gmtime_r(&seconds, &tm) == NULL) {
        return; /* beyond the calendar: the server dates it */
    }
    (void)text_format(date, sizeof date, "Date: %.3s, %02d %.3s %04d %02d:%02d:%02d +0000\r\n",
                      days + 3 * (size_t)tm.tm_wday, tm.tm_mday, months + 3 * (size_t)tm.tm_mon,
                      tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    put_text(writing, date);
}

static void put_headers(struct writing *writing, const struct smtp_message *message) {
    put_date(writing, message->wall_ms);
    put_text(writing, "From: <");
    put_text(writing, message->sender);
    put_text(writing, ">\r\nTo: ");
    for (uint8_t i = 0; i < message->to_n; i++) {
        put_text(writing, i == 0 ? "<" : ",\r\n <");
        put_text(writing, message->to[i]);
        put_text(writing, ">");
    }
    put_text(writing, "\r\n");
    put_header(writing, "Subject", message->subject);
    put_text(writing, "Message-ID: <");
    put_text(writing, message->message_id);
    put_text(writing, ">\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                      "Content-Transfer-Encoding: quoted-printable\r\n"
                      "Auto-Submitted: auto-generated\r\n\r\n");
}

/* ---- the text ---- */

/* A blank at the end of a line, and what is no plain ASCII, is escaped; a long line goes on behind
 * a "=" at its end. */
static void put_paragraph(struct writing *writing, const char *text) {
    size_t used = 0;
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        bool plain = c > 0x20 && c < 0x7f && c != '=';
        plain = plain || (c == ' ' && text[1] != '\0' && used < LINE_MAX_N - 4);
        size_t need = plain ? 1 : 3;
        if (used + need > LINE_MAX_N - 1) {
            put_text(writing, "=\r\n");
            used = 0;
        }
        if (plain) {
            put(writing, text, 1);
            used++;
        } else {
            used += put_escaped(writing, c);
        }
    }
    put_text(writing, "\r\n");
}

enum err smtp_message_write(const struct smtp_message *message, char *out, size_t out_size,
                            size_t *ret_size) {
    struct writing writing = {.out = out, .size = out_size};
    bool fits = smtp_mailbox_fits(message->sender) && is_word(message->message_id, " <>") &&
                message->to_n > 0 && message->to_n <= SMTP_RECIPIENTS_MAX &&
                message->paragraphs_n <= SMTP_PARAGRAPHS_MAX;
    for (uint8_t i = 0; fits && i < message->to_n; i++) {
        fits = smtp_mailbox_fits(message->to[i]);
    }
    if (!fits) {
        return ERR_CONFIG;
    }
    put_headers(&writing, message);
    for (uint8_t i = 0; i < message->paragraphs_n; i++) {
        put_paragraph(&writing, message->paragraphs[i]);
    }
    *ret_size = writing.used;
    return writing.full ? ERR_TOO_BIG : ERR_OK;
}
