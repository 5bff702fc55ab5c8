#include "agent/probes/parse_s3.h"

#include <jansson.h>
#include <string.h>

#include "agent/probes/calendar.h"
#include "agent/probes/parse.h"
#include "common/base/text.h"
#include "common/io/flat_xml.h"

#define STATUS_SIZE 16

static int hex_of(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* In place: %2F and, as a form would have it, + for a space. False: an escape is broken. */
static bool percent_decode(char *text) {
    char *to = text;
    for (const char *from = text; *from != '\0'; from++, to++) {
        if (*from != '%') {
            *to = *from == '+' ? ' ' : *from;
            continue;
        }
        int high = hex_of(from[1]), low = high >= 0 ? hex_of(from[2]) : -1;
        if (low < 0 || (high == 0 && low == 0)) {
            return false;
        }
        *to = (char)(high * 16 + low);
        from += 2;
    }
    *to = '\0';
    return true;
}

static void quotes_strip(char *text) {
    size_t n = strlen(text);
    if (n >= 2 && text[0] == '"' && text[n - 1] == '"') {
        memmove(text, text + 1, n - 2);
        text[n - 2] = '\0';
    }
}

static enum err object_parse(struct piece in, struct s3_object *ret_object) {
    char modified[40] = "", bytes[24] = "";
    struct piece text;
    *ret_object = (struct s3_object){0};
    if (!flat_xml_element(in, "Key", &text)) {
        return ERR_FORMAT;
    }
    /* Encoded it may take three times the room, within which it is decoded. */
    char key[3 * S3_KEY_SIZE];
    if (!flat_xml_value(text, key, sizeof key)) {
        return ERR_TOO_BIG;
    }
    if (!percent_decode(key)) {
        return ERR_FORMAT;
    }
    if (!text_copy(ret_object->key, sizeof ret_object->key, key)) {
        return ERR_TOO_BIG;
    }
    if (!flat_xml_element(in, "LastModified", &text) ||
        !flat_xml_value(text, modified, sizeof modified) ||
        !calendar_parse_iso(modified, &ret_object->modified_wall_ms) ||
        !flat_xml_element(in, "Size", &text) || !flat_xml_value(text, bytes, sizeof bytes) ||
        !text_to_u64(bytes, INT64_MAX, &ret_object->bytes)) {
        return ERR_FORMAT;
    }
    if (flat_xml_element(in, "ETag", &text) &&
        !flat_xml_value(text, ret_object->etag, sizeof ret_object->etag)) {
        ret_object->etag[0] = '\0'; /* not one that we could compare */
    }
    quotes_strip(ret_object->etag);
    if (flat_xml_element(in, "StorageClass", &text) &&
        !flat_xml_value(text, ret_object->storage_class, sizeof ret_object->storage_class)) {
        return ERR_FORMAT;
    }
    return ERR_OK;
}

enum err s3_list_parse(const char *xml, struct s3_object *ret_objects, size_t objects_max,
                       size_t *ret_objects_n, bool *ret_more) {
    static const char open[] = "<Contents>";
    struct piece all = {xml, strlen(xml)}, text, one;
    size_t objects_n = 0;
    if (piece_find(all, "<ListBucketResult") == NULL ||
        piece_find(all, "</ListBucketResult>") == NULL ||
        !flat_xml_element(all, "IsTruncated", &text) ||
        (!piece_equal(text, "true") && !piece_equal(text, "false"))) {
        return ERR_FORMAT;
    }
    bool more = piece_equal(text, "true");
    struct piece rest = all;
    while (piece_find(rest, open) != NULL) {
        if (!flat_xml_next(&rest, "Contents", &one)) {
            return ERR_FORMAT;
        }
        if (objects_n == objects_max) {
            return ERR_TOO_BIG;
        }
        enum err err = object_parse(one, &ret_objects[objects_n]);
        if (err != ERR_OK) {
            return err;
        }
        objects_n++;
    }
    if (more && objects_n == 0) {
        return ERR_FORMAT; /* it would never end */
    }
    *ret_objects_n = objects_n;
    *ret_more = more;
    return ERR_OK;
}

enum err s3_versioning_parse(const char *xml, enum s3_versioning *ret_versioning) {
    struct piece all = {xml, strlen(xml)}, text;
    if (piece_find(all, "<VersioningConfiguration") == NULL) {
        return ERR_FORMAT;
    }
    if (!flat_xml_element(all, "Status", &text)) {
        *ret_versioning = S3_VERSIONING_NEVER;
    } else if (piece_equal(text, "Enabled")) {
        *ret_versioning = S3_VERSIONING_ENABLED;
    } else if (piece_equal(text, "Suspended")) {
        *ret_versioning = S3_VERSIONING_SUSPENDED;
    } else {
        return ERR_FORMAT;
    }
    return ERR_OK;
}

enum err s3_versions_parse(const char *xml, const char *key, unsigned skip,
                           struct s3_versions *ret_versions) {
    static const char open[] = "<Version>";
    struct piece all = {xml, strlen(xml)}, text, one;
    struct s3_versions versions = {0};
    char name[S3_KEY_SIZE];
    unsigned passed = 0;
    if (piece_find(all, "<ListVersionsResult") == NULL ||
        piece_find(all, "</ListVersionsResult>") == NULL) {
        return ERR_FORMAT;
    }
    struct piece rest = all;
    for (const char *at = piece_find(rest, open); at != NULL; at = piece_find(rest, open)) {
        rest = (struct piece){at, all.n - (size_t)(at - xml)};
        if (!flat_xml_element(rest, "Version", &one) || !flat_xml_element(one, "Key", &text)) {
            return ERR_FORMAT;
        }
        rest = (struct piece){one.at, all.n - (size_t)(one.at - xml)};
        if (!flat_xml_value(text, name, sizeof name) || !text_equal(name, key)) {
            continue;
        }
        if (!flat_xml_element(one, "IsLatest", &text)) {
            return ERR_FORMAT;
        }
        versions.n++;
        if (piece_equal(text, "true") || passed++ < skip ||
            versions.old_n == S3_VERSIONS_TAKEN_MAX) {
            continue;
        }
        char *id = versions.old[versions.old_n];
        if (!flat_xml_element(one, "VersionId", &text) ||
            !flat_xml_value(text, id, sizeof versions.old[0]) || id[0] == '\0') {
            return ERR_FORMAT;
        }
        versions.old_n++;
    }
    *ret_versions = versions;
    return ERR_OK;
}

/* ---- replication's rules: here the elements nest, and names come again further inside ---- */

/* "arn:minio:replication::ID:bucket", "arn:aws:s3:::bucket". */
static bool arn_is_of(struct piece arn, const char *bucket) {
    const char *colon = memrchr(arn.at, ':', arn.n);
    if (colon == NULL) {
        return false;
    }
    struct piece name = {colon + 1, arn.n - (size_t)(colon + 1 - arn.at)};
    return piece_equal(name, bucket);
}

enum err s3_rules_parse(const char *xml, const char *bucket, struct s3_rules *ret_rules) {
    static const char open[] = "<Rule>";
    struct piece all = {xml, strlen(xml)}, rule, status, destination, arn;
    struct s3_rules rules = {0};
    if (piece_find(all, "<ReplicationConfiguration") == NULL ||
        piece_find(all, "</ReplicationConfiguration>") == NULL) {
        return ERR_FORMAT;
    }
    struct piece rest = all;
    while (piece_find(rest, open) != NULL) {
        if (!flat_xml_next(&rest, "Rule", &rule) || !flat_xml_child(rule, "Status", &status) ||
            !flat_xml_child(rule, "Destination", &destination) ||
            !flat_xml_child(destination, "Bucket", &arn)) {
            return ERR_FORMAT;
        }
        if (piece_equal(status, "Enabled")) {
            rules.n++;
            rules.here_n += arn_is_of(arn, bucket) ? 1 : 0;
        } else if (!piece_equal(status, "Disabled")) {
            return ERR_FORMAT;
        }
    }
    *ret_rules = rules;
    return ERR_OK;
}

void s3_error_code(const char *xml, char *ret_code, size_t code_size) {
    struct piece all = {xml, strlen(xml)}, text;
    ret_code[0] = '\0';
    if (!flat_xml_element(all, "Code", &text) || !flat_xml_value(text, ret_code, code_size)) {
        ret_code[0] = '\0';
        return;
    }
    for (const char *at = ret_code; *at != '\0'; at++) {
        bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z');
        if (!letter && !(*at >= '0' && *at <= '9')) {
            ret_code[0] = '\0';
            return;
        }
    }
}

/* ---- the canary ---- */

#define CANARY_WORDS "drover canary "

bool s3_canary_format(int64_t number, int64_t wall_ms, char *ret_body, size_t body_size) {
    return text_format(ret_body, body_size, CANARY_WORDS "%lld %lld\n", (long long)number,
                       (long long)wall_ms);
}

enum err s3_canary_parse(const char *body, int64_t *ret_number, int64_t *ret_wall_ms) {
    char text[64];
    uint64_t number = 0, wall_ms = 0;
    size_t n = strcspn(body, "\n");
    if (!text_starts(body, CANARY_WORDS) || n >= sizeof text) {
        return ERR_FORMAT;
    }
    (void)text_format(text, sizeof text, "%.*s", (int)n, body);
    char *first = text + strlen(CANARY_WORDS), *space = strchr(first, ' ');
    if (space == NULL) {
        return ERR_FORMAT;
    }
    *space = '\0';
    if (!text_to_u64(first, S3_FIGURE_MAX, &number) ||
        !text_to_u64(space + 1, S3_FIGURE_MAX, &wall_ms)) {
        return ERR_FORMAT;
    }
    *ret_number = (int64_t)number;
    *ret_wall_ms = (int64_t)wall_ms;
    return ERR_OK;
}

/* ---- MinIO's page of metrics on its servers ---- */

/* 0 where the page has no such figure. False: it has one that is not a whole number. */
static bool count_find(const char *page, const char *name, int64_t *ret_count) {
    size_t name_n = strlen(name);
    char text[24];
    uint64_t count = 0;
    *ret_count = 0;
    for (const char *line = page; *line != '\0';) {
        size_t n = strcspn(line, "\n");
        if (n > name_n && text_starts(line, name) && line[name_n] == ' ') {
            if (!text_format(text, sizeof text, "%.*s", (int)(n - name_n - 1), line + name_n + 1) ||
                !text_to_u64(text, S3_FIGURE_MAX, &count)) {
                return false;
            }
            *ret_count = (int64_t)count;
            return true;
        }
        line += n + (line[n] == '\n' ? 1 : 0);
    }
    return true;
}

enum err s3_servers_parse(const char *page, struct s3_servers *ret_servers) {
    struct s3_servers servers;
    if (!count_find(page, "minio_cluster_health_nodes_online_count", &servers.online_n) ||
        !count_find(page, "minio_cluster_health_nodes_offline_count", &servers.offline_n) ||
        !count_find(page, "minio_cluster_health_drives_offline_count", &servers.drives_offline_n) ||
        servers.online_n == 0) {
        return ERR_FORMAT;
    }
    *ret_servers = servers;
    return ERR_OK;
}

/* MinIO writes large figures as 9.7793294336e+10. False: not there, or no number of bytes. */
static bool bytes_find(const char *page, const char *name, int64_t *ret_bytes) {
    size_t name_n = strlen(name);
    char text[32];
    double bytes = 0;
    for (const char *line = page; *line != '\0';) {
        size_t n = strcspn(line, "\n");
        if (n > name_n && text_starts(line, name) && line[name_n] == ' ') {
            bool fits =
                text_format(text, sizeof text, "%.*s", (int)(n - name_n - 1), line + name_n + 1) &&
                decimal_parse(text, &bytes) && bytes >= 0 && bytes < 9.2e18;
            *ret_bytes = fits ? (int64_t)bytes : 0;
            return fits;
        }
        line += n + (line[n] == '\n' ? 1 : 0);
    }
    return false;
}

enum err s3_capacity_parse(const char *page, struct s3_capacity *ret_capacity) {
    struct s3_capacity capacity;
    if (!bytes_find(page, "minio_cluster_health_capacity_usable_total_bytes",
                    &capacity.size_bytes) ||
        !bytes_find(page, "minio_cluster_health_capacity_usable_free_bytes",
                    &capacity.free_bytes) ||
        capacity.size_bytes == 0 || capacity.free_bytes > capacity.size_bytes) {
        return ERR_FORMAT;
    }
    *ret_capacity = capacity;
    return ERR_OK;
}

/* ---- MinIO's replication metrics ---- */

/* A whole number that is not below 0, as MinIO's are; a fraction (averages) is cut off. */
static bool figure_take(const json_t *object, const char *key, int64_t *ret_figure) {
    const json_t *value = json_object_get(object, key);
    double figure = json_is_number(value) ? json_number_value(value) : -1;
    if (!(figure >= 0 && figure <= (double)S3_FIGURE_MAX)) {
        return false;
    }
    *ret_figure = (int64_t)figure;
    return true;
}

static bool failed_take(const json_t *failed, struct s3_replication *view) {
    return figure_take(json_object_get(failed, "lastMinute"), "count", &view->failed_minute_n) &&
           figure_take(json_object_get(failed, "totals"), "count", &view->failed_n);
}

enum err s3_replication_parse(const char *json, size_t json_size, struct s3_replication *ret_view) {
    json_error_t why;
    struct s3_replication view = {0};
    json_t *root = json_loadb(json, json_size, JSON_REJECT_DUPLICATES, &why);
    const json_t *stats = json_object_get(root, "currStats");
    const json_t *now = json_object_get(json_object_get(stats, "queued"), "curr");
    bool complete = json_is_object(root) && json_is_object(stats) &&
                    figure_take(now, "count", &view.queued_n) &&
                    figure_take(now, "bytes", &view.queued_bytes) &&
                    figure_take(stats, "replicationCount", &view.replicated_n) &&
                    failed_take(json_object_get(stats, "failed"), &view);
    view.targets_n = (unsigned)json_object_size(json_object_get(stats, "Stats"));
    json_decref(root);
    if (!complete) {
        return ERR_FORMAT;
    }
    *ret_view = view;
    return ERR_OK;
}
