#include "coordinator/seen_words.h"

#include <inttypes.h>
#include <stdarg.h>

#include "common/base/bits.h"

struct words {
    char *out;
    size_t size;
};

static void add(const struct words *words, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add(const struct words *words, const char *format, ...) {
    char one[160];
    va_list args;
    va_start(args, format);
    (void)text_format_list(one, sizeof one, format, args);
    va_end(args);
    (void)text_append(words->out, words->size, words->out[0] == '\0' ? "" : "; ");
    (void)text_append(words->out, words->size, one);
}

static const char *plan_name(const struct topology *topology, uint8_t plan) {
    return plan < topology->plans_n ? topology->plans[plan].name : "?";
}

static const char *region_name(const struct topology *topology, uint8_t region) {
    return region < topology->regions_n ? topology->regions[region].name : "?";
}

static void asked_words(const struct words *words, const struct topology *topology,
                        const struct seen_plan *was, const struct seen_plan *now) {
    if (was->version != now->version) {
        add(words, "topology version %u is in force, it was %u", now->version, was->version);
    }
    if (was->epoch != now->epoch) {
        add(words, "epoch %" PRIu64 " is the newest, it was %" PRIu64, now->epoch, was->epoch);
    }
    if (was->plan != now->plan) {
        add(words, "plan %s was looked at, %s is declared", plan_name(topology, was->plan),
            plan_name(topology, now->plan));
    }
    if (was->region != now->region) {
        add(words, "%s was looked at, %s is declared", region_name(topology, was->region),
            region_name(topology, now->region));
    }
}

void seen_plan_words(const struct topology *topology, const struct seen_plan *was,
                     const struct seen_plan *now, char *out, size_t out_size) {
    struct words words = {out, out_size};
    out[0] = '\0';
    asked_words(&words, topology, was, now);
    if (out[0] != '\0') {
        return; /* names and steps of another topology or plan say nothing here */
    }
    for (uint8_t r = 0; r < topology->regions_n; r++) {
        if (was->classes[r] != now->classes[r]) {
            add(&words, "%s is %s, it was %s", topology->regions[r].name,
                class_text((enum region_class)now->classes[r]),
                class_text((enum region_class)was->classes[r]));
        }
    }
    for (uint8_t l = 0; l < topology->links_n; l++) {
        if (was->losses[l] != now->losses[l]) {
            add(&words, "the lag of %s is %s, it was %s", topology->links[l].name,
                loss_text((enum loss)now->losses[l]), loss_text((enum loss)was->losses[l]));
        }
    }
    const struct plan *plan = &topology->plans[now->plan];
    for (uint8_t s = 0; s < plan->steps_n; s++) {
        bool runs = bits_has(now->runnable, s);
        if (runs != bits_has(was->runnable, s)) {
            add(&words, "%s who can run step %s is heard%s", runs ? "somebody" : "nobody",
                plan->steps[s].name, runs ? " now" : " any more");
        }
    }
}

static enum loss loss_of(uint16_t moves) {
    return (enum loss)(moves >> SEEN_LOSS_SHIFT & 3u);
}

void seen_step_words(const struct topology *topology, const struct execution *execution,
                     uint8_t step, uint16_t was, uint16_t now, char *out, size_t out_size) {
    struct words words = {out, out_size};
    unsigned moved = (unsigned)(was ^ now);
    out[0] = '\0';
    if (execution->plan >= topology->plans_n || step >= topology->plans[execution->plan].steps_n) {
        return;
    }
    const struct plan *plan = &topology->plans[execution->plan];
    const struct step *of = &plan->steps[step];
    if ((moved & SEEN_UNGRACEFUL) != 0) {
        add(&words, "the execution is %s now",
            (now & SEEN_UNGRACEFUL) != 0 ? "ungraceful" : "graceful");
    }
    if ((moved & SEEN_SILENT) != 0) {
        add(&words, "%s is %s", region_name(topology, execution->target),
            (now & SEEN_SILENT) != 0 ? "silent, it was heard" : "heard again, it was silent");
    }
    if (loss_of(was) != loss_of(now)) {
        add(&words, "the worst lag is %s, it was %s", loss_text(loss_of(now)),
            loss_text(loss_of(was)));
    }
    for (unsigned n = 0; n < of->needs_n; n++) {
        if ((moved & SEEN_NEED << n) != 0) {
            add(&words, "step %s, which it needs, was %s", plan->steps[of->needs[n]].name,
                (now & SEEN_NEED << n) != 0 ? "left undone" : "done after all");
        }
    }
}
