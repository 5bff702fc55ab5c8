/* path: the way to the other region. By `what`:
 *   latency    the time a TCP connection takes, one round trip, the slowest of some samples; with
 *              `source`, the kernel must choose an address of ours from that network for it: the
 *              tunnel's. Measured from both ends by two checks, it tells a failure in one
 *              direction: no connection is made over a path that only goes there.
 *   closed     nobody accepts at the address: the way around the tunnel does not exist.
 *   bandwidth  the rate of one bounded download from the other end. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/probes/kinds.h"
#include "agent/probes/parameter.h"
#include "agent/probes/reading.h"
#include "agent/probes/web.h"
#include "common/io/clock.h"
#include "common/io/net.h"

#define SAMPLES_MAX 20
#define MAX_MS 100       /* SEED-117 */
#define MIN_KBIT 1000000 /* 1 Gbit/s, SEED-116 */
#define BURST_MIB 16

static const struct parameter parameters[] = {
    {.name = "what",
     .type = PARAMETER_CHOICE,
     .needed = true,
     .choices = "|latency|closed|bandwidth|"},
    {.name = "samples", .type = PARAMETER_NUMBER, .min = 1, .max = SAMPLES_MAX},
    {.name = "max_ms", .type = PARAMETER_NUMBER, .min = 1, .max = 60000},
    {.name = "source", .type = PARAMETER_TEXT},
    {.name = "min_kbit", .type = PARAMETER_NUMBER, .min = 1, .max = UINT32_MAX},
    {.name = "mib", .type = PARAMETER_NUMBER, .min = 1, .max = 64},
    {.name = "address", .type = PARAMETER_ADDRESS},
    {.name = "url", .type = PARAMETER_URL},
    {.name = "ca", .type = PARAMETER_PATH},
    {.name = "user", .type = PARAMETER_TEXT},
    {.name = "password_ref", .type = PARAMETER_NAME},
    {.name = "token_ref", .type = PARAMETER_NAME},
    {.name = "tls", .type = PARAMETER_CHOICE, .choices = "|1.2|1.3|"},
};

/* "10.99.0.1", "10.99.0.0/24", "fd00::/64". */
struct network {
    int family;
    uint8_t bytes[16];
    unsigned bits;
};

static bool network_parse(const char *text, struct network *ret_network) {
    char host[ADDRESS_SIZE];
    uint64_t bits = 0;
    const char *slash = strchr(text, '/');
    size_t host_n = slash != NULL ? (size_t)(slash - text) : strlen(text);
    if (host_n >= sizeof host) {
        return false;
    }
    memcpy(host, text, host_n);
    host[host_n] = '\0';
    *ret_network = (struct network){.family = strchr(host, ':') != NULL ? AF_INET6 : AF_INET};
    unsigned most = ret_network->family == AF_INET6 ? 128 : 32;
    if (slash != NULL && !text_to_u64(slash + 1, most, &bits)) {
        return false;
    }
    ret_network->bits = slash != NULL ? (unsigned)bits : most;
    return inet_pton(ret_network->family, host, ret_network->bytes) == 1;
}

static bool network_has(const struct network *network, int family, const uint8_t *bytes) {
    unsigned whole = network->bits / 8, rest = network->bits % 8;
    if (family != network->family || memcmp(network->bytes, bytes, whole) != 0) {
        return false;
    }
    return rest == 0 || ((network->bytes[whole] ^ bytes[whole]) >> (8 - rest)) == 0;
}

enum err path_accepts(const struct arguments *arguments, struct text256 *reterr) {
    struct network ignored;
    enum err err =
        parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments, reterr);
    if (err != ERR_OK) {
        return err;
    }
    const char *source = arguments_get(arguments, "source");
    bool burst = text_equal(arguments_get(arguments, "what"), "bandwidth");
    if (source != NULL && !network_parse(source, &ignored)) {
        text_say(reterr, "argument source: expected an address or a network, \"10.99.0.0/24\"");
        return ERR_CONFIG;
    }
    if (arguments_get(arguments, burst ? "url" : "address") == NULL) {
        text_say(reterr, "argument %s: needed with what=%s", burst ? "url" : "address",
                 arguments_get(arguments, "what"));
        return ERR_CONFIG;
    }
    return ERR_OK;
}

/* From where this connection comes, as the kernel's routes decided. */
static bool source_good(int fd, const char *wanted, char *ret_text, size_t text_size) {
    struct sockaddr_storage from;
    struct network network;
    socklen_t size = sizeof from;
    memset(&from, 0, sizeof from);
    ret_text[0] = '\0';
    if (getsockname(fd, (struct sockaddr *)&from, &size) != 0) {
        return false;
    }
    const void *bytes = from.ss_family == AF_INET6
                            ? (const void *)&((const struct sockaddr_in6 *)&from)->sin6_addr
                            : (const void *)&((const struct sockaddr_in *)&from)->sin_addr;
    (void)inet_ntop(from.ss_family, bytes, ret_text, (socklen_t)text_size);
    return network_parse(wanted, &network) && network_has(&network, from.ss_family, bytes);
}

static struct reading latency_look(const struct probe_input *input,
                                   const struct net_address *address) {
    const struct arguments *arguments = input->arguments;
    unsigned samples = (unsigned)parameter_number(arguments, "samples", 5);
    const char *wanted = arguments_get(arguments, "source");
    uint64_t most_us = 0, least_us = UINT64_MAX;
    struct text256 why = {""};
    for (unsigned i = 0; i < samples; i++) {
        char from[INET6_ADDRSTRLEN] = "";
        int fd = -1;
        uint64_t start_us = clock_boot_us();
        enum err err = net_connect(address, input->deadline_boot_ms, &fd, &why);
        uint64_t took_us = clock_boot_us() - start_us;
        if (err != ERR_OK) {
            return reading_failed(err, "%s", why.at);
        }
        bool good = wanted == NULL || source_good(fd, wanted, from, sizeof from);
        (void)close(fd);
        if (!good) {
            return reading_judged(false, "the way there begins at %.45s, not in %.30s", from,
                                  wanted);
        }
        most_us = took_us > most_us ? took_us : most_us;
        least_us = took_us < least_us ? took_us : least_us;
    }
    struct reading reading = reading_judged(
        true, "%llu.%llu to %llu.%llu ms", (unsigned long long)(least_us / 1000),
        (unsigned long long)(least_us / 100 % 10), (unsigned long long)(most_us / 1000),
        (unsigned long long)(most_us / 100 % 10));
    if (most_us > parameter_number(arguments, "max_ms", MAX_MS) * 1000) {
        reading_warn(&reading);
    }
    reading.value = (int64_t)most_us;
    return reading;
}

/* A refusal is an answer that came this way: only silence and "no route" say that there is none. */
static struct reading closed_look(const struct probe_input *input,
                                  const struct net_address *address) {
    struct text256 why = {""};
    int fd = -1;
    uint64_t half_ms = probe_deadline_share_ms(input->deadline_boot_ms, 2);
    enum err err = net_connect(address, half_ms, &fd, &why);
    if (err == ERR_TIMEOUT || err == ERR_UNREACHABLE) {
        return reading_judged(true, "nothing comes through");
    }
    if (err == ERR_REFUSED) {
        return reading_judged(false, "the way is there: port %u refused", address->port);
    }
    if (err != ERR_OK) {
        return reading_failed(err, "%s", why.at);
    }
    (void)close(fd);
    return reading_judged(false, "the way is there: port %u accepts", address->port);
}

static struct reading bandwidth_look(const struct probe_input *input) {
    const struct arguments *arguments = input->arguments;
    size_t size = (size_t)parameter_number(arguments, "mib", BURST_MIB) << 20;
    struct http_sync_answer answer;
    struct reading reading;
    char *body = malloc(size);
    if (body == NULL) {
        return reading_failed(ERR_NO_MEMORY, "no memory for the burst");
    }
    bool answered = web_ask(input, &(struct service_request){.may_truncate = true}, body, size,
                            &answer, &reading);
    free(body);
    if (!answered) {
        return reading;
    }
    if (answer.status != 200 || answer.answer_n < size / 2) {
        return reading_judged(false, "status %ld, %zu bytes: too few to measure by", answer.status,
                              answer.answer_n);
    }
    uint64_t kbit = (uint64_t)answer.answer_n * 8 / (answer.took_ms > 0 ? answer.took_ms : 1);
    uint64_t least = parameter_number(arguments, "min_kbit", MIN_KBIT);
    reading = reading_judged(kbit >= least, "%llu kbit/s over %zu MiB%s", (unsigned long long)kbit,
                             answer.answer_n >> 20, kbit < least ? ", too slow" : "");
    reading.value = (int64_t)kbit;
    return reading;
}

struct reading path_run(const struct probe_input *input) {
    const char *what = arguments_get(input->arguments, "what");
    struct net_address address;
    struct text256 why = {""};
    uint64_t start_ms = clock_boot_ms();
    struct reading reading;
    if (text_equal(what, "bandwidth")) {
        reading = bandwidth_look(input);
    } else {
        enum err err =
            net_address_parse(arguments_get(input->arguments, "address"), &address, &why);
        reading = err != ERR_OK                ? reading_failed(err, "%s", why.at)
                  : text_equal(what, "closed") ? closed_look(input, &address)
                                               : latency_look(input, &address);
    }
    reading.latency_ms = (uint32_t)(clock_boot_ms() - start_ms);
    return reading;
}
