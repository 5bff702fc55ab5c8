/* dns: every listed server gives the same, expected answer, with a short enough time to live. The
 * servers are asked directly, without recursion: a cache would show its own, shrinking times. */
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "agent/probes/kinds.h"
#include "agent/probes/parameter.h"
#include "agent/probes/parse.h"
#include "agent/probes/reading.h"
#include "common/io/clock.h"
#include "common/io/net.h"

#define UDP_SIZE 4096
#define TCP_SIZE 16384
#define ASK_N 3 /* a datagram may get lost: sent again after a third of the time */

static const struct parameter parameters[] = {
    {.name = "servers", .type = PARAMETER_ADDRESSES, .needed = true},
    {.name = "name", .type = PARAMETER_TEXT, .needed = true},
    {.name = "type", .type = PARAMETER_CHOICE, .needed = true, .choices = "|A|AAAA|CNAME|TXT|"},
    {.name = "expect", .type = PARAMETER_TEXT},
    {.name = "max_ttl", .type = PARAMETER_NUMBER, .min = 0, .max = INT32_MAX},
    {.name = "authoritative", .type = PARAMETER_FLAG},
    {.name = "zone", .type = PARAMETER_TEXT},
    {.name = "key_name", .type = PARAMETER_TEXT},
    {.name = "key_secret_ref", .type = PARAMETER_NAME},
    {.name = "algorithm", .type = PARAMETER_CHOICE, .choices = "|hmac-sha256|hmac-sha512|"},
};

struct dns_question {
    const char *name, *type;
    uint16_t id;
    size_t wire_n;
    uint8_t wire[DNS_QUESTION_MAX];
};

static enum err question_make(const struct arguments *arguments, struct dns_question *question) {
    question->name = arguments_get(arguments, "name");
    question->type = arguments_get(arguments, "type");
    if (getrandom(&question->id, sizeof question->id, 0) != (ssize_t)sizeof question->id) {
        return ERR_IO;
    }
    return dns_question(question->name, question->type, question->id, question->wire,
                        &question->wire_n);
}

/* Commas part the values, except for TXT, whose one value may hold them. */
static bool expected_next(const char *type, const char **at, char value[DNS_VALUE_SIZE]) {
    char part[VALUE_SIZE];
    if (text_equal(type, "TXT")) {
        bool fits = dns_value_normal(type, *at, value);
        *at += strlen(*at);
        return fits;
    }
    return list_next(at, part, sizeof part) && dns_value_normal(type, part, value);
}

enum err dns_accepts(const struct arguments *arguments, struct text256 *reterr) {
    struct dns_question question;
    char part[ADDRESS_SIZE];
    enum err err =
        parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments, reterr);
    if (err != ERR_OK) {
        return err;
    }
    if (question_make(arguments, &question) != ERR_OK) {
        text_say(reterr, "argument name: expected a domain name");
        return ERR_CONFIG;
    }
    bool keyed = arguments_get(arguments, "key_name") != NULL;
    if (keyed && (arguments_get(arguments, "zone") == NULL ||
                  arguments_get(arguments, "key_secret_ref") == NULL)) {
        text_say(reterr, "argument key_name: expected zone and key_secret_ref with it");
        return ERR_CONFIG;
    }
    for (const char *at = arguments_get(arguments, "servers");
         *at != '\0' && list_next(&at, part, sizeof part);) {
        struct net_address address;
        err = net_address_parse(part, &address, reterr);
        if (err != ERR_OK || !address.numeric) {
            text_say(reterr, "argument servers: expected numeric addresses with ports");
            return ERR_CONFIG;
        }
    }
    const char *expected = parameter_text(arguments, "expect", "");
    char value[DNS_VALUE_SIZE];
    for (const char *at = expected; *at != '\0';) {
        if (!expected_next(question.type, &at, value)) {
            text_say(reterr, "argument expect: expected values with commas between");
            return ERR_CONFIG;
        }
    }
    return ERR_OK;
}

/* Reads datagrams until one is the answer; others are ignored, as a resolver does. */
static enum err udp_read(int fd, const struct dns_question *question, uint64_t deadline_boot_ms,
                         struct dns_view *ret_view) {
    for (;;) {
        uint8_t wire[UDP_SIZE];
        size_t n = 0;
        enum err err = net_receive(fd, wire, sizeof wire, deadline_boot_ms, &n);
        if (err != ERR_OK) {
            return err;
        }
        err = dns_answer_parse(wire, n, question->name, question->type, question->id, ret_view);
        if (err != ERR_FORMAT) {
            return err;
        }
    }
}

static enum err udp_ask(const struct net_address *server, const struct dns_question *question,
                        uint64_t deadline_boot_ms, struct dns_view *ret_view,
                        struct text256 *reterr) {
    int fd = -1;
    enum err err = net_connect_udp(server, &fd, reterr);
    if (err != ERR_OK) {
        return err;
    }
    for (unsigned left_n = ASK_N; left_n > 0; left_n--) {
        err = net_send(fd, question->wire, question->wire_n, deadline_boot_ms);
        if (err == ERR_OK) {
            err =
                udp_read(fd, question, probe_deadline_share_ms(deadline_boot_ms, left_n), ret_view);
        }
        if (err != ERR_TIMEOUT) {
            break;
        }
    }
    (void)close(fd);
    return err;
}

static enum err tcp_read(int fd, uint8_t *wire, size_t size, uint64_t deadline_boot_ms) {
    for (size_t used = 0; used < size;) {
        size_t n = 0;
        enum err err = net_receive(fd, wire + used, size - used, deadline_boot_ms, &n);
        if (err != ERR_OK) {
            return err;
        }
        if (n == 0) {
            return ERR_CLOSED;
        }
        used += n;
    }
    return ERR_OK;
}

static enum err tcp_ask(const struct net_address *server, const struct dns_question *question,
                        uint64_t deadline_boot_ms, struct dns_view *ret_view,
                        struct text256 *reterr) {
    int fd = -1;
    uint8_t wire[TCP_SIZE];
    uint8_t length[2] = {(uint8_t)(question->wire_n >> 8), (uint8_t)question->wire_n};
    enum err err = net_connect(server, deadline_boot_ms, &fd, reterr);
    if (err != ERR_OK) {
        return err;
    }
    size_t n = 0;
    err = net_send(fd, length, sizeof length, deadline_boot_ms);
    if (err == ERR_OK) {
        err = net_send(fd, question->wire, question->wire_n, deadline_boot_ms);
    }
    if (err == ERR_OK) {
        err = tcp_read(fd, length, sizeof length, deadline_boot_ms);
    }
    if (err == ERR_OK) {
        n = (size_t)length[0] << 8 | length[1];
        err = n <= sizeof wire ? tcp_read(fd, wire, n, deadline_boot_ms) : ERR_TOO_BIG;
    }
    (void)close(fd);
    return err != ERR_OK
               ? err
               : dns_answer_parse(wire, n, question->name, question->type, question->id, ret_view);
}

static enum err server_ask(const char *server_text, const struct dns_question *question,
                           uint64_t deadline_boot_ms, struct dns_view *ret_view,
                           struct text256 *reterr) {
    struct net_address server;
    enum err err = net_address_parse(server_text, &server, reterr);
    if (err != ERR_OK) {
        return err;
    }
    err = udp_ask(&server, question, deadline_boot_ms, ret_view, reterr);
    /* Too much for a datagram, or for what we keep of one: TCP tells the whole of it. */
    if (err == ERR_OK && ret_view->truncated) {
        err = tcp_ask(&server, question, deadline_boot_ms, ret_view, reterr);
    }
    if (err != ERR_OK) {
        text_say(reterr, "%.60s: %s", server_text, err_text(err));
    }
    return err;
}

static bool values_same(const struct dns_view *a, const struct dns_view *b) {
    bool same = a->values_n == b->values_n && a->rcode == b->rcode;
    for (uint8_t i = 0; same && i < a->values_n; i++) {
        same = text_equal(a->values[i], b->values[i]);
    }
    return same;
}

/* The expected values are exactly the ones there, in any order. */
static bool values_expected(const char *type, const char *expected, const struct dns_view *view) {
    unsigned expected_n = 0;
    char value[DNS_VALUE_SIZE];
    for (const char *at = expected; *at != '\0';) {
        bool found = false;
        if (!expected_next(type, &at, value)) {
            return false;
        }
        for (uint8_t i = 0; i < view->values_n; i++) {
            found = found || text_equal(view->values[i], value);
        }
        if (!found) {
            return false;
        }
        expected_n++;
    }
    return expected_n == view->values_n;
}

static struct reading server_judge(const struct arguments *arguments, const char *server,
                                   const struct dns_view *view) {
    const char *type = arguments_get(arguments, "type");
    const char *expected = arguments_get(arguments, "expect");
    uint64_t ttl_max_s = parameter_number(arguments, "max_ttl", UINT32_MAX);
    const char *first = view->values_n > 0 ? view->values[0] : "nothing";
    struct reading reading;
    if (view->rcode != 0) {
        reading = reading_judged(false, "%.40s answers with code %u", server, view->rcode);
    } else if (view->values_n == 0) {
        reading = reading_judged(false, "%.40s: no such record", server);
    } else if (!view->authoritative && parameter_flag(arguments, "authoritative", true)) {
        reading = reading_judged(false, "%.40s is not authoritative", server);
    } else if (expected != NULL && !values_expected(type, expected, view)) {
        reading = reading_judged(false, "%.30s: %.40s%s, not as expected", server, first,
                                 view->values_n > 1 ? " ..." : "");
    } else if (view->ttl_max_s > ttl_max_s) {
        reading = reading_judged(false, "%.40s: TTL %u s, at most %llu s allowed", server,
                                 view->ttl_max_s, (unsigned long long)ttl_max_s);
    } else {
        reading = reading_judged(true, "%s %.50s%s, TTL %u s", type, first,
                                 view->values_n > 1 ? " ..." : "", view->ttl_max_s);
    }
    reading.value = view->ttl_max_s;
    return reading;
}

/* Asks them one after the other, each within its share of the time. */
struct reading dns_run(const struct probe_input *input) {
    const char *list = arguments_get(input->arguments, "servers");
    char server[ADDRESS_SIZE];
    struct dns_question question;
    struct dns_view first;
    struct text256 why = {""};
    struct reading reading = {.err = ERR_OK};
    enum err first_err = ERR_OK;
    unsigned servers_n = 0;
    unsigned answered_n = 0;
    uint64_t start_ms = clock_boot_ms();
    bool keyed = arguments_get(input->arguments, "key_name") != NULL;
    /* A server that hangs must not take the time in which another one would take the key. */
    uint64_t asked_until_ms = probe_deadline_share_ms(input->deadline_boot_ms, keyed ? 2 : 1);
    if (question_make(input->arguments, &question) != ERR_OK) {
        return reading_failed(ERR_CONFIG, "name is no domain name");
    }
    for (const char *at = list; *at != '\0' && list_next(&at, server, sizeof server);) {
        servers_n++;
    }
    unsigned left_n = servers_n;
    for (const char *at = list; left_n > 0 && list_next(&at, server, sizeof server); left_n--) {
        struct dns_view view;
        enum err err =
            server_ask(server, &question, probe_deadline_share_ms(asked_until_ms, left_n), &view,
                       first_err == ERR_OK ? &why : NULL);
        if (err != ERR_OK) {
            first_err = first_err == ERR_OK ? err : first_err;
            continue;
        }
        if (answered_n == 0) {
            first = view;
        }
        struct reading one = server_judge(input->arguments, server, &view);
        if (one.good && !values_same(&first, &view)) {
            one = reading_judged(false, "%.40s disagrees with the first server", server);
        }
        reading = answered_n == 0 || (reading.good && !one.good) ? one : reading;
        answered_n++;
    }
    if (answered_n == 0) {
        return reading_failed(first_err != ERR_OK ? first_err : ERR_CONFIG, "%s", why.at);
    }
    if (first_err != ERR_OK && reading.good) {
        reading =
            reading_judged(true, "%u/%u servers answered; %.60s", answered_n, servers_n, why.at);
        reading.value = first.ttl_max_s;
        reading_warn(&reading);
    }
    if (reading.good && keyed) {
        reading = dns_credential_judge(input, reading);
    }
    reading.latency_ms = (uint32_t)(clock_boot_ms() - start_ms);
    return reading;
}
