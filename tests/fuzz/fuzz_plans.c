/* A line of faults, then any bytes as a topology: whatever the check finds no error in has each of
 * its plans ordered, rendered and simulated. The core's own assertions are on. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/ensure.h"
#include "common/io/topology_read.h"
#include "common/plan/compare.h"
#include "common/plan/graph.h"
#include "common/plan/render.h"
#include "coordinator/cli/plans_simulation.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TURNS 3000 /* what goes on for longer is the same again */
#define PAGE_SIZE (1024 * 1024)

static struct topology topology;
static struct findings findings;
static struct simulation_input input;
static struct simulation_result result;

static void faults_take(char *faults) {
    char *one;
    struct text256 why = {.at = ""};
    while ((one = strsep(&faults, " ")) != NULL) {
        bool good = simulation_fault_read(&input, one, &why);
        ensure(good || why.at[0] != '\0');
    }
}

static void plan_try(uint8_t plan, uint8_t source, uint8_t target, const char *faults) {
    static char page_text[PAGE_SIZE];
    char words[256];
    struct page page = page_open(page_text, sizeof page_text);
    struct render render = {.topology = &topology,
                            .plan = &topology.plans[plan],
                            .source = source,
                            .target = target,
                            .secrets = "/s",
                            .programs = "/p"};
    (void)!render_plan(&render, (enum render_format)(plan % RENDER_FORMATS_N), &page);
    unsigned differences = 0;
    struct plan_side side = {.topology = &topology, .plan = render.plan, .name = "it"};
    page = page_open(page_text, sizeof page_text);
    (void)!graph_text(&topology, render.plan, &page);
    page = page_open(page_text, sizeof page_text);
    ensure(plan_compare(&side, &side, &page, &differences) != ERR_OK || differences == 0);
    simulation_input_of(&topology, plan, source, target, &input);
    (void)text_copy(words, sizeof words, faults);
    faults_take(words);
    input.turns_max = TURNS;
    simulation_run(&input, &result);
    ensure(result.certified_ms == SIMULATED_NEVER || result.lease_ended_ms == SIMULATED_NEVER ||
           result.lease_ended_ms <= result.certified_ms);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char faults[256] = "";
    struct text256 why = {.at = ""};
    const uint8_t *end = memchr(data, '\n', size);
    if (end == NULL || (size_t)(end - data) >= sizeof faults) {
        return 0;
    }
    memcpy(faults, data, (size_t)(end - data));
    size_t rest = size - (size_t)(end - data) - 1;
    if (topology_read((const char *)end + 1, rest, "fuzz.conf", &topology, &why) != ERR_OK) {
        return 0;
    }
    topology_check(&topology, &findings);
    uint8_t data_regions[2] = {NONE, NONE};
    for (uint8_t r = 0; r < topology.regions_n; r++) {
        bool wanted = topology.regions[r].kind == REGION_DATA && data_regions[1] == NONE;
        if (wanted) {
            data_regions[data_regions[0] == NONE ? 0 : 1] = r;
        }
    }
    for (uint8_t p = 0; findings.errors_n == 0 && data_regions[1] != NONE && p < topology.plans_n;
         p++) {
        plan_try(p, data_regions[p % 2], data_regions[1 - p % 2], faults);
    }
    return 0;
}
