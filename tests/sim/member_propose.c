/* Wishes and observations of a member into the log, mirrored from coordinator/propose.c and the
 * news of listen.c: the same key and bytes again until the log says that it has them. */
#include "sim.h"

#include <string.h>

#define RETRY_US 400000
#define KEEPER_PATIENCE_MS 1500
#define NEWS_PATIENCE_MS 500

static bool append_of_kind(const struct sim_member *member, enum event_kind kind) {
    for (unsigned i = 0; i < APPENDS_N; i++) {
        if (member->appends[i].used && member->appends[i].key.kind == kind) {
            return true;
        }
    }
    return false;
}

static void append_send(struct sim *sim, uint8_t m, uint8_t slot) {
    struct pending_append *pending = &sim->members[m].appends[slot];
    struct sim_message message = {.kind = MSG_APPEND, .from = m, .to = ENGINE};
    message.append = (struct sim_append){
        .member = m, .slot = slot, .key = pending->key, .token = pending->token};
    pending->next_try_us = sim->now_us + RETRY_US + (RETRY_US / 2) * pending->tries_n;
    pending->tries_n += pending->tries_n < 4;
    net_send(sim, &message);
}

static struct pending_append *append_start(struct sim *sim, uint8_t m, const struct fact_key *key,
                                           const struct event *event) {
    struct sim_member *member = &sim->members[m];
    uint8_t free_slot = APPENDS_N;
    for (uint8_t i = 0; i < APPENDS_N; i++) {
        if (member->appends[i].used && key_equal(&member->appends[i].key, key)) {
            return NULL;
        }
        if (!member->appends[i].used) {
            free_slot = i;
        }
    }
    if (free_slot == APPENDS_N) {
        return NULL;
    }
    struct pending_append *pending = &member->appends[free_slot];
    pending->used = true;
    pending->tries_n = 0;
    pending->rewritten = false;
    pending->key = *key;
    pending->event = *event;
    pending->event.wall_ms = sim_wall_ms(sim);
    pending->token = rng_next(&sim->rng);
    append_send(sim, m, free_slot);
    return pending;
}

void propose_event(struct sim *sim, uint8_t m, const struct fact_key *key,
                   const struct event *event) {
    if (sim->members[m].caught_up && !sim->members[m].stopped) {
        (void)append_start(sim, m, key, event);
    }
}

void propose_appended(struct sim *sim, uint8_t m, const struct sim_append *append) {
    struct sim_member *member = &sim->members[m];
    struct pending_append *pending = &member->appends[append->slot];
    if (!pending->used || pending->token != append->token) {
        return;
    }
    if (member->seen < append->index) {
        member->seen = append->index;
    }
    if (pending->key.kind == EVENT_TICK) {
        tick_count_landed(&member->count, pending->rewritten, pending->measured_ms, append->index,
                          sim_boot_ms(sim, m));
    }
    pending->used = false;
}

/* Decided before the log went away, an automatic CLOSE must not be the first fact after its return,
 * nor the first of a member that learns of the decision only then. */
static bool close_is_old(const struct sim *sim, uint8_t m) {
    return ticks_silent_ms(&sim->members[m].ticks, sim_stamp(sim, m)) > TICK_ELAPSED_MAX_MS &&
           !mutant_is(sim, MUTANT_CLOSE_KEPT);
}

static void propose_lease(struct sim *sim, uint8_t m) {
    struct sim_member *member = &sim->members[m];
    const struct wants *wants = &member->wants;
    bool old = wants->close_why == CLOSE_AUTOMATIC && close_is_old(sim, m);
    if (wants->close && !old) {
        struct event event = {.kind = EVENT_CLOSE};
        event.close.epoch = wants->close_epoch;
        event.close.why = wants->close_why;
        struct fact_key key = {EVENT_CLOSE, wants->close_epoch, member->core.closes_refused, 0};
        (void)append_start(sim, m, &key, &event);
    }
    if (wants->open) {
        struct event event = {.kind = EVENT_OPEN};
        event.open.epoch = wants->open_epoch;
        event.open.region = wants->open_region;
        struct fact_key key = {EVENT_OPEN, wants->open_epoch, member->core.opens_refused, 0};
        (void)append_start(sim, m, &key, &event);
    }
}

static bool keeps_time(const struct sim_member *member, uint8_t m) {
    return member->core.timekeeper == m && member->core.keeper_term > 0;
}

static void propose_keeper(struct sim *sim, uint8_t m) {
    struct sim_member *member = &sim->members[m];
    struct stamp now = sim_stamp(sim, m);
    uint64_t since_ms = member->ticks.seen ? stamp_most_passed_ms(member->ticks.applied, now)
                                           : sim_boot_ms(sim, m) - member->started_ms;
    uint64_t patience_ms = member->core.keeper_term == 0 ? 100u * m : KEEPER_PATIENCE_MS + 300u * m;
    if (since_ms < patience_ms || append_of_kind(member, EVENT_TICK) ||
        append_of_kind(member, EVENT_TIMEKEEPER)) {
        return;
    }
    struct event event = {.kind = EVENT_TIMEKEEPER};
    event.timekeeper.member = m;
    event.timekeeper.term = member->core.keeper_term + 1;
    event.timekeeper.gap_ms = ticks_silent_ms(&member->ticks, now);
    struct fact_key key = {EVENT_TIMEKEEPER, event.timekeeper.term, member->core.keepers_refused,
                           0};
    (void)append_start(sim, m, &key, &event);
}

static void propose_tick(struct sim *sim, uint8_t m) {
    struct sim_member *member = &sim->members[m];
    uint64_t elapsed_ms = tick_count_untold_ms(&member->count, sim_boot_ms(sim, m));
    uint32_t due_ms = member->wants.tick_in_ms < 300 ? member->wants.tick_in_ms : 300;
    bool under_way = append_of_kind(member, EVENT_TICK) ||
                     tick_count_awaits(&member->count, member->applied_index);
    if (elapsed_ms < due_ms || under_way) {
        return;
    }
    struct event event = {.kind = EVENT_TICK};
    event.tick.member = m;
    event.tick.elapsed_ms = elapsed_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)elapsed_ms;
    event.tick.wall_ms = sim_wall_ms(sim);
    struct fact_key key = {EVENT_TICK, member->core.keeper_term, member->boot_id, member->tick_n++};
    struct pending_append *pending = append_start(sim, m, &key, &event);
    if (pending != NULL) {
        pending->measured_ms = sim_boot_ms(sim, m);
    }
}

static void propose_view(struct sim *sim, uint8_t m) {
    struct sim_member *member = &sim->members[m];
    uint64_t now_ms = sim_boot_ms(sim, m), heard = 0, applied = 0;
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        heard |= member_hears(sim, m, h) ? bit(h) : 0;
        applied |= bits_has(member->core.agents[h].heard_by, m) ? bit(h) : 0;
    }
    bool attesting = member->last_yes_ms != 0 && member->last_yes_epoch == member->core.epoch &&
                     now_ms - member->last_yes_ms < 3u * member_topology(sim, m)->lease.renew_ms;
    const struct member_view *view = &member->core.members[m];
    bool young = now_ms - member->started_ms < member_topology(sim, m)->policy.silent_ms;
    heard |= young ? applied : 0;
    bool same = view->present && view->attesting == attesting && applied == heard;
    if (same || append_of_kind(member, EVENT_VIEW) || (young && heard == 0)) {
        return;
    }
    struct event event = {.kind = EVENT_VIEW};
    event.view.member = m;
    event.view.attesting = attesting;
    event.view.heard = heard;
    for (uint8_t h = 0; h < AGENTS_MAX; h++) {
        uint64_t heard_ms = h < sim->hosts_n ? member->agents[h].heard_ms : 0;
        uint64_t ago_ms = heard_ms == 0 || heard_ms > now_ms ? UINT32_MAX : now_ms - heard_ms;
        event.view.ago_ms[h] = ago_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ago_ms;
    }
    struct fact_key key = {EVENT_VIEW, m, member->boot_id, member->view_n++};
    (void)append_start(sim, m, &key, &event);
}

bool report_to_event(const struct sim *sim, const struct sim_report *report,
                     struct event_report *ret_event) {
    memset(ret_event, 0, sizeof *ret_event);
    ret_event->agent = report->agent;
    ret_event->boot = report->boot;
    ret_event->seq = report->seq;
    ret_event->config_version = report->config_version;
    ret_event->guard_epoch = report->guard_epoch;
    ret_event->fenced_epoch = report->fenced_epoch;
    ret_event->promised_epoch = report->promised_epoch;
    ret_event->gate = report->gate;
    ret_event->leased = report->leased;
    ret_event->guard_present = host_region(sim, report->agent) != REGION_M && !report->no_guard;
    for (uint16_t check = 0; check < sim->topology->checks_n; check++) {
        uint8_t status = report->seen[sim->topology->checks[check].region];
        if (status != 0) {
            ret_event->checks[ret_event->checks_n].check = check;
            ret_event->checks[ret_event->checks_n].status = status;
            ret_event->checks_n++;
        }
    }
    return report->agent < sim->hosts_n;
}

void propose_reports(struct sim *sim, uint8_t m) {
    static struct event event;
    struct sim_member *member = &sim->members[m];
    uint64_t now_ms = sim_boot_ms(sim, m);
    for (uint8_t h = 0; h < sim->hosts_n; h++) {
        const struct sim_report *report = &member->agents[h].report;
        memset(&event, 0, sizeof event);
        event.kind = EVENT_REPORT;
        if (!member->agents[h].reported || !report_to_event(sim, report, &event.report) ||
            !core_report_is_news(&member->core, member_topology(sim, m), &event.report)) {
            member->agents[h].news_since_ms = 0;
            continue;
        }
        if (member->agents[h].news_since_ms == 0) {
            member->agents[h].news_since_ms = now_ms;
        }
        if (keeps_time(member, m) || now_ms - member->agents[h].news_since_ms > NEWS_PATIENCE_MS) {
            struct fact_key key = {EVENT_REPORT, h, report->boot, report->seq};
            (void)append_start(sim, m, &key, &event);
        }
    }
}

/* Told late, an old TICK would hide the pause of the log from the core. */
static void tick_measure_again(struct sim *sim, uint8_t m, struct pending_append *pending) {
    uint64_t elapsed_ms = tick_count_untold_ms(&sim->members[m].count, sim_boot_ms(sim, m));
    if (elapsed_ms > TICK_ELAPSED_MAX_MS && elapsed_ms < UINT32_MAX) {
        pending->rewritten = true;
        pending->event.tick.elapsed_ms = (uint32_t)elapsed_ms;
        pending->event.tick.wall_ms = pending->event.wall_ms = sim_wall_ms(sim);
    }
}

/* So would a gap measured before it. False: that term is taken. */
static bool keeper_measure_again(struct sim *sim, uint8_t m, struct pending_append *pending) {
    const struct sim_member *member = &sim->members[m];
    pending->event.timekeeper.gap_ms = ticks_silent_ms(&member->ticks, sim_stamp(sim, m));
    pending->event.wall_ms = sim_wall_ms(sim);
    struct fact_key key = {EVENT_TIMEKEEPER, member->core.keeper_term + 1,
                           member->core.keepers_refused, 0};
    return key_equal(&pending->key, &key);
}

static void retry_due(struct sim *sim, uint8_t m) {
    struct sim_member *member = &sim->members[m];
    for (uint8_t i = 0; i < APPENDS_N; i++) {
        struct pending_append *pending = &member->appends[i];
        if (!pending->used || sim->now_us < pending->next_try_us) {
            continue;
        }
        if (pending->key.kind == EVENT_CLOSE && close_is_old(sim, m)) {
            pending->used = false; /* wished anew when it still is */
            continue;
        }
        if (pending->key.kind == EVENT_TIMEKEEPER && !keeper_measure_again(sim, m, pending)) {
            pending->used = false;
            continue;
        }
        if (pending->key.kind == EVENT_TICK) {
            if (!keeps_time(member, m)) {
                pending->used = false;
                continue;
            }
            tick_measure_again(sim, m, pending);
        }
        append_send(sim, m, i);
    }
}

void propose_all(struct sim *sim, uint8_t m) {
    struct sim_member *member = &sim->members[m];
    retry_due(sim, m);
    if (member->core.config_version == 0) {
        struct event event = {.kind = EVENT_CONFIG};
        event.config.version = 1;
        struct fact_key key = {EVENT_CONFIG, 1, sim->config_file, 0};
        (void)append_start(sim, m, &key, &event);
        return;
    }
    propose_lease(sim, m);
    if (!keeps_time(member, m)) {
        member->keeps_time_us = 0;
    } else if (member->keeps_time_us == 0) {
        member->keeps_time_us = sim->now_us;
    }
    if (keeps_time(member, m)) {
        propose_tick(sim, m);
        propose_lags(sim, m);
    } else {
        propose_keeper(sim, m);
    }
    propose_view(sim, m);
    propose_reports(sim, m);
}
