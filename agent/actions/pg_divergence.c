/* pg_divergence: see pg_divergence.h. */
#include "agent/actions/pg_divergence.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define STATS_SIZE 32768

enum err pg_history_read(struct pg_group *group, uint8_t index, uint64_t deadline_boot_ms,
                         struct pg_history *ret_history, struct text256 *reterr) {
    static const char sql[] = "SELECT " PG_HISTORY_TIMELINE_SQL;
    struct pg_answer answer;
    char path[PG_HISTORY_PATH_SIZE];
    char text[4096];
    uint64_t timeline = 0;
    enum err err = pg_seat_ask(group, index, sql, NULL, 0, deadline_boot_ms, &answer, reterr);
    if (err != ERR_OK) {
        return err;
    }
    if (!text_to_u64(answer.value[0], UINT32_MAX, &timeline) || timeline == 0) {
        text_say(reterr, "the server does not tell its timeline");
        return ERR_FORMAT;
    }
    pg_history_path((uint32_t)timeline, path);
    err = pg_file_read(group, index, path, deadline_boot_ms, text, sizeof text, reterr);
    if (err != ERR_OK) {
        return err == ERR_FAILED ? ERR_DENIED : err;
    }
    if (text[0] == '\0' && timeline > 1) {
        text_say(reterr, "the server has no %s", path);
        return ERR_NOT_FOUND;
    }
    if (!pg_history_parse(text, (uint32_t)timeline, ret_history)) {
        text_say(reterr, "%s is malformed", path);
        return ERR_FORMAT;
    }
    return ERR_OK;
}

/* The count in a line "Heap/INSERT      100 ( 45.05) ...". */
static uint64_t record_count(const char *text, const char *label) {
    size_t n = strlen(label);
    uint64_t count = 0;
    for (const char *line = text; *line != '\0';) {
        if (strncmp(line, label, n) == 0 && (line[n] == ' ' || line[n] == '\t')) {
            const char *at = line + n + strspn(line + n, " \t");
            char digits[24];
            size_t digits_n = strspn(at, "0123456789");
            uint64_t value = 0;
            if (digits_n > 0 && digits_n < sizeof digits) {
                memcpy(digits, at, digits_n);
                digits[digits_n] = '\0';
                count += text_to_u64(digits, UINT64_MAX, &value) ? value : 0;
            }
        }
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    return count;
}

bool pg_divergence_parse(const char *text, struct pg_divergence *ret_divergence,
                         uint64_t *ret_end_lsn) {
    static const char head[] = "WAL statistics between ";
    struct pg_divergence divergence = {.known = true};
    char word[LSN_TEXT_SIZE + 4];
    const char *at = strstr(text, head);
    const char *and = at != NULL ? strstr(at, " and ") : NULL;
    size_t n = and != NULL ? strcspn(and+5, ": \n") : 0;
    if (n == 0 || n >= sizeof word) {
        return false;
    }
    memcpy(word, and+5, n);
    word[n] = '\0';
    if (!arg_lsn_parse(word, ret_end_lsn)) {
        return false;
    }
    divergence.inserts_n =
        record_count(text, "Heap/INSERT") + record_count(text, "Heap/INSERT+INIT") +
        record_count(text, "Heap2/MULTI_INSERT") + record_count(text, "Heap2/MULTI_INSERT+INIT");
    divergence.updates_n =
        record_count(text, "Heap/UPDATE") + record_count(text, "Heap/UPDATE+INIT") +
        record_count(text, "Heap/HOT_UPDATE") + record_count(text, "Heap/HOT_UPDATE+INIT");
    divergence.deletes_n = record_count(text, "Heap/DELETE");
    divergence.commits_n = record_count(text, "Transaction/COMMIT");
    *ret_divergence = divergence;
    return true;
}

/* Kept for people: a failure to keep it never stops the return. */
static void inventory_keep(const struct action_input *input, uint32_t timeline, const char *text) {
    char path[SECRET_PATH_SIZE + 64];
    if (input->state_directory == NULL ||
        !text_format(path, sizeof path, "%s/divergence-%" PRIu64 "-%" PRIu32 ".txt",
                     input->state_directory, input->epoch, timeline)) {
        return;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return;
    }
    size_t size = strlen(text);
    for (size_t written = 0; written < size;) {
        ssize_t n = write(fd, text + written, size - written);
        if (n <= 0) {
            break;
        }
        written += (size_t)n;
    }
    (void)fsync(fd);
    (void)close(fd);
}

/* pg_waldump ends with an error where the WAL ends: that is where it always ends. */
static enum err wal_dump(const struct pg_local *local, uint32_t timeline, uint64_t from_lsn,
                         uint64_t deadline_boot_ms, char *text, size_t text_size,
                         struct text256 *reterr) {
    char from[LSN_TEXT_SIZE], number[16], directory[VALUE_SIZE + 16];
    lsn_text(from_lsn, from);
    (void)text_format(number, sizeof number, "%" PRIu32, timeline);
    (void)text_format(directory, sizeof directory, "%s/pg_wal", local->data_directory);
    const char *const arguments[] = {"--stats=record", "-p", directory, "-t",
                                     number,           "-s", from,      NULL};
    enum err err =
        pg_local_run(local, "pg_waldump", arguments, deadline_boot_ms, text, text_size, reterr);
    return err == ERR_FAILED && strstr(text, "WAL statistics") != NULL ? ERR_OK : err;
}

enum err pg_divergence_take(const struct action_input *input, const struct pg_local *local,
                            struct pg_group *peer, uint8_t peer_index,
                            struct pg_divergence *ret_divergence, struct text256 *reterr) {
    struct pg_control control;
    struct pg_history theirs, mine;
    char text[STATS_SIZE];
    char path[VALUE_SIZE + PG_HISTORY_PATH_SIZE];
    uint64_t end_lsn = 0, fork_lsn = 0;
    uint64_t until_boot_ms = act_within(15000, input->deadline_boot_ms);
    enum err err = pg_control_read(local, until_boot_ms, &control, reterr);
    if (err == ERR_OK) {
        err = pg_history_read(peer, peer_index, until_boot_ms, &theirs, reterr);
    }
    if (err != ERR_OK) {
        return err;
    }
    /* Our own history file, read as a file: the server is down. */
    char relative[PG_HISTORY_PATH_SIZE];
    pg_history_path(control.timeline, relative);
    (void)text_format(path, sizeof path, "%s/%s", local->data_directory, relative);
    text[0] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n = fd >= 0 ? read(fd, text, 4095) : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    text[n > 0 ? n : 0] = '\0';
    if (!pg_history_parse(text, control.timeline, &mine)) {
        text_say(reterr, "%s is malformed", path);
        return ERR_FORMAT;
    }
    enum pg_kinship kinship = pg_history_compare(&mine, UINT64_MAX, &theirs, &fork_lsn);
    if (kinship == PG_KIN_SAME || kinship == PG_KIN_BEHIND || fork_lsn == 0) {
        *ret_divergence = (struct pg_divergence){.known = true};
        return ERR_OK;
    }
    err = wal_dump(local, control.timeline, fork_lsn, until_boot_ms, text, sizeof text, reterr);
    if (err != ERR_OK) {
        return err;
    }
    struct pg_divergence divergence;
    if (!pg_divergence_parse(text, &divergence, &end_lsn)) {
        text_say(reterr, "pg_waldump gave no statistics");
        return ERR_FORMAT;
    }
    divergence.fork_lsn = fork_lsn;
    divergence.bytes = end_lsn > fork_lsn ? end_lsn - fork_lsn : 0;
    inventory_keep(input, control.timeline, text);
    *ret_divergence = divergence;
    return ERR_OK;
}
