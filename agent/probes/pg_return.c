/* What a PostgreSQL server needs so that it can come back as a standby, or let another one follow
 * it: found before a failover, because afterwards only a new base backup helps (D13, D14). */
#include "agent/probes/kinds.h"
#include "agent/probes/parameter.h"
#include "agent/probes/pg_client.h"

#define MIB INT64_C(1048576)

enum err pg_return_look(struct pg_client *client, const struct arguments *arguments, char *note,
                        size_t note_size, struct text256 *reterr) {
    static const char sql[] =
        "SELECT current_setting('wal_log_hints')::bool OR current_setting('data_checksums')::bool,"
        " pg_size_bytes(current_setting('wal_keep_size')), EXISTS (SELECT FROM"
        " pg_replication_slots WHERE slot_name = $1 AND slot_type = 'physical' AND NOT temporary)";
    struct pg_rows rows;
    const char *slot = arguments_get(arguments, "slot");
    int64_t kept = 0, wanted = (int64_t)parameter_number(arguments, "min_wal_keep", 0);
    bool rewind = parameter_flag(arguments, "rewind", false);
    note[0] = '\0';
    if (slot == NULL && !rewind && wanted == 0) {
        return ERR_OK;
    }
    enum err err = pg_ask(client, sql, slot != NULL ? slot : "", &rows, reterr);
    if (err != ERR_OK) {
        return err;
    }
    if (rows.sqlstate[0] != '\0' || !pg_rows_number(&rows, 0, 1, &kept)) {
        (void)text_format(note, note_size, ", settings: %.30s", pg_state_text(rows.sqlstate));
    } else if (rewind && !pg_rows_true(&rows, 0, 0)) {
        (void)text_copy(note, note_size, ", no pg_rewind: wal_log_hints and checksums are off");
    } else if (slot != NULL && !pg_rows_true(&rows, 0, 2)) {
        (void)text_format(note, note_size, ", no slot %.31s", slot);
    } else if (kept < wanted) {
        (void)text_format(note, note_size, ", wal_keep_size %lld MiB, at least %lld MiB wanted",
                          (long long)(kept / MIB), (long long)(wanted / MIB));
    }
    return ERR_OK;
}
