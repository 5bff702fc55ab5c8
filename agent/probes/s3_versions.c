/* The canary in a bucket that keeps versions: each write leaves one, and servers keep a key's
 * versions together, so that a key of many thousands gets slow. The writing side deletes old ones
 * itself; where it may not, and no rule of the bucket does, people are told. */
#include <stdlib.h>

#include "agent/probes/reading.h"
#include "agent/probes/s3_client.h"

#define VERSIONS_MAX 100
/* The newest ones stay: a replication may still be at them. */
#define VERSIONS_LEFT 8

/* False: why is in ret_reading. */
static bool versions_ask(const struct s3_place *place, const char *key, unsigned most,
                         struct s3_versions *ret_versions, struct reading *ret_reading) {
    char query[WEB_URL_SIZE / 4];
    struct http_sync_answer answer;
    struct s3_request request = {.query = query};
    /* Sorted, as a signature wants it. */
    if (!text_format(query, sizeof query, "max-keys=%u&prefix=", most + 1) ||
        !service_append_encoded(query, sizeof query, key) ||
        !text_append(query, sizeof query, "&versions=")) {
        *ret_reading = reading_failed(ERR_TOO_BIG, "a key is too long for a URL");
        return false;
    }
    char *body = malloc(S3_PAGE_SIZE);
    if (body == NULL) {
        *ret_reading = reading_failed(ERR_NO_MEMORY, "out of memory");
        return false;
    }
    bool asked = s3_ask(place, &request, body, S3_PAGE_SIZE, &answer, ret_reading);
    bool there = asked && answer.status == 200 &&
                 s3_versions_parse(body, key, VERSIONS_LEFT, ret_versions) == ERR_OK;
    if (asked && !there) {
        *ret_reading = reading_failed(ERR_FORMAT, "status %ld", answer.status);
    }
    free(body);
    return there;
}

/* How many are gone; why another one is not is in ret_reading. */
static unsigned versions_clean(const struct s3_place *place, const char *key,
                               const struct s3_versions *versions, struct reading *ret_reading) {
    unsigned gone_n = 0;
    /* From the oldest in sight: an answer that is late costs none that is newer. */
    for (unsigned i = versions->old_n; i > 0; i--) {
        char query[S3_VERSION_ID_SIZE * 3 + 16] = "versionId=", body[1024], code[48];
        struct http_sync_answer answer;
        struct s3_request request = {.method = "DELETE", .key = key, .query = query};
        if (!service_append_encoded(query, sizeof query, versions->old[i - 1]) ||
            !s3_ask(place, &request, body, sizeof body, &answer, ret_reading)) {
            break;
        }
        if (answer.status != 204 && answer.status != 200) {
            s3_error_code(body, code, sizeof code);
            *ret_reading = reading_failed(ERR_FAILED, "status %ld %s", answer.status, code);
            break;
        }
        gone_n++;
    }
    return gone_n;
}

void s3_versions_watch(const struct s3_place *place, const char *key, bool clean,
                       struct reading *reading) {
    unsigned most = (unsigned)parameter_number(&place->arguments, "max_versions", VERSIONS_MAX);
    struct s3_versions versions = {0};
    struct reading why = {.err = ERR_OK};
    char said[sizeof reading->detail];
    (void)text_copy(said, sizeof said, reading->detail);
    if (!versions_ask(place, key, most, &versions, &why)) {
        (void)text_format(reading->detail, sizeof reading->detail,
                          "%.40s; its versions are not told: %.24s", said, why.detail);
        reading_warn(reading);
        return;
    }
    unsigned gone_n = clean ? versions_clean(place, key, &versions, &why) : 0;
    if (versions.n > most && gone_n == 0) {
        (void)text_format(reading->detail, sizeof reading->detail,
                          "%.40s; more than %u versions stay%s%.24s", said, most,
                          why.detail[0] != '\0' ? ": " : "", why.detail);
        reading_warn(reading);
    }
}
