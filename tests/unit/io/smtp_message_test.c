/* The bytes of a mail: headers that nothing ends early, lines that servers take, seven bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/rng.h"
#include "common/base/text.h"
#include "common/io/smtp_message.h"

static char out[SMTP_MESSAGE_SIZE];
static size_t out_n;

static struct smtp_message plain(void) {
    return (struct smtp_message){
        .sender = "drover@bud.test",
        .to = {"ops@bud.test", "boss@bud.test"},
        .to_n = 2,
        .subject = "failover to region2 began",
        .paragraphs = {"One = two.", ".a dot"},
        .paragraphs_n = 2,
        .wall_ms = 1795353757001, /* 2026-11-22T13:22:37Z */
        .message_id = "drover-bud-7-12-3@bud.test",
    };
}

static enum err written(const struct smtp_message *message) {
    enum err err = smtp_message_write(message, out, sizeof out - 1, &out_n);
    out[err == ERR_OK ? out_n : 0] = '\0';
    return err;
}

static void a_mail_is_written_whole(void **state) {
    (void)state;
    struct smtp_message message = plain();
    assert_int_equal(written(&message), ERR_OK);
    assert_string_equal(out, "Date: Sun, 22 Nov 2026 13:22:37 +0000\r\n"
                             "From: <drover@bud.test>\r\n"
                             "To: <ops@bud.test>,\r\n <boss@bud.test>\r\n"
                             "Subject: failover to region2 began\r\n"
                             "Message-ID: <drover-bud-7-12-3@bud.test>\r\n"
                             "MIME-Version: 1.0\r\n"
                             "Content-Type: text/plain; charset=utf-8\r\n"
                             "Content-Transfer-Encoding: quoted-printable\r\n"
                             "Auto-Submitted: auto-generated\r\n"
                             "\r\n"
                             "One =3D two.\r\n"
                             ".a dot\r\n");
}

static void a_subject_of_any_letters_is_encoded_and_a_long_one_folded(void **state) {
    (void)state;
    struct smtp_message message = plain();
    message.subject = "Überall ist 中文 – und noch viel mehr, bis die Zeile voll ist";
    assert_int_equal(written(&message), ERR_OK);
    assert_non_null(strstr(out, "\r\nSubject: =?UTF-8?Q?=C3=9Cberall=20ist=20=E4=B8=AD=E6=96=87"));
    assert_non_null(strstr(out, "?=\r\n =?UTF-8?Q?"));
    message.subject = "=?UTF-8?Q?x?= is not taken for encoded";
    assert_int_equal(written(&message), ERR_OK);
    assert_non_null(strstr(out, "\r\nSubject: =?UTF-8?Q?=3D=3FUTF=2D8=3FQ=3Fx"));
    message.subject =
        "a subject that is longer than one line should be, and so goes on in the next "
        "one of them";
    assert_int_equal(written(&message), ERR_OK);
    assert_non_null(strstr(out, "so goes on in\r\n the next one of them\r\n"));
}

static void nothing_adds_a_header(void **state) {
    (void)state;
    struct smtp_message message = plain();
    message.subject = "x\r\nBcc: all@bud.test";
    assert_int_equal(written(&message), ERR_OK);
    assert_null(strstr(out, "\nBcc"));
    message.paragraphs[0] = "x\r\n.\r\nMAIL FROM:<a@b>";
    assert_int_equal(written(&message), ERR_OK);
    assert_non_null(strstr(out, "\r\nx=0D=0A.=0D=0AMAIL FROM:<a@b>\r\n"));
    static const char *const wrong[] = {"",      "a",       "@b",      "a@",    "a@b@c",
                                        "a b@c", "a@b\r\n", "a@b>",    "<a@b",  "a@b,c@d",
                                        "a@b;c", "\"a\"@b", "a@b\x7f", "a(b)@c"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(smtp_mailbox_fits(wrong[i]));
        message = plain();
        message.to[1] = wrong[i];
        assert_int_equal(written(&message), ERR_CONFIG);
        message = plain();
        message.sender = wrong[i];
        assert_int_equal(written(&message), ERR_CONFIG);
    }
    message = plain();
    message.message_id = "a>\r\nb";
    assert_int_equal(written(&message), ERR_CONFIG);
    message = plain();
    message.to_n = 0;
    assert_int_equal(written(&message), ERR_CONFIG);
}

static void what_does_not_fit_is_refused(void **state) {
    (void)state;
    struct smtp_message message = plain();
    assert_int_equal(smtp_message_write(&message, out, 300, &out_n), ERR_TOO_BIG);
}

/* Every line is of printable ASCII, short, and ends in CRLF; none of the text ends in a blank. */
static void lines_are_short_and_of_seven_bits(void **state) {
    (void)state;
    static const char *const parts[] = {"a",  " ", "  ",   "=",    "?",    "é",
                                        "中", ".", "word", "\r\n", "\xff", "=?"};
    struct rng rng;
    rng_seed(&rng, 11);
    for (unsigned round = 0; round < 3000; round++) {
        char subject[200] = "", text[800] = "";
        struct smtp_message message = plain();
        for (unsigned i = (unsigned)rng_below(&rng, 90); i > 0; i--) {
            (void)text_append(subject, sizeof subject, parts[rng_below(&rng, 12)]);
        }
        for (unsigned i = (unsigned)rng_below(&rng, 300); i > 0; i--) {
            (void)text_append(text, sizeof text, parts[rng_below(&rng, 12)]);
        }
        message.subject = subject;
        message.paragraphs[0] = text;
        assert_int_equal(written(&message), ERR_OK);
        bool headers = true;
        for (char *line = out; *line != '\0';) {
            char *end = strstr(line, "\r\n");
            assert_non_null(end);
            headers = headers && end != line;
            assert_true(end - line <= (headers ? 998 : 76));
            for (char *at = line; at < end; at++) {
                assert_true(*at >= 0x20 && *at < 0x7f);
            }
            assert_true(end == line || headers || end[-1] != ' ');
            line = end + 2;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mail_is_written_whole),
        cmocka_unit_test(a_subject_of_any_letters_is_encoded_and_a_long_one_folded),
        cmocka_unit_test(nothing_adds_a_header),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(lines_are_short_and_of_seven_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
