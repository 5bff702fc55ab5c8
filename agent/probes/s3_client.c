#include "agent/probes/s3_client.h"

#include <stdlib.h>
#include <string.h>

#include "agent/probes/reading.h"

/* 3 to 63 of a-z 0-9 . and -: nothing of it needs encoding. */
static bool bucket_fits(const char *bucket) {
    size_t n = strlen(bucket);
    return n >= 3 && n <= 63 && strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789.-") == n;
}

enum err s3_arguments_accept(const struct arguments *arguments, bool peer, struct text256 *reterr) {
    const char *name = peer ? "peer_bucket" : "bucket";
    const char *bucket = arguments_get(arguments, name);
    if (bucket != NULL && !bucket_fits(bucket)) {
        text_say(reterr, "argument %s: expected 3 to 63 of a-z 0-9 . -", name);
        return ERR_CONFIG;
    }
    if (!peer && (arguments_get(arguments, "user") == NULL ||
                  arguments_get(arguments, "password_ref") == NULL)) {
        text_say(reterr, "expected user (the access key) and password_ref (its secret)");
        return ERR_CONFIG;
    }
    if (peer && (arguments_get(arguments, "peer_user") == NULL) !=
                    (arguments_get(arguments, "peer_password_ref") == NULL)) {
        text_say(reterr, "expected peer_user and peer_password_ref, both or none");
        return ERR_CONFIG;
    }
    return ERR_OK;
}

static enum err name_copy(const struct arguments *from, const char *peer_name, const char *name,
                          struct arguments *to) {
    const char *value = arguments_get(from, peer_name);
    return value != NULL ? arguments_set(to, name, value) : ERR_OK;
}

enum err s3_place_open(const struct probe_input *input, bool peer, struct s3_place *ret_place,
                       struct text256 *reterr) {
    static const char *const names[][2] = {
        {"peer_url", "url"},       {"peer_user", "user"}, {"peer_password_ref", "password_ref"},
        {"peer_bucket", "bucket"}, {"peer_ca", "ca"},     {"peer_region", "region"},
        {"peer_prefix", "prefix"}};
    *ret_place = (struct s3_place){.input = *input, .arguments = *input->arguments};
    ret_place->input.arguments = &ret_place->arguments;
    for (size_t i = 0; peer && i < sizeof names / sizeof names[0]; i++) {
        enum err err = name_copy(input->arguments, names[i][0], names[i][1], &ret_place->arguments);
        if (err != ERR_OK) {
            text_say(reterr, "too many arguments");
            return err;
        }
    }
    ret_place->bucket = arguments_get(&ret_place->arguments, "bucket");
    ret_place->region = parameter_text(&ret_place->arguments, "region", "us-east-1");
    ret_place->prefix = parameter_text(&ret_place->arguments, "prefix", "");
    if (ret_place->bucket == NULL || !bucket_fits(ret_place->bucket)) {
        text_say(reterr, "no bucket");
        return ERR_CONFIG;
    }
    return ERR_OK;
}

/* Encoded but for its slashes. */
static bool key_append(char *path, size_t path_size, const char *key) {
    char one[2] = "";
    for (const char *at = key; *at != '\0'; at++) {
        one[0] = *at;
        if (!(*at == '/' ? text_append(path, path_size, one)
                         : service_append_encoded(path, path_size, one))) {
            return false;
        }
    }
    return true;
}

static bool path_make(const struct s3_place *place, const struct s3_request *request,
                      char *ret_path, size_t path_size) {
    if (!text_format(ret_path, path_size, "/%s/", place->bucket) ||
        (request->key != NULL && !key_append(ret_path, path_size, request->key))) {
        return false;
    }
    return request->query == NULL || (text_append(ret_path, path_size, "?") &&
                                      text_append(ret_path, path_size, request->query));
}

bool s3_ask(const struct s3_place *place, const struct s3_request *request, char *ret_body,
            size_t body_size, struct http_sync_answer *ret_answer, struct reading *ret_reading) {
    char path[WEB_URL_SIZE], code[48];
    if (!path_make(place, request, path, sizeof path)) {
        *ret_reading = reading_failed(ERR_TOO_BIG, "a key is too long for a URL");
        return false;
    }
    struct service_request web = {
        .method = request->method,
        .path = path,
        .body = request->body,
        .body_size = request->body_size,
        .sign_region = place->region,
        .sign_service = "s3",
        .header_name = request->header_name,
        .header = request->header,
        .header_size = request->header_size,
    };
    if (web_ask(&place->input, &web, ret_body, body_size, ret_answer, ret_reading)) {
        return true;
    }
    if (ret_reading->err == ERR_AUTH && ret_body != NULL) {
        s3_error_code(ret_body, code, sizeof code);
        if (code[0] != '\0') {
            *ret_reading = reading_failed(ERR_AUTH, "%s", code);
        }
    }
    return false;
}

enum err s3_walk_open(struct s3_walk *walk, const struct s3_place *place, unsigned pages) {
    *walk = (struct s3_walk){.place = place, .pages_left = pages, .more = true};
    walk->objects = malloc(S3_PAGE * sizeof walk->objects[0]);
    walk->body = malloc(S3_PAGE_SIZE);
    return walk->objects != NULL && walk->body != NULL ? ERR_OK : ERR_NO_MEMORY;
}

void s3_walk_close(struct s3_walk *walk) {
    free(walk->objects);
    free(walk->body);
}

/* Sorted, as a signature wants it. start-after instead of the server's token: a key's length is
 * known. */
static bool query_make(const struct s3_walk *walk, char *ret_query, size_t query_size) {
    bool done =
        text_format(ret_query, query_size, "encoding-type=url&list-type=2&max-keys=%d", S3_PAGE);
    if (walk->place->prefix[0] != '\0') {
        done = done && text_append(ret_query, query_size, "&prefix=") &&
               service_append_encoded(ret_query, query_size, walk->place->prefix);
    }
    if (walk->after[0] != '\0') {
        done = done && text_append(ret_query, query_size, "&start-after=") &&
               service_append_encoded(ret_query, query_size, walk->after);
    }
    return done;
}

static bool page_get(struct s3_walk *walk, struct reading *ret_reading) {
    char query[WEB_URL_SIZE - 128], code[48];
    struct http_sync_answer answer;
    struct s3_request request = {.query = query};
    if (!query_make(walk, query, sizeof query)) {
        *ret_reading = reading_failed(ERR_TOO_BIG, "a key is too long for a URL");
        return false;
    }
    if (!s3_ask(walk->place, &request, walk->body, S3_PAGE_SIZE, &answer, ret_reading)) {
        return false;
    }
    if (answer.status != 200) {
        s3_error_code(walk->body, code, sizeof code);
        *ret_reading =
            answer.status == 404
                ? reading_judged(false, "bucket %.40s: %s", walk->place->bucket,
                                 code[0] != '\0' ? code : "not there")
                : reading_failed(ERR_FAILED, "listing: status %ld %s", answer.status, code);
        return false;
    }
    enum err err = s3_list_parse(walk->body, walk->objects, S3_PAGE, &walk->objects_n, &walk->more);
    if (err != ERR_OK) {
        *ret_reading = err == ERR_TOO_BIG
                           ? reading_failed(err, "a key longer than %d bytes", S3_KEY_SIZE - 1)
                           : reading_failed(err, "not a bucket's listing");
        return false;
    }
    walk->at = 0;
    walk->pages_left--;
    return true;
}

bool s3_walk_next(struct s3_walk *walk, const struct s3_object **ret_object,
                  struct reading *ret_reading) {
    *ret_object = NULL;
    if (walk->at == walk->objects_n) {
        if (!walk->more || walk->pages_left == 0) {
            return true;
        }
        if (!page_get(walk, ret_reading)) {
            return false;
        }
    }
    if (walk->at < walk->objects_n) {
        *ret_object = &walk->objects[walk->at++];
        /* Keys come in order; one that does not would let the walk go round for ever. */
        if (strcmp((*ret_object)->key, walk->after) <= 0 && walk->after[0] != '\0') {
            *ret_reading = reading_failed(ERR_FORMAT, "the listing is not in order");
            return false;
        }
        (void)text_copy(walk->after, sizeof walk->after, (*ret_object)->key);
    }
    return true;
}
