/* Which work a step does. Confidence is earned by the work, not by the name: a step whose action,
 * place or arguments were changed was never run as it is now. */
#include "common/base/bytes.h"
#include "common/io/sign.h"
#include "common/topology/topology.h"
#include "coordinator/history.h"

#define WORK_BYTES_MAX 8192
#define WORK_BYTES 8

static void put_name(struct bytes_out *bytes, const struct topology *topology, uint8_t component) {
    bytes_put_text(bytes, component == NONE ? "" : topology->components[component].name);
}

void history_work(const struct topology *topology, uint8_t plan, uint8_t step, uint8_t source,
                  uint8_t target, char ret_work[HISTORY_WORK_SIZE]) {
    const struct step *is = &topology->plans[plan].steps[step];
    uint8_t region = is->at_source ? source : target, peer = is->at_source ? target : source;
    uint8_t buffer[WORK_BYTES_MAX], digest[DIGEST_SIZE];
    struct bytes_out bytes = bytes_writer(buffer, sizeof buffer);
    struct arguments arguments;
    ret_work[0] = '\0';
    if (region >= topology->regions_n || peer >= topology->regions_n ||
        topology_step_arguments(topology, is, region, peer, &arguments) != ERR_OK) {
        return;
    }
    bytes_put_text(&bytes, "drover/work/v1");
    bytes_put_text(&bytes, action_kind_text((enum action_kind)is->action));
    put_name(&bytes, topology, is->component);
    put_name(&bytes, topology, is->through);
    bytes_put_text(&bytes, topology->regions[region].name);
    for (uint8_t i = 0; i < arguments.n; i++) {
        bytes_put_text(&bytes, arguments.at[i].name);
        bytes_put_text(&bytes, arguments.at[i].value);
    }
    if (bytes.failed) {
        return;
    }
    digest_sha256(buffer, bytes.used, digest);
    text_from_bytes(digest, WORK_BYTES, ret_work, HISTORY_WORK_SIZE);
}

void history_drill_work(const struct topology *topology, uint8_t drill,
                        char ret_work[HISTORY_WORK_SIZE]) {
    uint8_t buffer[2 * NAME_SIZE + 8], digest[DIGEST_SIZE];
    struct bytes_out bytes = bytes_writer(buffer, sizeof buffer);
    bytes_put_text(&bytes, "drover/drill/v1");
    bytes_put_text(&bytes, topology->drills[drill].name);
    digest_sha256(buffer, bytes.used, digest);
    text_from_bytes(digest, WORK_BYTES, ret_work, HISTORY_WORK_SIZE);
}
