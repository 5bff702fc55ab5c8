/* The agent's start, its timer, and the frames of the members. */
#include "agent/agent.h"

#include <stdlib.h>
#include <string.h>

#include "agent/metrics.h"
#include "common/base/bits.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/io/sign.h"
#include "common/io/topology_read.h"
#include "common/io/web.h"

#define TIMER_MS 10
#define SAYS_FRESH_MS 5000 /* a member's word older than this is no word */

uint64_t agent_now_ms(void) {
    return clock_boot_ms();
}

void agent_tell_members(struct agent_program *agent, const struct message *message) {
    size_t size = 0;
    if (message_encode(message, agent->frame, FRAME_AGENT_MAX, &size) != ERR_OK) {
        log_event(LOG_ERR, "frame.too_big", "kind=%u", message->kind);
        return;
    }
    for (uint8_t m = 0; m < agent->pins->members_n; m++) {
        (void)wire_client_send(agent->members[m].client, agent->frame, size);
    }
}

/* ----------------------------------------------------- what the members say */

static bool fresh(const struct member_says *says) {
    return says->known && agent_now_ms() - says->heard_boot_ms < SAYS_FRESH_MS;
}

/* The highest epoch that a majority has reached: the smallest of the majority's largest. */
uint64_t agent_newest_epoch(const struct agent_program *agent, bool *ret_ours) {
    unsigned needed = majority_of(agent->pins->members_n), ours_n = 0;
    uint64_t newest = 0;
    for (unsigned m = 0; m < agent->pins->members_n; m++) {
        const struct member_says *says = &agent->members[m].says;
        unsigned reached_n = 0;
        for (unsigned o = 0; fresh(says) && o < agent->pins->members_n; o++) {
            const struct member_says *other = &agent->members[o].says;
            reached_n += fresh(other) && other->epoch >= says->epoch;
        }
        if (reached_n >= needed && says->epoch > newest) {
            newest = says->epoch;
        }
    }
    /* "Not ours" needs a majority too: one member behind its log must not make us fence. */
    for (unsigned m = 0; newest != 0 && m < agent->pins->members_n; m++) {
        const struct member_says *says = &agent->members[m].says;
        ours_n += fresh(says) && says->epoch == newest && !(says->open && says->ours);
    }
    *ret_ours = newest != 0 && ours_n < needed;
    return newest;
}

/* One lying member must not have us ask for an epoch that nobody certifies while our lease runs
 * out: its word alone counts only when there is nothing to lose. */
uint64_t agent_promised_land(const struct agent_program *agent) {
    unsigned needed = majority_of(agent->pins->members_n);
    uint64_t agreed = 0, named = 0;
    for (unsigned m = 0; m < agent->pins->members_n; m++) {
        const struct member_says *says = &agent->members[m].says;
        unsigned same_n = 0;
        if (!fresh(says) || !says->open || !says->ours) {
            continue;
        }
        for (unsigned o = 0; o < agent->pins->members_n; o++) {
            const struct member_says *other = &agent->members[o].says;
            same_n += fresh(other) && other->open && other->ours && other->epoch == says->epoch;
        }
        named = says->epoch > named ? says->epoch : named;
        agreed = same_n >= needed && says->epoch > agreed ? says->epoch : agreed;
    }
    if (agreed != 0) {
        return agreed;
    }
    return agent_lease_left_ms(agent) > 0 ? agent->lease_epoch : named;
}

uint32_t agent_lease_left_ms(const struct agent_program *agent) {
    if (agent->guard_heard_ms == 0) {
        return 0;
    }
    uint64_t passed_ms = agent_now_ms() - agent->guard_heard_ms;
    uint32_t left_ms = agent->guard_status.lease_left_ms;
    return passed_ms >= left_ms ? 0 : (uint32_t)(left_ms - passed_ms);
}

bool agent_holds_lease(const struct agent_program *agent, uint64_t epoch) {
    return agent_lease_left_ms(agent) > agent->pins->lease.gate_early_ms &&
           agent->guard_status.lease_epoch == epoch && agent->guard_status.gate == GATE_OPEN;
}

static void note_said(struct agent_program *agent, uint8_t member, uint64_t epoch, bool open,
                      bool ours, bool caught_up) {
    struct member_says *says = &agent->members[member].says;
    bool news = says->epoch != epoch || says->open != open;
    *says = (struct member_says){.heard_boot_ms = agent_now_ms(),
                                 .epoch = epoch,
                                 .open = open,
                                 .ours = ours,
                                 .caught_up = caught_up,
                                 .known = caught_up};
    if (news && open && ours) {
        rounds_news(agent, member, epoch);
    }
}

static void on_ack(struct agent_program *agent, uint8_t member, const struct report_ack *ack) {
    bool ours = text_equal(ack->owner, agent->pins->regions[agent->region].name);
    note_said(agent, member, ack->epoch, ack->open, ours, ack->caught_up);
    members_time_hear(&agent->members_time, member, ack->wall_ms, agent_now_ms());
}

static void on_answer(struct agent_program *agent, uint8_t member, const struct answer *answer) {
    if (answer->purpose == PURPOSE_COMMAND) {
        commands_answer(agent, member, answer);
        return;
    }
    /* Only what comes by the straight way: an answer that was relayed must not end the relaying. */
    agent->members[member].answered_boot_ms = agent_now_ms();
    rounds_answer(agent, member, answer);
}

/* ------------------------------------------------------------------ topology */

static void topology_path(const struct agent_program *agent, char *out, size_t out_size) {
    bool fits = text_format(out, out_size, "%s/topology.conf", agent->conf->state);
    ensure(fits);
}

/* Members refuse the lease of an agent with other numbers than theirs. A standby would learn
 * that only when it is needed, so it is said as soon as the topology is known. */
static void compare_numbers(const struct agent_program *agent) {
    const struct lease_numbers *mine = &agent->pins->lease, *theirs = &agent->topology->lease;
    if (mine->lease_ms != theirs->lease_ms || topology_wait_ms(mine) != topology_wait_ms(theirs) ||
        mine->promise_ms != theirs->promise_ms) {
        log_event(LOG_ERR, "lease.numbers_differ",
                  "pinned lease=%u wait=%u promise=%u on_quorum_loss=%s, topology lease=%u wait=%u "
                  "promise=%u on_quorum_loss=%s: the members will give this agent no lease",
                  mine->lease_ms, mine->wait_ms, mine->promise_ms,
                  quorum_loss_text((enum quorum_loss)mine->on_quorum_loss), theirs->lease_ms,
                  theirs->wait_ms, theirs->promise_ms,
                  quorum_loss_text((enum quorum_loss)theirs->on_quorum_loss));
    }
    if (mine->on_quorum_loss == QUORUM_LOSS_FAILSAFE && !peers_all_asked(agent)) {
        log_event(LOG_ERR, "lease.promisers_differ",
                  "the topology has a gate guard that the pinned one has not: no promise is asked "
                  "for until agent and guard are started with it");
    }
}

static bool adopt(struct agent_program *agent, const char *text, size_t size, uint32_t version) {
    struct text256 why;
    if (topology_read(text, size, "topology", agent->topology_next, &why) != ERR_OK) {
        log_event(LOG_ERR, "topology.refused", "version=%u %s", version, why.at);
        return false;
    }
    if (!text_equal(agent->topology_next->cluster, agent->pins->cluster)) {
        log_event(LOG_ERR, "topology.refused", "version=%u is of another cluster", version);
        return false;
    }
    struct topology *old = agent->topology;
    agent->topology = agent->topology_next;
    agent->topology_next = old;
    agent->topology->version = version;
    agent->me_there = topology_agent(agent->topology, agent->keys.name);
    checks_adopt(agent);
    agent->report_now = true;
    log_event(LOG_NOTICE, "topology.adopted", "version=%u", version);
    compare_numbers(agent);
    return true;
}

/* A topology counts when a majority of the members pushed the same bytes under the same version:
 * one stolen member key must not decide what this agent looks at. */
static bool agreed_by_majority(struct agent_program *agent, uint8_t member,
                               const struct config_push *config) {
    struct member_link *link = &agent->members[member];
    unsigned same_n = 0;
    link->config_version = config->version;
    digest_sha256((const uint8_t *)config->text, config->text_size, link->config_digest);
    for (unsigned m = 0; m < agent->pins->members_n; m++) {
        const struct member_link *other = &agent->members[m];
        same_n += other->config_version == config->version &&
                  memcmp(other->config_digest, link->config_digest, DIGEST_SIZE) == 0;
    }
    return same_n >= majority_of(agent->pins->members_n);
}

/* Kept for the next start with its version in the first line, as a comment. */
static void on_config(struct agent_program *agent, uint8_t member,
                      const struct config_push *config) {
    static char text[TOPOLOGY_BYTES_MAX + 64];
    char path[512];
    if (config->version <= agent->topology->version || config->text_size > TOPOLOGY_BYTES_MAX ||
        !agreed_by_majority(agent, member, config) ||
        !adopt(agent, config->text, config->text_size, config->version)) {
        return;
    }
    (void)text_format(text, 64, "# version %u\n", config->version);
    size_t head = strlen(text);
    memcpy(text + head, config->text, config->text_size);
    topology_path(agent, path, sizeof path);
    struct text256 why;
    if (file_write_atomic(path, text, head + config->text_size, 0600, &why) != ERR_OK) {
        log_event(LOG_WARNING, "topology.not_kept", "%s", why.at);
    }
}

static void topology_remembered(struct agent_program *agent) {
    static char text[TOPOLOGY_BYTES_MAX + 64];
    char path[512];
    size_t size = 0;
    uint64_t version = 0;
    topology_path(agent, path, sizeof path);
    if (file_read(path, text, sizeof text, &size, NULL) != ERR_OK ||
        !text_starts(text, "# version ")) {
        return;
    }
    char *end = strchr(text, '\n');
    if (end == NULL) {
        return;
    }
    *end = '\0';
    if (text_to_u64(text + 10, UINT32_MAX, &version)) {
        (void)adopt(agent, end + 1, size - (size_t)(end + 1 - text), (uint32_t)version);
    }
}

/* -------------------------------------------------------------------- frames */

static void on_member_frame(void *owner, const struct wire_identity *from, const uint8_t *frame,
                            size_t frame_size) {
    static struct message message;
    struct member_link *link = owner;
    struct agent_program *agent = link->agent;
    (void)from;
    if (message_decode(frame, frame_size, agent->scratch, AGENT_SCRATCH_SIZE, &message, NULL) !=
        ERR_OK) {
        agent->frames_refused_n++;
        return;
    }
    switch (message.kind) {
    case MESSAGE_ANSWER: on_answer(agent, link->index, &message.answer); break;
    case MESSAGE_REPORT_ACK: on_ack(agent, link->index, &message.report_ack); break;
    case MESSAGE_COMMAND: commands_receive(agent, link->index, &message.command); break;
    case MESSAGE_CONFIG: on_config(agent, link->index, &message.config); break;
    case MESSAGE_RELAY: peers_carry_back(agent, &message.relay); break;
    default: agent->frames_refused_n++; break;
    }
}

static void on_notice(void *owner, const char *text) {
    (void)owner;
    log_event(LOG_WARNING, "wire.refused", "%s", text);
}

static void on_timer(uv_timer_t *timer) {
    static struct jumps jumps;
    struct agent_program *agent = timer->data;
    log_jumps(&jumps, TIMER_MS);
    rounds_tick(agent);
    fence_tick(agent);
    commands_tick(agent);
    checks_tick(agent);
    reports_tick(agent);
}

/* ---------------------------------------------------------------- start, stop */

static enum err who_am_i(struct agent_program *agent, struct text256 *reterr) {
    agent->me = topology_agent(agent->pins, agent->conf->name);
    if (!text_equal(agent->keys.name, agent->conf->name) || agent->keys.kind != KEY_AGENT) {
        text_say(reterr, "%s: the key is of %s, the agent is called %s", agent->conf->key,
                 agent->keys.name, agent->conf->name);
        return ERR_CONFIG;
    }
    if (agent->me == NONE) {
        text_say(reterr, "%s: no agent is called %s", agent->conf->pins, agent->conf->name);
        return ERR_CONFIG;
    }
    const struct agent *entry = &agent->pins->agents[agent->me];
    enum key_place place = keys_place(&agent->keys, entry->curve_key, entry->sign_key,
                                      entry->curve_key_next, entry->sign_key_next);
    if (place == KEY_NOT_PINNED) {
        text_say(reterr, "%s: other keys are pinned for %s than %s holds", agent->conf->pins,
                 agent->conf->name, agent->conf->key);
        return ERR_CONFIG;
    }
    agent->region = entry->region;
    agent->key_next = place == KEY_PINNED_NEXT;
    return ERR_OK;
}

static enum err connect_members(struct agent_program *agent, struct text256 *reterr) {
    for (uint8_t m = 0; m < agent->pins->members_n; m++) {
        const struct member *member = &agent->pins->members[m];
        struct member_link *link = &agent->members[m];
        link->agent = agent;
        link->index = m;
        enum err err = wire_connect(agent->wire, member->agents_address, member->curve_key,
                                    agent->keys.curve_secret, agent->keys.curve_public,
                                    FRAME_CONFIG_MAX, on_member_frame, link, &link->client, reterr);
        if (err != ERR_OK) {
            return err;
        }
        wire_client_next_key(link->client, member->curve_key_next);
    }
    return ERR_OK;
}

static enum err buffers_make(struct agent_program *agent) {
    agent->scratch = malloc(AGENT_SCRATCH_SIZE);
    agent->inner_scratch = malloc(AGENT_SCRATCH_SIZE);
    agent->frame = malloc(FRAME_AGENT_MAX);
    agent->pins = calloc(1, sizeof *agent->pins);
    agent->topology = calloc(1, sizeof *agent->topology);
    agent->topology_next = calloc(1, sizeof *agent->topology_next);
    bool all = agent->scratch != NULL && agent->inner_scratch != NULL && agent->frame != NULL &&
               agent->pins != NULL && agent->topology != NULL && agent->topology_next != NULL;
    return all ? ERR_OK : ERR_NO_MEMORY;
}

static size_t metrics_asked(void *owner, char *out, size_t out_size) {
    return metrics_write(owner, out, out_size);
}

static enum err open_web(struct agent_program *agent, struct text256 *reterr) {
    const struct web_config config = {.listen = agent->conf->http_listen,
                                      .owner = agent,
                                      .text_size = METRICS_TEXT_SIZE,
                                      .write = metrics_asked};
    return config.listen[0] == '\0' ? ERR_OK : web_open(agent->loop, &config, &agent->web, reterr);
}

enum err agent_start(struct agent_program *agent, uv_loop_t *loop, struct agent_conf *conf,
                     struct text256 *reterr) {
    memset(agent, 0, sizeof *agent);
    agent->loop = loop;
    agent->conf = conf;
    agent->me_there = NONE;
    agent->started_boot_ms = agent_now_ms();
    uint64_t seed = 0;
    random_bytes((uint8_t *)&seed, sizeof seed);
    rng_seed(&agent->rng, seed);
    enum err err = buffers_make(agent);
    err = err != ERR_OK ? err : keys_read(conf->key, &agent->keys, reterr);
    err = err != ERR_OK ? err : topology_read_file(conf->pins, true, agent->pins, reterr);
    err = err != ERR_OK ? err : who_am_i(agent, reterr);
    err = err != ERR_OK ? err : ledger_open(conf->state, &agent->ledger, reterr);
    err = err != ERR_OK ? err : ledger_note(agent->ledger, &agent->ladder_note);
    err = err != ERR_OK ? err : ledger_boot(agent->ledger, clock_wall_ms(), &agent->boot_id);
    err = err != ERR_OK ? err : wire_open(loop, &agent->wire, reterr);
    if (err != ERR_OK) {
        return err;
    }
    wire_on_notice(agent->wire, on_notice, agent);
    err = connect_members(agent, reterr);
    err = err != ERR_OK ? err : peers_start(agent, reterr);
    if (err == ERR_OK && conf->guard_socket[0] != '\0') {
        err = guard_link_open(agent, &agent->guard, reterr);
    }
    if (err == ERR_OK && conf->writable_listen[0] != '\0') {
        err = writable_open(agent, &agent->writable, reterr);
    }
    err = err != ERR_OK ? err : open_web(agent, reterr);
    if (err != ERR_OK) {
        return err;
    }
    topology_remembered(agent);
    agent->timer.data = agent;
    (void)uv_timer_init(loop, &agent->timer);
    (void)uv_timer_start(&agent->timer, on_timer, TIMER_MS, TIMER_MS);
    log_event(LOG_NOTICE, "agent.started", "name=%s region=%s key=%s guarded=%d", agent->keys.name,
              agent->pins->regions[agent->region].name, agent->key_next ? "next" : "pinned",
              agent->guard != NULL);
    return ERR_OK;
}

static void on_timer_closed(uv_handle_t *handle) {
    (void)handle;
}

void agent_stop(struct agent_program *agent) {
    if (agent->timer.data != NULL) {
        (void)uv_timer_stop(&agent->timer);
        uv_close((uv_handle_t *)&agent->timer, on_timer_closed);
    }
    peers_stop(agent);
    for (uint8_t m = 0; m < agent->pins->members_n; m++) {
        wire_client_close(agent->members[m].client);
    }
    guard_link_close(agent->guard);
    writable_close(agent->writable);
    web_close(agent->web);
    wire_close(agent->wire);
    keys_wipe(&agent->keys);
}
