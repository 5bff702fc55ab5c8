#include "sim.h"
void stores_start(struct sim *sim) {
    (void)sim;
}
void stores_tick(struct sim *sim) {
    (void)sim;
}
void stores_forget(struct sim *sim, uint8_t m) {
    (void)sim;
    (void)m;
}
void store_begins(struct sim *sim, uint8_t host, const struct sim_command *command) {
    (void)sim;
    (void)host;
    (void)command;
}
bool store_ends(struct sim *sim, uint8_t host, struct sim_command *command, bool fails) {
    (void)sim;
    (void)host;
    (void)command;
    return !fails;
}
