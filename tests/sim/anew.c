/* What docs/recovery.md asks of people after the loss of all members and their log: the new log's
 * file awaits its first epoch; later they name one, 1000 above all that the guards know which they
 * hear, for one region or the other. A guard that no member reaches then may know more. */
#include "sim.h"

#define ANEW_ABOVE 1000
#define ANEW_LATER_US 500000

uint8_t anew_newest(const struct sim *sim) {
    const struct sim_member *newest = &sim->members[0];
    for (uint8_t m = 1; m < sim->members_n; m++) {
        const struct sim_member *member = &sim->members[m];
        newest = member->core.config_version > newest->core.config_version ? member : newest;
    }
    return newest->slot;
}

void anew_begin(struct sim *sim, uint8_t newest) {
    uint8_t file = config_copy(sim, newest);
    if (file == 0) {
        return;
    }
    config_slot(file)->await_initial_epoch = true;
    sim->anew_file = file;
    sim->config_file = sim->config_wanted = file;
    uint64_t patience_us = chance(sim, 500) ? 1000000 : 12000000;
    (void)queue_add(sim, sim->now_us + pick(sim, patience_us), SIM_ANEW, PROCESSES_N);
    SAY(sim, PROCESSES_N, "people begin the log anew; its file awaits the first epoch");
}

static bool heard(const struct sim *sim, uint8_t host) {
    uint8_t agent = (uint8_t)(AGENT_FIRST + host);
    bool any = false;
    for (uint8_t m = 0; m < sim->members_n; m++) {
        any = any || (sim->processes[m].alive && !sim->members[m].stopped &&
                      net_reaches(sim, agent, m) && net_reaches(sim, m, agent));
    }
    return any && sim->processes[agent].alive &&
           sim->processes[(uint8_t)(GUARD_FIRST + host)].alive;
}

static uint64_t newest_known(const struct sim *sim) {
    uint64_t known = 0;
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        if (host_region(sim, h) == REGION_M || !heard(sim, h)) {
            continue;
        }
        const struct holder_durable *durable = &sim->guards[h].holder.durable;
        known = durable->accepted_epoch > known ? durable->accepted_epoch : known;
        known = durable->fenced_epoch > known ? durable->fenced_epoch : known;
        known = durable->promised_epoch > known ? durable->promised_epoch : known;
    }
    return known;
}

void anew_go_on(struct sim *sim) {
    const struct sim_member *member = config_speaker(sim);
    uint8_t next = 0;
    if (member != NULL && member->slot == sim->anew_file) {
        next = config_copy(sim, sim->anew_file);
    }
    if (next == 0) {
        (void)queue_add(sim, sim->now_us + ANEW_LATER_US, SIM_ANEW, PROCESSES_N);
        return;
    }
    struct topology *topology = config_slot(next);
    topology->await_initial_epoch = false;
    topology->initial_epoch = (uint32_t)newest_known(sim) + ANEW_ABOVE;
    topology->initial_region = chance(sim, 500) ? REGION_P : REGION_D;
    sim->anew_file = 0;
    sim->config_wanted = next;
    SAY(sim, PROCESSES_N, "people name epoch %u for region %u", topology->initial_epoch,
        topology->initial_region);
    (void)queue_add(sim, sim->now_us, SIM_CONFIG, PROCESSES_N);
}
