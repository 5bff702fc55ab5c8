/* act: see act.h. */
#include "agent/actions/act.h"

#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>

#include "common/base/ensure.h"
#include "common/io/clock.h"

struct action_result act_done(bool observed, const char *format, ...) {
    struct action_result result = {.err = ERR_OK, .observed = observed};
    va_list list;
    va_start(list, format);
    (void)vsnprintf(result.detail, sizeof result.detail, format, list);
    va_end(list);
    return result;
}

struct action_result act_failed(enum err err, const char *format, ...) {
    ensure(err != ERR_OK);
    struct action_result result = {.err = err};
    va_list list;
    va_start(list, format);
    (void)vsnprintf(result.detail, sizeof result.detail, format, list);
    va_end(list);
    return result;
}

uint32_t act_left_ms(uint64_t deadline_boot_ms) {
    uint64_t now_ms = clock_boot_ms();
    uint64_t left_ms = deadline_boot_ms > now_ms ? deadline_boot_ms - now_ms : 0;
    return left_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)left_ms;
}

uint64_t act_within(uint32_t ms, uint64_t deadline_boot_ms) {
    uint64_t until_ms = clock_boot_ms() + ms;
    return until_ms < deadline_boot_ms ? until_ms : deadline_boot_ms;
}

bool act_pause(uint32_t ms, uint64_t deadline_boot_ms) {
    uint32_t left_ms = act_left_ms(deadline_boot_ms);
    if (left_ms == 0) {
        return false;
    }
    (void)poll(NULL, 0, (int)(ms < left_ms ? ms : left_ms));
    return true;
}

enum err act_secret(const struct action_input *input, const char *name, const char *broader,
                    char ret_secret[SECRET_SIZE], struct text256 *reterr) {
    const char *reference = arg_text(input->arguments, name, NULL);
    if (reference == NULL && broader != NULL) {
        reference = arg_text(input->arguments, broader, NULL);
    }
    ret_secret[0] = '\0';
    if (reference == NULL) {
        return ERR_OK;
    }
    enum err err = secret_get(input->secrets, reference, ret_secret);
    if (err != ERR_OK) {
        ret_secret[0] = '\0';
        text_say(reterr, "secret \"%.31s\": %s", reference, err_text(err));
    }
    return err;
}

static void fact_put(struct fill_facts *facts, enum fill fill, const char *text) {
    (void)text_copy(facts->at[fill], NAME_SIZE, text != NULL && text[0] != '\0' ? text : "none");
}

void act_facts(const struct action_input *input, struct fill_facts *ret_facts) {
    char now[CLOCK_TEXT_SIZE];
    clock_wall_text(clock_wall_ms(), now);
    fact_put(ret_facts, FILL_CLUSTER, input->cluster);
    fact_put(ret_facts, FILL_PLAN, input->plan);
    fact_put(ret_facts, FILL_STEP, input->step_name);
    fact_put(ret_facts, FILL_TIME, now);
    (void)text_format(ret_facts->at[FILL_EXECUTION], NAME_SIZE, "%" PRIu64, input->execution);
    (void)text_format(ret_facts->at[FILL_EPOCH], NAME_SIZE, "%" PRIu64, input->epoch);
    fill_move_get(input->arguments, ret_facts);
}

void act_line(char *out, size_t out_size, const char *text) {
    ensure(out_size > 0);
    size_t used = 0;
    for (size_t i = 0; text[i] != '\0' && text[i] != '\n' && used + 1 < out_size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '\r') {
            continue;
        }
        out[used++] = c < 0x20 || c >= 0x7f ? '?' : (char)c;
    }
    out[used] = '\0';
}
