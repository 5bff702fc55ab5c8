/* Another policy.silent: whom each member would have said to hear. Its recorded VIEWs tell when it
 * had last heard each agent; between two of them an agent was heard last where the later one says,
 * and a heard one that the later VIEW says nothing older of was heard all the time. */
#include <stdlib.h>
#include <string.h>

#include "common/base/bits.h"
#include "coordinator/decide/replay.h"

bool replay_view_keep(struct replay *replay, const struct event *event) {
    if (replay->views_n == REPLAY_VIEWS_MAX || event->view.member >= MEMBERS_MAX) {
        return false;
    }
    if (replay->views_n == replay->views_room) {
        size_t room = replay->views_room == 0 ? 64 : replay->views_room * 2;
        struct replay_view *views = realloc(replay->views, room * sizeof *views);
        if (views == NULL) {
            return false;
        }
        replay->views = views;
        replay->views_room = room;
    }
    struct replay_view *view = &replay->views[replay->views_n++];
    view->input = replay->inputs_n;
    view->at_ms = replay->decide.core.now_ms;
    view->heard = event->view.heard;
    view->member = event->view.member;
    memcpy(view->ago_ms, event->view.ago_ms, sizeof view->ago_ms);
    return true;
}

static bool silent_is_changed(const struct replay *replay) {
    for (unsigned i = 0; i < replay->changes_n; i++) {
        if (text_equal(replay->changes[i].name, "policy.silent")) {
            return replay->recorded != NULL;
        }
    }
    return false;
}

static void views_advance(struct replay *replay) {
    const struct replay *recorded = replay->recorded;
    while (replay->view_next < recorded->views_n &&
           recorded->views[replay->view_next].input <= replay->inputs_n) {
        const struct replay_view *view = &recorded->views[replay->view_next];
        size_t next = replay->view_next + 1;
        replay->view_of[view->member] = view;
        while (next < recorded->views_n && recorded->views[next].member != view->member) {
            next++;
        }
        replay->view_behind[view->member] =
            next < recorded->views_n ? &recorded->views[next] : NULL;
        replay->view_next++;
    }
}

static uint64_t last_heard_ms(const struct replay_view *view, unsigned agent) {
    return view->at_ms > view->ago_ms[agent] ? view->at_ms - view->ago_ms[agent] : 0;
}

/* What that member says at this core time. */
static void view_make(const struct replay *replay, uint8_t member, struct event *ret_event) {
    const struct replay_view *view = replay->view_of[member];
    const struct replay_view *behind = replay->view_behind[member];
    const struct topology *topology = replay->decide.topology;
    uint64_t now_ms = replay->decide.core.now_ms;
    ret_event->view.member = member;
    ret_event->view.heard = 0;
    for (unsigned a = 0; a < topology->agents_n; a++) {
        uint64_t heard_ms = last_heard_ms(view, a);
        uint64_t later_ms = behind == NULL ? UINT64_MAX : last_heard_ms(behind, a);
        if (later_ms <= now_ms) {
            heard_ms = later_ms > heard_ms ? later_ms : heard_ms;
        } else if (bits_has(view->heard, a)) {
            heard_ms = now_ms;
        }
        uint64_t ago_ms = now_ms > heard_ms ? now_ms - heard_ms : 0;
        ret_event->view.heard |= ago_ms < topology->policy.silent_ms ? bit(a) : 0;
        ret_event->view.ago_ms[a] = ago_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ago_ms;
    }
}

void replay_view_change(struct replay *replay, struct event *event) {
    if (silent_is_changed(replay) && event->view.member < MEMBERS_MAX) {
        views_advance(replay);
        if (replay->view_of[event->view.member] != NULL) {
            view_make(replay, event->view.member, event);
        }
    }
}

/* The next member whose VIEW would be another one by now. */
bool replay_view_due(struct replay *replay, struct event *ret_event) {
    const struct core *core = &replay->decide.core;
    if (!silent_is_changed(replay)) {
        return false;
    }
    views_advance(replay);
    for (uint8_t m = 0; m < replay->decide.topology->members_n; m++) {
        if (replay->view_of[m] == NULL || !core->members[m].present) {
            continue;
        }
        memset(ret_event, 0, sizeof *ret_event);
        ret_event->kind = EVENT_VIEW;
        ret_event->view.attesting = core->members[m].attesting;
        view_make(replay, m, ret_event);
        uint64_t applied = 0;
        for (unsigned a = 0; a < replay->decide.topology->agents_n; a++) {
            applied |= bits_has(core->agents[a].heard_by, m) ? bit(a) : 0;
        }
        if (applied != ret_event->view.heard) {
            return true;
        }
    }
    return false;
}
