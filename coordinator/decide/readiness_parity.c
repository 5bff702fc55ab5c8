/* What one region has of what the other has: capacity is compared, not only counted. */
#include <inttypes.h>

#include "coordinator/decide/readiness.h"

struct figure {
    bool known;
    bool silent; /* its agent is: the agent's own line tells */
    int64_t value;
    int64_t age_ms; /* -1: no observation */
    const struct check *check;
};

static uint8_t check_in(const struct topology *topology, const struct parity *parity,
                        uint8_t region) {
    for (uint8_t i = 0; i < parity->checks_n; i++) {
        if (topology->checks[parity->checks[i]].region == region) {
            return parity->checks[i];
        }
    }
    return NONE;
}

/* Of a check that fails the figure may be that of a reading which came to nothing. */
static struct figure figure_of(const struct readiness_input *input, uint8_t c) {
    const struct check *check = &input->topology->checks[c];
    const struct check_report *seen = readiness_seen(input, check->agent, c);
    struct figure figure = {
        .silent = !readiness_agent_speaks(input, check->agent), .age_ms = -1, .check = check};
    if (seen != NULL && (seen->status == CHECK_OK || seen->status == CHECK_WARN)) {
        figure.known = seen->value >= 0;
        figure.value = seen->value;
        figure.age_ms = (int64_t)(input->agents[check->agent].heard_ago_ms + check->interval_ms +
                                  check->timeout_ms);
    }
    return figure;
}

/* Whole percent that `part` is of `whole`, rounded down: what is less than declared never reads as
 * enough. */
static uint64_t percent_of(int64_t part, int64_t whole) {
    uint64_t a = (uint64_t)part, b = (uint64_t)whole;
    while (a > UINT64_MAX / 100) {
        a /= 2;
        b /= 2;
    }
    return b == 0 ? UINT64_MAX : a * 100 / b;
}

static bool is_bytes(const struct check *check) {
    const char *resource = arguments_get(&check->arguments, "resource");
    const char *what = arguments_get(&check->arguments, "what");
    return check->kind == CHECK_STORAGE ||
           (check->kind == CHECK_S3 && what != NULL && text_equal(what, "capacity")) ||
           (resource != NULL &&
            (text_equal(resource, "memory") || text_equal(resource, "ephemeral-storage")));
}

struct amount {
    char at[40];
};

static struct amount amount_text(const struct figure *figure) {
    struct amount amount;
    bool bytes = is_bytes(figure->check);
    (void)text_format(amount.at, sizeof amount.at, "%" PRId64 "%s",
                      bytes ? figure->value >> 20 : figure->value, bytes ? " MiB" : "");
    return amount;
}

static void say_unknown(const struct readiness_input *input, const struct figure *figure,
                        struct readiness_line *line) {
    const struct check *check = figure->check;
    line->state = READINESS_UNKNOWN;
    line->age_ms = -1;
    (void)text_format(line->text, sizeof line->text, "what %s has is not known: %s %s",
                      input->topology->regions[check->region].name,
                      figure->silent ? "no word of" : "see check",
                      figure->silent ? input->topology->agents[check->agent].name : check->name);
}

/* "west has 5 of the 10 of east, 50 %; declared are 60 %". */
static void say_compared(const struct readiness_input *input, const struct figure *of,
                         const struct figure *than, unsigned declared,
                         struct readiness_line *line) {
    const struct topology *topology = input->topology;
    char percent[32] = "";
    if (than->value > 0) {
        (void)text_format(percent, sizeof percent, ", %" PRIu64 " %%",
                          percent_of(of->value, than->value));
    }
    (void)text_format(line->text, sizeof line->text, "%s has %s, %s has %s%s; declared are %u %%",
                      topology->regions[of->check->region].name, amount_text(of).at,
                      topology->regions[than->check->region].name, amount_text(than).at, percent,
                      declared);
}

static bool is_enough(const struct figure *of, const struct figure *than, unsigned percent) {
    return than->value == 0 || percent_of(of->value, than->value) >= percent;
}

static void read_rule(const struct readiness_input *input, const struct parity *parity,
                      const struct figure *target, const struct figure *owner,
                      struct readiness *readiness) {
    struct readiness_line *line = readiness_add(
        readiness, (enum ready)parity->ready, READINESS_GOOD,
        target->age_ms > owner->age_ms ? target->age_ms : owner->age_ms, "parity %s", parity->name);
    bool both = target->known && owner->known;
    bool scarce = both && !is_enough(target, owner, parity->standby_percent);
    if (!target->known) {
        say_unknown(input, target, line);
    } else if (!owner->known) { /* it may be what has just been lost */
        line->weight = READY_WARNING;
        say_unknown(input, owner, line);
    } else if (!scarce && parity->active_percent > 0 &&
               !is_enough(owner, target, parity->active_percent)) {
        line->weight = READY_WARNING;
        line->state = READINESS_WRONG;
        say_compared(input, owner, target, parity->active_percent, line);
    } else {
        line->state = scarce ? READINESS_WRONG : READINESS_GOOD;
        say_compared(input, target, owner, parity->standby_percent, line);
    }
    (void)text_copy(line->fix, sizeof line->fix, line->state == READINESS_GOOD ? "" : parity->fix);
}

void readiness_parity(const struct readiness_input *input, struct readiness *readiness) {
    for (uint8_t p = 0; p < input->topology->parity_n; p++) {
        const struct parity *parity = &input->topology->parity[p];
        uint8_t there = check_in(input->topology, parity, input->target);
        uint8_t here = check_in(input->topology, parity, input->core->owner);
        if (parity->ready == READY_NOTHING || there == NONE || here == NONE) {
            continue;
        }
        struct figure target = figure_of(input, there), owner = figure_of(input, here);
        if (!target.silent) { /* else that is told with its agent */
            read_rule(input, parity, &target, &owner, readiness);
        }
    }
}
