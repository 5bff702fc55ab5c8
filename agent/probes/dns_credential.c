/* Does the TSIG key still open the zone? The very message of a failover, with nothing to change: a
 * key that was revoked is found on a quiet day (N18). */
#include <unistd.h>

#include "agent/probes/kinds.h"
#include "agent/probes/parameter.h"
#include "agent/probes/parse.h"
#include "agent/probes/reading.h"
#include "common/io/net.h"

#define UDP_SIZE 4096
#define ASK_N 3

static enum err answer_read(int fd, const struct dns_credential *credential,
                            const struct dns_message *noop, uint64_t deadline_boot_ms,
                            struct text256 *reterr) {
    for (;;) {
        uint8_t wire[UDP_SIZE];
        size_t n = 0;
        enum err err = net_receive(fd, wire, sizeof wire, deadline_boot_ms, &n);
        if (err == ERR_OK) {
            err = dns_packet_reply(noop, &credential->key, wire, n, reterr);
        }
        if (err != ERR_FORMAT) { /* somebody else's datagram is passed over */
            return err;
        }
    }
}

static enum err server_try(const char *server_text, const struct dns_credential *credential,
                           uint64_t deadline_boot_ms, struct text256 *reterr) {
    struct net_address server;
    struct dns_message noop;
    int fd = -1;
    enum err err = net_address_parse(server_text, &server, reterr);
    err = err != ERR_OK ? err : dns_noop_build(credential, &noop, reterr);
    err = err != ERR_OK ? err : net_connect_udp(&server, &fd, reterr);
    if (err != ERR_OK) {
        return err;
    }
    for (unsigned left_n = ASK_N; left_n > 0; left_n--) {
        err = net_send(fd, noop.wire, noop.size, deadline_boot_ms);
        err = err != ERR_OK
                  ? err
                  : answer_read(fd, credential, &noop,
                                probe_deadline_share_ms(deadline_boot_ms, left_n), reterr);
        if (err != ERR_TIMEOUT) {
            break;
        }
    }
    (void)close(fd);
    return err;
}

/* One server that takes it is enough: secondaries refuse updates by their nature. What a server
 * says of the key weighs more than another one's silence. */
struct reading dns_credential_judge(const struct probe_input *input, struct reading reading) {
    const struct arguments *arguments = input->arguments;
    char secret[SECRET_SIZE], server[ADDRESS_SIZE];
    struct text256 why = {""}, worst = {"no server"};
    enum err worst_err = ERR_UNREACHABLE;
    bool given = false, taken = false;
    unsigned left_n = 0;
    enum err err = probe_secret(input, "key_secret_ref", secret, &given);
    if (err != ERR_OK || !given) {
        return reading_failed(ERR_CONFIG, "the secret of key_secret_ref: %s", err_text(err));
    }
    struct dns_credential credential = {
        .zone = arguments_get(arguments, "zone"),
        .name = arguments_get(arguments, "name"),
        .type = arguments_get(arguments, "type"),
        .key = {.name = arguments_get(arguments, "key_name"),
                .secret = secret,
                .algorithm = parameter_text(arguments, "algorithm", "hmac-sha256")},
    };
    const char *list = arguments_get(arguments, "servers");
    for (const char *at = list; *at != '\0' && list_next(&at, server, sizeof server);) {
        left_n++;
    }
    for (const char *at = list; !taken && left_n > 0 && list_next(&at, server, sizeof server);
         left_n--) {
        why.at[0] = '\0';
        err = server_try(server, &credential,
                         probe_deadline_share_ms(input->deadline_boot_ms, left_n), &why);
        taken = err == ERR_OK;
        if (!taken && worst_err != ERR_AUTH && (worst_err == ERR_UNREACHABLE || err == ERR_AUTH)) {
            worst_err = err;
            text_say(&worst, "%.40s: %.60s", server, why.at[0] != '\0' ? why.at : err_text(err));
        }
    }
    secret_wipe(secret);
    if (!taken) {
        return reading_failed(worst_err, "the key %.20s: %.66s", credential.key.name, worst.at);
    }
    (void)text_append(reading.detail, sizeof reading.detail, ", key accepted");
    return reading;
}
