#include "agent/probes/reading.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/base/ensure.h"
#include "common/io/clock.h"

static void detail_print(char *detail, size_t size, const char *format, va_list list)
    __attribute__((format(printf, 3, 0)));

/* What people read is one line of plain characters, whatever a peer wrote into it. Bytes of UTF-8
 * are let through. */
static void detail_print(char *detail, size_t size, const char *format, va_list list) {
    (void)vsnprintf(detail, size, format, list);
    for (size_t i = 0; detail[i] != '\0'; i++) {
        unsigned char c = (unsigned char)detail[i];
        if (c < 0x20 || c == 0x7f) {
            detail[i] = c == '\n' || c == '\t' || c == '\r' ? ' ' : '?';
        }
    }
}

struct reading reading_failed(enum err err, const char *format, ...) {
    ensure(err != ERR_OK);
    struct reading reading = {.err = err};
    va_list list;
    va_start(list, format);
    detail_print(reading.detail, sizeof reading.detail, format, list);
    va_end(list);
    return reading;
}

struct reading reading_judged(bool good, const char *format, ...) {
    struct reading reading = {.err = ERR_OK, .good = good};
    va_list list;
    va_start(list, format);
    detail_print(reading.detail, sizeof reading.detail, format, list);
    va_end(list);
    return reading;
}

void reading_warn(struct reading *reading) {
    reading->warn = reading->good;
}

void reading_position(struct reading *reading, enum position_kind kind, uint64_t position) {
    ensure(reading->positions_n < sizeof reading->positions / sizeof reading->positions[0]);
    reading->positions[reading->positions_n++] = (struct position_report){
        .kind = (uint8_t)kind, .position = position, .wall_ms = clock_wall_ms()};
}

uint64_t probe_deadline_share_ms(uint64_t deadline_boot_ms, unsigned share) {
    ensure(share >= 1);
    uint64_t now_ms = clock_boot_ms();
    return now_ms >= deadline_boot_ms ? deadline_boot_ms
                                      : now_ms + (deadline_boot_ms - now_ms) / share;
}

uint32_t probe_left_ms(uint64_t deadline_boot_ms) {
    uint64_t now_ms = clock_boot_ms();
    if (now_ms >= deadline_boot_ms) {
        return 0;
    }
    uint64_t left_ms = deadline_boot_ms - now_ms;
    return left_ms > 3600000 ? 3600000 : (uint32_t)left_ms;
}

enum err probe_secret(const struct probe_input *input, const char *name,
                      char ret_secret[SECRET_SIZE], bool *ret_given) {
    const char *reference = arguments_get(input->arguments, name);
    if (reference == NULL) {
        ret_secret[0] = '\0';
        *ret_given = false;
        return ERR_OK;
    }
    if (input->secrets == NULL) {
        return ERR_NOT_FOUND;
    }
    enum err err = secret_get(input->secrets, reference, ret_secret);
    if (err == ERR_OK) {
        *ret_given = true;
    }
    return err;
}

enum store_role probe_expect_role(const struct arguments *arguments) {
    const char *role = arguments_get(arguments, "expect_role");
    if (role != NULL && text_equal(role, "primary")) {
        return STORE_PRIMARY;
    }
    return role != NULL && text_equal(role, "standby") ? STORE_STANDBY : STORE_UNKNOWN;
}

const char *probe_role_text(uint8_t role) {
    if (role == STORE_PRIMARY) {
        return "primary";
    }
    return role == STORE_STANDBY ? "standby" : "of unknown role";
}
