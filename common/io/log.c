#include "common/io/log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/ensure.h"
#include "common/base/text.h"
#include "common/io/clock.h"
#include "proto/printable.h"

static atomic_int level_max = LOG_INFO;
static atomic_uint lost_n; /* lines that could not be written since the last that could */

void log_level(int level) {
    ensure(level >= LOG_EMERG && level <= LOG_DEBUG);
    atomic_store(&level_max, level);
}

static const char *level_text(int level) {
    static const char *const texts[] = {"emergency", "alert",  "critical", "error",
                                        "warning",   "notice", "info",     "debug"};
    return texts[level];
}

/* systemd tells which stream its journal reads, so that a redirected stderr gets no <N>. */
static bool stderr_is_journal(void) {
    const char *stream = getenv("JOURNAL_STREAM");
    char expected[64];
    struct stat stat;
    if (stream == NULL || fstat(STDERR_FILENO, &stat) != 0) {
        return false;
    }
    (void)text_format(expected, sizeof expected, "%llu:%llu", (unsigned long long)stat.st_dev,
                      (unsigned long long)stat.st_ino);
    return text_equal(stream, expected);
}

/* Bytes of the character at `at` when it may be shown as it is; 0 when it must be escaped. */
static size_t shown_size(const char *at) {
    size_t left = strnlen(at, 4);
    for (size_t n = 1; n <= left; n++) {
        if (printable_is(at, n, false)) {
            return n;
        }
    }
    return 0;
}

/* Appends what the character at `at` becomes. Returns how many bytes of it are done, 0 when that
 * does not fit before `limit`. */
static size_t put_escaped(char *line, size_t *used, size_t limit, const char *at) {
    char piece[8];
    size_t eaten = shown_size(at);
    size_t n = eaten;
    if (eaten > 0) {
        memcpy(piece, at, eaten);
    } else {
        eaten = 1;
        if (*at == '\n' || *at == '\t') {
            (void)text_copy(piece, sizeof piece, *at == '\n' ? "\\n" : "\\t");
        } else {
            (void)text_format(piece, sizeof piece, "\\x%02x", (unsigned char)*at);
        }
        n = strlen(piece);
    }
    if (*used + n > limit) {
        return 0;
    }
    memcpy(line + *used, piece, n);
    *used += n;
    return eaten;
}

static size_t make_line(char line[LOG_LINE_SIZE], int level, const char *event, const char *text) {
    static const char cut[] = "...";
    const size_t limit = LOG_LINE_SIZE - sizeof cut - 1; /* the cut, the newline, the zero */
    char when[CLOCK_TEXT_SIZE];
    char priority[8] = "";
    if (stderr_is_journal()) {
        (void)text_format(priority, sizeof priority, "<%d>", level);
    }
    clock_wall_text(clock_wall_ms(), when);
    (void)text_format(line, limit, "%s%s %s %s ", priority, when, level_text(level), event);
    size_t used = strlen(line);
    for (const char *at = text; *at != '\0';) {
        size_t eaten = put_escaped(line, &used, limit, at);
        if (eaten == 0) {
            memcpy(line + used, cut, sizeof cut - 1);
            used += sizeof cut - 1;
            break;
        }
        at += eaten;
    }
    line[used++] = '\n';
    return used;
}

void log_event(int level, const char *event, const char *format, ...) {
    ensure(level >= LOG_EMERG && level <= LOG_DEBUG);
    if (level > atomic_load(&level_max)) {
        return;
    }
    int kept = errno;
    char text[LOG_LINE_SIZE];
    char line[LOG_LINE_SIZE];
    unsigned lost = atomic_exchange(&lost_n, 0);
    size_t told = 0;
    if (lost > 0) {
        (void)text_format(text, sizeof text, "lines_lost=%u ", lost);
        told = strlen(text);
    }
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text + told, sizeof text - told, format, args);
    va_end(args);
    size_t used = make_line(line, level, event, text);
    /* One write, so that lines of threads and processes do not mix. When nobody reads, the line is
     * lost and counted: a full pipe must not stop the loop. */
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
    bool open = poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) != 0;
    if (!open || write(STDERR_FILENO, line, used) != (ssize_t)used) {
        (void)atomic_fetch_add(&lost_n, lost + 1);
    }
    errno = kept;
}

void log_jumps(struct jumps *jumps, uint32_t every_ms) {
    struct jump jump = jumps_look(jumps, clock_boot_ms(), clock_wall_ms(), every_ms);
    if (jump.paused_ms > 0) {
        log_event(LOG_WARNING, "process.paused", "for_ms=%" PRIu64, jump.paused_ms);
    }
    if (jump.stepped_ms != 0) {
        log_event(LOG_WARNING, "clock.stepped", "by_ms=%" PRId64, jump.stepped_ms);
    }
}
