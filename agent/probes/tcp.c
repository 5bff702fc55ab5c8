/* tcp: a connection to the port is accepted. The weakest check there is: a kernel accepts for a
 * program that hangs. Prefer a probe that speaks the target's protocol. */
#include <unistd.h>

#include "agent/probes/kinds.h"
#include "agent/probes/parameter.h"
#include "agent/probes/reading.h"
#include "common/io/net.h"

static const struct parameter parameters[] = {
    {.name = "address", .type = PARAMETER_ADDRESS, .needed = true},
};

enum err tcp_accepts(const struct arguments *arguments, struct text256 *reterr) {
    return parameters_accept(parameters, sizeof parameters / sizeof parameters[0], arguments,
                             reterr);
}

struct reading tcp_run(const struct probe_input *input) {
    struct net_address address;
    struct text256 why = {""};
    int fd = -1;
    enum err err = net_address_parse(arguments_get(input->arguments, "address"), &address, &why);
    if (err == ERR_OK) {
        err = net_connect(&address, input->deadline_boot_ms, &fd, &why);
    }
    if (err != ERR_OK) {
        return reading_failed(err, "%s", why.at);
    }
    (void)close(fd);
    return reading_judged(true, "port %u accepts connections", address.port);
}
