/* The readers of what S3, MinIO and Git servers say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "agent/probes/git_commit.h"
#include "agent/probes/parse_git.h"
#include "agent/probes/parse_s3.h"
#include "common/base/text.h"

#define ONE(key)                                                                                   \
    "<Contents><Key>" key "</Key><LastModified>2026-01-05T00:00:00.123Z</LastModified>"            \
    "<ETag>&#34;abc-2&#34;</ETag><Size>7</Size><StorageClass>GLACIER</StorageClass></Contents>"
#define LIST(more, inside)                                                                         \
    "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"x\"><IsTruncated>" more                      \
    "</IsTruncated>" inside "</ListBucketResult>"

static void a_listing_is_read(void **state) {
    (void)state;
    struct s3_object objects[3];
    size_t n = 9;
    bool more = false;
    const char *xml = LIST("true", ONE("models%2Fa+b%26c.bin") ONE("z"));
    assert_int_equal(s3_list_parse(xml, objects, 3, &n, &more), ERR_OK);
    assert_int_equal(n, 2);
    assert_true(more);
    assert_string_equal(objects[0].key, "models/a b&c.bin");
    assert_string_equal(objects[0].etag, "abc-2");
    assert_string_equal(objects[0].storage_class, "GLACIER");
    assert_int_equal(objects[0].bytes, 7);
    assert_int_equal(objects[0].modified_wall_ms, UINT64_C(1767571200123));
    assert_int_equal(s3_list_parse(LIST("false", ""), objects, 3, &n, &more), ERR_OK);
    assert_int_equal(n, 0);
    assert_false(more);
}

static void what_is_no_listing_is_refused(void **state) {
    (void)state;
    struct s3_object objects[2];
    size_t n = 77;
    bool more = false;
    const struct {
        const char *xml;
        enum err err;
    } table[] = {
        {"", ERR_FORMAT},
        {"<html></html>", ERR_FORMAT},
        {LIST("maybe", ""), ERR_FORMAT},
        {LIST("true", ""), ERR_FORMAT}, /* a page of nothing, with more behind it: for ever */
        {LIST("false", "<Contents><Key>a</Key></Contents>"), ERR_FORMAT},
        {LIST("false", "<Contents><Key>a</Key>"), ERR_FORMAT},
        {LIST("false", ONE("%00")), ERR_FORMAT},
        {LIST("false", ONE("%zz")), ERR_FORMAT},
        {LIST("false", ONE("%4")), ERR_FORMAT},
        {LIST("false", ONE("a") ONE("b") ONE("c")), ERR_TOO_BIG},
        {"<ListBucketResult><IsTruncated>false</IsTruncated>" ONE("a"), ERR_FORMAT}, /* cut off */
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_int_equal(s3_list_parse(table[i].xml, objects, 2, &n, &more), table[i].err);
        assert_int_equal(n, 77);
    }
}

#define VERSION(key, id, latest)                                                                   \
    "<Version><Key>" key "</Key><VersionId>" id "</VersionId><IsLatest>" latest                    \
    "</IsLatest></Version>"
#define VERSIONS(rest) "<ListVersionsResult>" rest "</ListVersionsResult>"

static void old_versions_are_those_of_the_key_behind_the_newest(void **state) {
    (void)state;
    struct s3_versions versions = {.n = 77};
    const char *list =
        VERSIONS(VERSION("c/east", "v5", "true") VERSION("c/east", "v4", "false")
                     VERSION("c/east", "v3", "false") VERSION("c/east2", "w9", "false")
                         VERSION("c/east", "a&amp;b", "false"));
    assert_int_equal(s3_versions_parse(list, "c/east", 1, &versions), ERR_OK);
    assert_int_equal(versions.n, 4);
    assert_int_equal(versions.old_n, 2);
    assert_string_equal(versions.old[0], "v3");
    assert_string_equal(versions.old[1], "a&b");
    assert_int_equal(s3_versions_parse(list, "c/east", 9, &versions), ERR_OK);
    assert_int_equal(versions.old_n, 0);
    assert_int_equal(s3_versions_parse(VERSIONS(""), "c/east", 0, &versions), ERR_OK);
    assert_int_equal(versions.n, 0);
    const char *wrong[] = {"",
                           "<ListVersionsResult>",
                           "<ListBucketResult></ListBucketResult>",
                           VERSIONS("<Version></Version>"),
                           VERSIONS("<Version><Key>c/east</Key></Version>"),
                           VERSIONS("<Version><Key>c/east</Key>"),
                           VERSIONS(VERSION("c/east", "", "false"))};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(s3_versions_parse(wrong[i], "c/east", 0, &versions), ERR_FORMAT);
    }
}

static void no_more_old_versions_are_taken_than_there_is_room_for(void **state) {
    (void)state;
    char list[8192] = "<ListVersionsResult>";
    struct s3_versions versions = {0};
    for (unsigned i = 0; i < 40; i++) {
        char one[160];
        assert_true(text_format(one, sizeof one, VERSION("k", "v%u", "false"), i));
        assert_true(text_append(list, sizeof list, one));
    }
    assert_true(text_append(list, sizeof list, "</ListVersionsResult>"));
    assert_int_equal(s3_versions_parse(list, "k", 3, &versions), ERR_OK);
    assert_int_equal(versions.n, 40);
    assert_int_equal(versions.old_n, S3_VERSIONS_TAKEN_MAX);
    assert_string_equal(versions.old[S3_VERSIONS_TAKEN_MAX - 1], "v10");
}

static void versioning_is_one_of_three(void **state) {
    (void)state;
    enum s3_versioning versioning = S3_VERSIONING_NEVER;
#define CONFIGURATION(inside)                                                                      \
    "<VersioningConfiguration xmlns=\"x\">" inside "</VersioningConfiguration>"
    assert_int_equal(s3_versioning_parse(CONFIGURATION("<Status>Enabled</Status>"), &versioning),
                     ERR_OK);
    assert_int_equal(versioning, S3_VERSIONING_ENABLED);
    assert_int_equal(s3_versioning_parse(CONFIGURATION("<Status>Suspended</Status>"), &versioning),
                     ERR_OK);
    assert_int_equal(versioning, S3_VERSIONING_SUSPENDED);
    assert_int_equal(s3_versioning_parse(CONFIGURATION(""), &versioning), ERR_OK);
    assert_int_equal(versioning, S3_VERSIONING_NEVER);
    assert_int_equal(s3_versioning_parse(CONFIGURATION("<Status>On</Status>"), &versioning),
                     ERR_FORMAT);
    assert_int_equal(s3_versioning_parse("<ListBucketResult/>", &versioning), ERR_FORMAT);
}

static void an_error_code_is_a_word(void **state) {
    (void)state;
    char code[24];
    s3_error_code("<Error><Code>NoSuchBucket</Code></Error>", code, sizeof code);
    assert_string_equal(code, "NoSuchBucket");
    const char *const others[] = {"", "<Code></Code>", "<Code>a b</Code>", "<Code>a",
                                  "<Code>ThisOneIsMuchTooLongToBeACode</Code>"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        s3_error_code(others[i], code, sizeof code);
        assert_string_equal(code, "");
    }
}

static void a_canary_comes_back_as_it_went(void **state) {
    (void)state;
    char body[64];
    int64_t number = 0, wall_ms = 0;
    assert_true(s3_canary_format(7, INT64_C(1767571200123), body, sizeof body));
    assert_int_equal(s3_canary_parse(body, &number, &wall_ms), ERR_OK);
    assert_int_equal(number, 7);
    assert_int_equal(wall_ms, INT64_C(1767571200123));
    const char *const others[] = {"",
                                  "drover canary",
                                  "drover canary 7",
                                  "drover canary -7 1\n",
                                  "drover canary 7 x\n",
                                  "drover canary 99999999999999999999 1\n",
                                  "another 7 1\n"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(s3_canary_parse(others[i], &number, &wall_ms), ERR_FORMAT);
    }
}

static void replication_metrics_are_complete_or_refused(void **state) {
    (void)state;
    struct s3_replication view;
#define METRICS(queued)                                                                            \
    "{\"currStats\":{\"Stats\":{\"arn\":{}},\"failed\":{\"lastMinute\":{\"count\":1,\"bytes\":2}," \
    "\"totals\":{\"count\":3,\"bytes\":4}},\"replicationCount\":5,\"queued\":{\"curr\":" queued    \
    "}}}"
    const char *json = METRICS("{\"count\":6.5,\"bytes\":7}");
    assert_int_equal(s3_replication_parse(json, strlen(json), &view), ERR_OK);
    assert_int_equal(view.targets_n, 1);
    assert_int_equal(view.failed_minute_n, 1);
    assert_int_equal(view.failed_n, 3);
    assert_int_equal(view.replicated_n, 5);
    assert_int_equal(view.queued_n, 6);
    assert_int_equal(view.queued_bytes, 7);
    const char *const others[] = {"",
                                  "{}",
                                  "[]",
                                  METRICS("{}"),
                                  METRICS("null"),
                                  METRICS("{\"count\":-1,\"bytes\":0}"),
                                  METRICS("{\"count\":1e300,\"bytes\":0}")};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(s3_replication_parse(others[i], strlen(others[i]), &view), ERR_FORMAT);
    }
}

#define COMMIT_A "1111111111111111111111111111111111111111"
#define COMMIT_B "2222222222222222222222222222222222222222"
#define SERVICE "001e# service=git-upload-pack\n0000"

static void a_ref_is_found_at_its_commit(void **state) {
    (void)state;
    struct git_view view;
    static const char body[] = SERVICE "003c" COMMIT_A " HEAD\0multi_ack\n"
                                       "003d" COMMIT_B " refs/heads/main\n0000";
    size_t n = sizeof body - 1;
    assert_int_equal(git_refs_parse(body, n, "HEAD", &view), ERR_OK);
    assert_int_equal(view.refs_n, 2);
    assert_string_equal(view.commit, COMMIT_A);
    assert_int_equal(git_refs_parse(body, n, "refs/heads/main", &view), ERR_OK);
    assert_string_equal(view.commit, COMMIT_B);
    assert_int_equal(git_refs_parse(body, n, "refs/heads/mai", &view), ERR_OK);
    assert_string_equal(view.commit, "");
    /* Cut anywhere it is refused, never half believed. */
    for (size_t cut = 0; cut < n; cut++) {
        assert_int_equal(git_refs_parse(body, cut, "HEAD", &view), ERR_FORMAT);
    }
}

static void a_server_that_gives_one_commit_is_known_by_its_words(void **state) {
    (void)state;
    struct git_view view;
    static const char whole[] = SERVICE "0041" COMMIT_A " HEAD\0shallow filter\n0000";
    static const char other[] = SERVICE "0042" COMMIT_A " HEAD\0shallow filters\n0000";
    assert_int_equal(git_refs_parse(whole, sizeof whole - 1, "HEAD", &view), ERR_OK);
    assert_true(view.gives_one);
    assert_int_equal(git_refs_parse(other, sizeof other - 1, "HEAD", &view), ERR_OK);
    assert_false(view.gives_one);
}

/* An answer of git 2.39's upload-pack: a commit of 1577872800 by the committer's clock. */
static const uint8_t pack[] = {
    0x30, 0x30, 0x33, 0x34, 0x73, 0x68, 0x61, 0x6c, 0x6c, 0x6f, 0x77, 0x20, 0x36, 0x64, 0x33, 0x30,
    0x35, 0x36, 0x34, 0x31, 0x31, 0x64, 0x35, 0x35, 0x33, 0x35, 0x66, 0x35, 0x32, 0x39, 0x63, 0x33,
    0x65, 0x37, 0x33, 0x64, 0x31, 0x61, 0x39, 0x66, 0x66, 0x38, 0x61, 0x64, 0x38, 0x66, 0x64, 0x39,
    0x32, 0x30, 0x66, 0x65, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30, 0x30, 0x38, 0x4e, 0x41, 0x4b, 0x0a,
    0x50, 0x41, 0x43, 0x4b, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x01, 0x99, 0x0b, 0x78, 0x9c,
    0x6d, 0xca, 0xbb, 0x0e, 0xc2, 0x30, 0x0c, 0x40, 0xd1, 0x3d, 0x5f, 0xe1, 0x1d, 0x09, 0xe5, 0xe9,
    0x24, 0x12, 0x42, 0xfc, 0x8a, 0x9d, 0x38, 0x94, 0xa1, 0x2d, 0x6a, 0xdd, 0xff, 0xe7, 0xb5, 0x72,
    0x87, 0x3b, 0x1d, 0xdd, 0x44, 0x20, 0x72, 0xf1, 0xa9, 0x37, 0x8c, 0xbe, 0x31, 0x0a, 0x57, 0xb2,
    0x68, 0x25, 0x45, 0x1e, 0xa5, 0x63, 0xf5, 0xa5, 0x0c, 0x16, 0x89, 0xd5, 0x46, 0xf3, 0xa4, 0x4d,
    0x16, 0x05, 0xac, 0x8e, 0x89, 0x71, 0xe4, 0xe0, 0x5b, 0x0c, 0xc4, 0x14, 0xb2, 0xa3, 0x5e, 0x13,
    0xa3, 0xef, 0xc9, 0x5a, 0x1a, 0xdd, 0x4a, 0x40, 0x37, 0x0c, 0x1d, 0x3a, 0xad, 0x1b, 0x28, 0x5c,
    0xf4, 0xc6, 0x47, 0x3f, 0xab, 0xec, 0x7a, 0x05, 0xf7, 0x36, 0xbf, 0xe0, 0xf4, 0xb9, 0x69, 0xeb,
    0x3c, 0x3f, 0x54, 0xe5, 0x8f, 0xcc, 0xb9, 0x64, 0x5f, 0xbe, 0xd2, 0x05, 0x6b, 0x0c, 0x41, 0x9b,
    0x68, 0xb9, 0x8b, 0x79, 0x01, 0x9b, 0x64, 0x34, 0xd4, 0x95, 0x79, 0x52, 0x54, 0xc4, 0xad, 0x47,
    0xa4, 0x9d, 0xc6, 0xf7, 0x6e, 0x13, 0x71, 0x4b, 0xae, 0xda, 0x18, 0x5c, 0x65,
};

static void a_commit_tells_when_it_was_made(void **state) {
    (void)state;
    char ask[GIT_ASK_SIZE];
    uint64_t made_s = 0;
    assert_true(git_commit_ask(COMMIT_A, ask, sizeof ask));
    assert_string_equal(ask, "004fwant " COMMIT_A " filter ofs-delta no-progress\n"
                             "000cdeepen 10012filter tree:0\n00000009done\n");
    assert_int_equal(git_commit_parse(pack, sizeof pack, &made_s), ERR_OK);
    assert_int_equal(made_s, 1577872800);
    /* Cut or altered it is refused or says another time, and nothing is read beyond it. */
    for (size_t cut = 0; cut < sizeof pack; cut++) {
        uint8_t *part = malloc(cut + 1);
        assert_non_null(part);
        memcpy(part, pack, cut);
        enum err err = git_commit_parse(part, cut, &made_s);
        assert_true(err == ERR_FORMAT || (err == ERR_OK && made_s == 1577872800));
        free(part);
    }
    static const char refusal[] = "0018ERR upload-pack: no";
    assert_int_equal(git_commit_parse(refusal, sizeof refusal - 1, &made_s), ERR_FORMAT);
    uint8_t blob[sizeof pack];
    memcpy(blob, pack, sizeof pack);
    for (size_t i = 0; i + 12 < sizeof pack; i++) {
        if (memcmp(blob + i, "PACK", 4) == 0) {
            blob[i + 12] = (uint8_t)((blob[i + 12] & 0x8f) | 3 << 4);
        }
    }
    assert_int_equal(git_commit_parse(blob, sizeof blob, &made_s), ERR_FORMAT);
}

static void what_is_no_git_server_is_refused(void **state) {
    (void)state;
    struct git_view view;
    const char *const others[] = {"",
                                  "<html>",
                                  "0000",
                                  "zzzz",
                                  "001e# service=git-upload-pack\n",
                                  SERVICE "0004",
                                  SERVICE "ffff" COMMIT_A " HEAD\n",
                                  SERVICE "000ano name",
                                  SERVICE "0010short HEAD\n0000"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_int_equal(git_refs_parse(others[i], strlen(others[i]), "HEAD", &view), ERR_FORMAT);
    }
}

#define RULE(status, arn)                                                                          \
    "<Rule><DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication><ID>all"    \
    "</ID><Filter/><Status>" status "</Status><Destination><Bucket>" arn                           \
    "</Bucket></Destination></Rule>"
#define RULES(inside)                                                                              \
    "<ReplicationConfiguration xmlns=\"x\"><Role></Role>" inside "</ReplicationConfiguration>"

static void enabled_rules_of_replication_are_counted_by_their_bucket(void **state) {
    (void)state;
    static const struct {
        const char *xml;
        enum err err;
        unsigned n, here_n;
    } table[] = {
        {RULES(RULE("Enabled", "arn:minio:replication::1a:bud")), ERR_OK, 1, 1},
        {RULES(RULE("Enabled", "arn:aws:s3:::bud")), ERR_OK, 1, 1},
        {RULES(RULE("Disabled", "arn:minio:replication::1a:bud")), ERR_OK, 0, 0},
        {RULES(RULE("Enabled", "arn:minio:replication::1a:other")
                   RULE("Disabled", "arn:minio:replication::1a:bud")),
         ERR_OK, 1, 0},
        {RULES(RULE("Enabled", "arn:aws:s3:::a-bud") RULE("Enabled", "bud")), ERR_OK, 2, 0},
        {RULES(""), ERR_OK, 0, 0},
        {RULES(RULE("Perhaps", "arn:aws:s3:::bud")), ERR_FORMAT, 0, 0},
        {RULES("<Rule><Status>Enabled</Status></Rule>"), ERR_FORMAT, 0, 0},
        {RULES("<Rule><Inner><Status>Enabled</Status></Inner><Destination><Bucket>a:bud</Bucket>"
               "</Destination></Rule>"),
         ERR_FORMAT, 0, 0}, /* that is the status of something else */
        {RULES("<Rule></Status><Status>Enabled</Status></Rule>"), ERR_FORMAT, 0, 0},
        {RULES("<Rule><Status>Enabled"), ERR_FORMAT, 0, 0},
        {"<ReplicationConfiguration>" RULE("Enabled", "a:bud"), ERR_FORMAT, 0, 0}, /* cut off */
        {"<html></html>", ERR_FORMAT, 0, 0},
        {"", ERR_FORMAT, 0, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct s3_rules rules = {.n = 77};
        assert_int_equal(s3_rules_parse(table[i].xml, "bud", &rules), table[i].err);
        if (table[i].err == ERR_OK) {
            assert_int_equal(rules.n, table[i].n);
            assert_int_equal(rules.here_n, table[i].here_n);
        }
    }
}

#define ONLINE "minio_cluster_health_nodes_online_count "
#define OFFLINE "minio_cluster_health_nodes_offline_count "
#define DRIVES "minio_cluster_health_drives_offline_count "

static void servers_are_those_that_the_page_counts(void **state) {
    (void)state;
    static const struct {
        const char *page;
        enum err err;
        int64_t online_n, offline_n, drives_offline_n;
    } table[] = {
        {"# HELP " ONLINE "Count\n# TYPE " ONLINE "gauge\n" ONLINE "4\n", ERR_OK, 4, 0, 0},
        {DRIVES "2\n" OFFLINE "1\n" ONLINE "3", ERR_OK, 3, 1, 2},
        {OFFLINE "1\n", ERR_FORMAT, 0, 0, 0}, /* the one that answers is online */
        {ONLINE "0\n", ERR_FORMAT, 0, 0, 0},
        {ONLINE "-1\n", ERR_FORMAT, 0, 0, 0},
        {ONLINE "2.5\n", ERR_FORMAT, 0, 0, 0},
        {ONLINE "NaN\n", ERR_FORMAT, 0, 0, 0},
        {ONLINE "4\n" OFFLINE "99999999999999999999999999\n", ERR_FORMAT, 0, 0, 0},
        {ONLINE, ERR_FORMAT, 0, 0, 0},
        {"x_" ONLINE "4\n", ERR_FORMAT, 0, 0, 0},
        {"<html></html>", ERR_FORMAT, 0, 0, 0},
        {"", ERR_FORMAT, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct s3_servers servers = {.online_n = 77};
        assert_int_equal(s3_servers_parse(table[i].page, &servers), table[i].err);
        if (table[i].err == ERR_OK) {
            assert_int_equal(servers.online_n, table[i].online_n);
            assert_int_equal(servers.offline_n, table[i].offline_n);
            assert_int_equal(servers.drives_offline_n, table[i].drives_offline_n);
        }
    }
}

#define SIZE "minio_cluster_health_capacity_usable_total_bytes "
#define FREE "minio_cluster_health_capacity_usable_free_bytes "

static void capacity_is_what_the_page_says_is_usable(void **state) {
    (void)state;
    static const struct {
        const char *page;
        enum err err;
        int64_t size_bytes, free_bytes;
    } table[] = {
        {FREE "6.7979952128e+10\n# TYPE " SIZE "gauge\n" SIZE "9.7793294336e+10\n" ONLINE "1\n",
         ERR_OK, 97793294336, 67979952128},
        {SIZE "4096\n" FREE "0\n", ERR_OK, 4096, 0},
        {SIZE "4096\n", ERR_FORMAT, 0, 0},
        {FREE "4096\n", ERR_FORMAT, 0, 0},
        {SIZE "0\n" FREE "0\n", ERR_FORMAT, 0, 0},
        {SIZE "10\n" FREE "11\n", ERR_FORMAT, 0, 0},
        {SIZE "NaN\n" FREE "11\n", ERR_FORMAT, 0, 0},
        {SIZE "+Inf\n" FREE "11\n", ERR_FORMAT, 0, 0},
        {SIZE "1e300\n" FREE "11\n", ERR_FORMAT, 0, 0},
        {SIZE "12\n" FREE "-1\n", ERR_FORMAT, 0, 0},
        {"x_" SIZE "12\nx_" FREE "1\n", ERR_FORMAT, 0, 0},
        {"", ERR_FORMAT, 0, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct s3_capacity capacity = {0};
        assert_int_equal(s3_capacity_parse(table[i].page, &capacity), table[i].err);
        assert_int_equal(capacity.size_bytes, table[i].size_bytes);
        assert_int_equal(capacity.free_bytes, table[i].free_bytes);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_listing_is_read),
        cmocka_unit_test(what_is_no_listing_is_refused),
        cmocka_unit_test(old_versions_are_those_of_the_key_behind_the_newest),
        cmocka_unit_test(no_more_old_versions_are_taken_than_there_is_room_for),
        cmocka_unit_test(versioning_is_one_of_three),
        cmocka_unit_test(an_error_code_is_a_word),
        cmocka_unit_test(a_canary_comes_back_as_it_went),
        cmocka_unit_test(replication_metrics_are_complete_or_refused),
        cmocka_unit_test(enabled_rules_of_replication_are_counted_by_their_bucket),
        cmocka_unit_test(servers_are_those_that_the_page_counts),
        cmocka_unit_test(capacity_is_what_the_page_says_is_usable),
        cmocka_unit_test(a_ref_is_found_at_its_commit),
        cmocka_unit_test(a_server_that_gives_one_commit_is_known_by_its_words),
        cmocka_unit_test(a_commit_tells_when_it_was_made),
        cmocka_unit_test(what_is_no_git_server_is_refused),
    };
    return cmocka_run_group_tests_name("probe_parse_s3", tests, NULL, NULL);
}
