/* Wanted commands -> agents. Every member derives them from its own applied state and sends them to
 * the agent until they are no longer wanted; the agent believes only a majority's certificate. */
#include <stdio.h>
#include <string.h>

#include "common/io/clock.h"
#include "common/io/log.h"
#include "common/io/sign.h"
#include "common/topology/fill.h"
#include "coordinator/member.h"
#include "proto/canon.h"

static void position_text(uint64_t position, char *out, size_t out_size) {
    (void)text_format(out, out_size, "%llX/%llX", (unsigned long long)(position >> 32),
                      (unsigned long long)(position & 0xFFFFFFFFu));
}

static enum err move_tell(const struct topology *topology, const struct plan *plan,
                          const struct step *step, const struct want_command *want,
                          struct arguments *arguments) {
    uint8_t from = step->at_source ? want->region : want->peer_region;
    uint8_t to = step->at_source ? want->peer_region : want->region;
    return from < topology->regions_n && to < topology->regions_n
               ? fill_move_set(arguments, (enum plan_kind)plan->kind, topology->regions[from].name,
                               topology->regions[to].name)
               : ERR_RANGE;
}

/* The complete command, the same bytes at every member: nothing in it may depend on this member. */
static bool command_build(const struct coordinator *member, const struct want_command *want,
                          struct command *ret_command) {
    const struct topology *topology = member->topology;
    const struct execution *execution = &member->core.executions[want->execution_slot];
    const struct plan *plan = &topology->plans[execution->plan];
    struct step step = plan->steps[want->step];
    memset(ret_command, 0, sizeof *ret_command);
    if (topology_step_arguments(topology, &step, want->region, want->peer_region,
                                &ret_command->arguments) != ERR_OK) {
        return false;
    }
    if (want->position != 0) {
        char position[40];
        position_text(want->position, position, sizeof position);
        if (arguments_set(&ret_command->arguments, "position", position) != ERR_OK) {
            return false;
        }
    }
    if (fill_names_move((enum action_kind)step.action, &ret_command->arguments) &&
        move_tell(topology, plan, &step, want, &ret_command->arguments) != ERR_OK) {
        return false;
    }
    (void)text_copy(ret_command->cluster, sizeof ret_command->cluster, topology->cluster);
    (void)text_copy(ret_command->agent, sizeof ret_command->agent,
                    topology->agents[want->agent].name);
    (void)text_copy(ret_command->region, sizeof ret_command->region,
                    topology->regions[want->region].name);
    if (step.component != NONE) {
        (void)text_copy(ret_command->component, sizeof ret_command->component,
                        topology->components[step.component].name);
    }
    (void)text_copy(ret_command->plan, sizeof ret_command->plan, plan->name);
    (void)text_copy(ret_command->step_name, sizeof ret_command->step_name, step.name);
    ret_command->epoch = want->epoch;
    ret_command->execution = want->execution;
    ret_command->step = want->step;
    ret_command->attempt = want->attempt;
    ret_command->action = want->action;
    ret_command->graceful = want->graceful;
    ret_command->timeout_ms = step.timeout_ms;
    ret_command->needs_lease = want->needs_lease != 0;
    ret_command->not_after_wall_ms = execution->steps[want->step].not_after_wall_ms;
    return true;
}

static bool same_want(const struct want_command *a, const struct want_command *b) {
    return a->execution == b->execution && a->step == b->step && a->attempt == b->attempt &&
           a->undo == b->undo && a->agent == b->agent && a->epoch == b->epoch;
}

static const struct wanted *already(const struct wanted *wanted, uint8_t wanted_n,
                                    const struct want_command *want) {
    for (unsigned i = 0; i < wanted_n; i++) {
        if (same_want(&wanted[i].want, want)) {
            return &wanted[i];
        }
    }
    return NULL;
}

void dispatch_refresh(struct coordinator *member) {
    static struct wants wants;
    static struct wanted next[WANT_COMMANDS_MAX];
    uint8_t canon[CANON_MAX];
    if (!member->topology_known) {
        member->wanted_n = 0;
        return;
    }
    core_wants(&member->core, member->topology, &wants);
    for (unsigned i = 0; i < wants.commands_n; i++) {
        const struct wanted *known = already(member->wanted, member->wanted_n, &wants.commands[i]);
        if (known != NULL) {
            next[i] = *known;
            continue;
        }
        next[i] = (struct wanted){.want = wants.commands[i]};
        next[i].usable = command_build(member, &wants.commands[i], &next[i].command);
        if (!next[i].usable) {
            log_event(LOG_ERR, "command.not_made",
                      "execution=%llu step=%u the step's arguments do not fit one command",
                      (unsigned long long)wants.commands[i].execution, wants.commands[i].step);
        } else {
            size_t size = canon_command(&next[i].command, canon);
            digest_sha256(canon, size, next[i].digest);
        }
    }
    memcpy(member->wanted, next, sizeof(struct wanted) * wants.commands_n);
    member->wanted_n = wants.commands_n;
}

void dispatch_send_due(struct coordinator *member) {
    static struct message message;
    uint64_t now_ms = member_now_ms();
    for (unsigned i = 0; i < member->wanted_n; i++) {
        struct wanted *wanted = &member->wanted[i];
        if (!wanted->usable || member->agents_server == NULL || !member->caught_up ||
            (wanted->sent_boot_ms != 0 && now_ms - wanted->sent_boot_ms < DISPATCH_AGAIN_MS)) {
            continue;
        }
        size_t size = 0;
        message.kind = MESSAGE_COMMAND;
        message.command = wanted->command;
        if (message_encode(&message, member->frame, MEMBER_FRAME_SIZE, &size) == ERR_OK) {
            (void)wire_server_send(member->agents_server, WIRE_AGENT, wanted->want.agent,
                                   member->frame, size);
        }
        wanted->sent_boot_ms = now_ms;
    }
}

const struct wanted *dispatch_find(const struct coordinator *member,
                                   const uint8_t digest[DIGEST_SIZE]) {
    for (unsigned i = 0; i < member->wanted_n; i++) {
        if (member->wanted[i].usable &&
            memcmp(member->wanted[i].digest, digest, DIGEST_SIZE) == 0) {
            return &member->wanted[i];
        }
    }
    return NULL;
}
