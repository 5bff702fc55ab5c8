#include "agent/actions/s3_rules.h"

#include <string.h>

#include "common/base/text.h"
#include "common/io/flat_xml.h"

#define EPOCH_WORDS "drover epoch "

struct out {
    char *at;
    size_t size, n;
};

static bool out_add(struct out *out, const char *text, size_t n) {
    if (n >= out->size - out->n) {
        return false;
    }
    memcpy(out->at + out->n, text, n);
    out->n += n;
    out->at[out->n] = '\0';
    return true;
}

/* A rule without an ID is meant only where all are. */
static bool is_meant(struct piece rule, const char *wanted) {
    struct piece id;
    return wanted == NULL || (flat_xml_child(rule, "ID", &id) && piece_equal(id, wanted));
}

enum err s3_rules_turn(const char *xml, const char *rule, bool enabled, char *ret_xml,
                       size_t xml_size, struct s3_turn *ret_turn) {
    static const char open[] = "<Rule>";
    const char *wished = enabled ? "Enabled" : "Disabled";
    struct piece all = {xml, strlen(xml)}, one, status;
    struct out out = {.at = ret_xml, .size = xml_size};
    struct s3_turn turn = {0};
    const char *copied = xml;
    if (piece_find(all, "<ReplicationConfiguration") == NULL ||
        piece_find(all, "</ReplicationConfiguration>") == NULL) {
        return ERR_FORMAT;
    }
    struct piece rest = all;
    while (piece_find(rest, open) != NULL) {
        if (!flat_xml_next(&rest, "Rule", &one) || !flat_xml_child(one, "Status", &status) ||
            (!piece_equal(status, "Enabled") && !piece_equal(status, "Disabled"))) {
            return ERR_FORMAT;
        }
        if (!is_meant(one, rule)) {
            continue;
        }
        turn.rules_n++;
        turn.changed_n += piece_equal(status, wished) ? 0 : 1;
        if (!out_add(&out, copied, (size_t)(status.at - copied)) ||
            !out_add(&out, wished, strlen(wished))) {
            return ERR_TOO_BIG;
        }
        copied = status.at + status.n;
    }
    if (!out_add(&out, copied, strlen(copied))) {
        return ERR_TOO_BIG;
    }
    *ret_turn = turn;
    return ERR_OK;
}

bool s3_epoch_parse(const char *body, uint64_t *ret_epoch) {
    char number[24];
    return text_starts(body, EPOCH_WORDS) &&
           text_format(number, sizeof number, "%.*s",
                       (int)strcspn(body + strlen(EPOCH_WORDS), "\n"),
                       body + strlen(EPOCH_WORDS)) &&
           text_to_u64(number, INT64_MAX, ret_epoch);
}
