/* What the HTTP APIs of DNS say, and what is sent to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "agent/action.h"
#include "agent/actions/dns_body.h"
#include "agent/actions/dns_record.h"
#include "common/io/flat_xml.h"

#define NAME "api.bud.test."

static enum err powerdns_parse(const char *json, const char *type, struct dns_rrset *ret_rrset) {
    struct text256 why = {""};
    enum err err = powerdns_rrset_parse(json, strlen(json), NAME, type, ret_rrset, &why);
    assert_int_equal(err == ERR_OK, why.at[0] == '\0');
    return err;
}

static void records_of_that_name_and_type_count(void **state) {
    static const char json[] =
        "{\"rrsets\":[{\"name\":\"API.bud.test.\",\"type\":\"A\",\"ttl\":60,\"records\":["
        "{\"content\":\"10.0.0.1\",\"disabled\":false},{\"content\":\"10.0.0.2\","
        "\"disabled\":true}]},{\"name\":\"api.bud.test.\",\"type\":\"TXT\",\"ttl\":5,\"records\":["
        "{\"content\":\"\\\"drover-epoch=7\\\"\"}]},{\"name\":\"x.bud.test.\",\"type\":\"A\","
        "\"ttl\":1,\"records\":[{\"content\":\"10.0.0.9\"}]}]}";
    struct dns_rrset rrset;
    (void)state;
    assert_int_equal(powerdns_parse(json, "A", &rrset), ERR_OK);
    assert_int_equal(rrset.n, 1);
    assert_int_equal(rrset.ttl, 60);
    assert_string_equal(rrset.value[0], "10.0.0.1");
    assert_int_equal(powerdns_parse(json, "TXT", &rrset), ERR_OK);
    assert_int_equal(dns_epoch_of(&rrset), 7);
    assert_int_equal(powerdns_parse("{\"rrsets\":[]}", "A", &rrset), ERR_OK);
    assert_int_equal(rrset.n, 0);
}

static void what_is_no_answer_of_powerdns_is_an_error(void **state) {
    static const char *const bad[] = {
        "",
        "[]",
        "{\"rrsets\":{}}",
        "{\"rrsets\":[{\"name\":\"" NAME "\",\"type\":\"A\",\"ttl\":60}]}",
        "{\"rrsets\":[{\"name\":\"" NAME "\",\"type\":\"A\",\"ttl\":-1,\"records\":[]}]}",
        "{\"rrsets\":[{\"name\":\"" NAME "\",\"type\":\"A\",\"ttl\":1,\"records\":[{}]}]}",
        "{\"rrsets\":[{\"name\":\"" NAME "\",\"type\":\"A\",\"ttl\":1,\"records\":["
        "{\"content\":\"no address\"}]}]}",
        "{\"rrsets\":[{\"name\":\"" NAME "\",\"type\":\"A\",\"ttl\":1,\"records\":["
        "{\"content\":\"10.0.0.1\"},{\"content\":\"10.0.0.2\"},{\"content\":\"10.0.0.3\"},"
        "{\"content\":\"10.0.0.4\"},{\"content\":\"10.0.0.5\"},{\"content\":\"10.0.0.6\"},"
        "{\"content\":\"10.0.0.7\"},{\"content\":\"10.0.0.8\"},{\"content\":\"10.0.0.9\"}]}]}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct dns_rrset rrset;
        if (powerdns_parse(bad[i], "A", &rrset) != ERR_FORMAT) {
            fail_msg("taken: %s", bad[i]);
        }
    }
}

static void arguments_set_all(struct arguments *arguments, const char *const *pairs) {
    memset(arguments, 0, sizeof *arguments);
    for (size_t i = 0; pairs[i] != NULL; i += 2) {
        assert_int_equal(arguments_set(arguments, pairs[i], pairs[i + 1]), ERR_OK);
    }
}

/* The texts of other people stay, ours is replaced, and what is sent is read back as it is. */
static void what_is_wished_for_is_what_is_read_back(void **state) {
    static const char *const pairs[] = {"zone",  "bud.test", "name", "api.bud.test", "type", "A",
                                        "value", "10.0.0.1", "ttl",  "30",           NULL};
    struct arguments arguments;
    struct action_input input = {.arguments = &arguments, .epoch = 8};
    struct dns_record dns;
    struct dns_rrset record, texts, again;
    struct text256 why = {""};
    (void)state;
    arguments_set_all(&arguments, pairs);
    assert_int_equal(dns_record_open(&input, &arguments, &dns, &why), ERR_OK);
    dns.texts.n = 2;
    (void)text_copy(dns.texts.value[0], DNS_VALUE_SIZE, "\"drover-epoch=7\"");
    (void)text_copy(dns.texts.value[1], DNS_VALUE_SIZE, "\"a \\\"quote\\\"\"");
    assert_int_equal(dns_record_wished(&dns, &record, &texts), ERR_OK);
    assert_int_equal(texts.n, 2);
    assert_string_equal(texts.value[0], "\"a \\\"quote\\\"\"");
    assert_string_equal(texts.value[1], "\"drover-epoch=8\"");
    char *body = powerdns_body(dns.name, dns.type, &record, dns.epoch_name, &texts);
    assert_non_null(body);
    assert_int_equal(powerdns_parse(body, "A", &again), ERR_OK);
    dns.record = again;
    assert_int_equal(powerdns_parse(body, "TXT", &dns.texts), ERR_OK);
    assert_true(dns_record_there(&dns));
    free(body);
    for (dns.texts.n = 0; dns.texts.n < DNS_VALUES_MAX; dns.texts.n++) {
        (void)text_copy(dns.texts.value[dns.texts.n], DNS_VALUE_SIZE, "\"x\"");
    }
    assert_int_equal(dns_record_wished(&dns, &record, &texts), ERR_TOO_BIG);
}

static void an_older_epoch_and_another_value_are_not_replaced(void **state) {
    static const char *const pairs[] = {"zone",      "bud.test", "name",  "api.bud.test",
                                        "type",      "A",        "value", "10.0.0.1",
                                        "old_value", "10.0.0.2", NULL};
    struct arguments arguments;
    struct action_input input = {.arguments = &arguments, .epoch = 8};
    struct dns_record dns;
    struct text256 why = {""};
    (void)state;
    arguments_set_all(&arguments, pairs);
    assert_int_equal(dns_record_open(&input, &arguments, &dns, &why), ERR_OK);
    assert_int_equal(dns_record_replaceable(&dns), ERR_STALE); /* it is not there */
    dns.record.n = 1;
    (void)text_copy(dns.record.value[0], DNS_VALUE_SIZE, "10.0.0.2");
    assert_int_equal(dns_record_replaceable(&dns), ERR_OK);
    dns.texts.n = 1;
    (void)text_copy(dns.texts.value[0], DNS_VALUE_SIZE, "\"drover-epoch=9\"");
    assert_int_equal(dns_record_replaceable(&dns), ERR_STALE);
}

/* The plan says nothing of it: the agent's own topology does. */
static void what_the_topology_protects_is_changed_by_no_dns_action(void **state) {
    static const char *const pairs[] = {"zone",
                                        "bud.ai",
                                        "name",
                                        "Status.bud.ai.",
                                        "type",
                                        "A",
                                        "value",
                                        "10.0.0.1",
                                        "url",
                                        "http://10.0.0.6:8081",
                                        "zone_id",
                                        "Z1",
                                        "user",
                                        "AKIA",
                                        "password_ref",
                                        "p",
                                        "token_ref",
                                        "t",
                                        "servers",
                                        "10.0.0.53:53",
                                        "key_name",
                                        "k",
                                        "key_secret_ref",
                                        "s",
                                        NULL};
    static const enum action_kind kinds[] = {ACTION_DNS_UPDATE, ACTION_DNS_POWERDNS,
                                             ACTION_DNS_ROUTE53, ACTION_DNS_CLOUDFLARE};
    static char names[][NAME_SIZE] = {"api.bud.ai", "status.bud.ai"};
    struct arguments arguments;
    struct action_input input = {
        .arguments = &arguments, .epoch = 8, .protected_names = names, .protected_names_n = 2};
    (void)state;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        arguments_set_all(&arguments, pairs);
        if (kinds[i] != ACTION_DNS_POWERDNS) {
            assert_int_equal(arguments_set(&arguments, "url", "https://10.0.0.6"), ERR_OK);
        }
        struct action_result result = action_kind_of(kinds[i])->run(&input);
        assert_int_equal(result.err, ERR_DENIED);
        assert_non_null(strstr(result.detail, "protected"));
    }
}

/* ---- Route 53 ---- */

#define LIST(inner)                                                                                \
    "<ListResourceRecordSetsResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">"     \
    "<ResourceRecordSets>" inner "</ResourceRecordSets></ListResourceRecordSetsResponse>"
#define SET(name, type, inner)                                                                     \
    "<ResourceRecordSet><Name>" name "</Name><Type>" type "</Type>" inner "</ResourceRecordSet>"
#define VALUES(ttl, inner)                                                                         \
    "<TTL>" ttl "</TTL><ResourceRecords><ResourceRecord><Value>" inner                             \
    "</Value></ResourceRecord></ResourceRecords>"

static enum err route53_parse(const char *xml, const char *type, struct dns_rrset *ret_rrset) {
    struct text256 why = {""};
    enum err err = route53_rrset_parse(xml, strlen(xml), NAME, type, ret_rrset, &why);
    assert_int_equal(err == ERR_OK, why.at[0] == '\0');
    return err;
}

static void route53_s_record_is_the_one_that_was_asked_for(void **state) {
    static const char *const bad[] = {
        "",
        "<ListResourceRecordSetsResponse>",
        LIST(SET(NAME, "A", "")),
        LIST(SET(NAME, "A", VALUES("x", "10.0.0.1"))),
        LIST(SET(NAME, "A", "<TTL>60</TTL>")),
        LIST(SET(NAME, "A", VALUES("1", "1")) SET(NAME, "A", VALUES("1", "2"))),
    };
    struct dns_rrset rrset;
    (void)state;
    assert_int_equal(route53_parse(LIST(SET(NAME, "A", VALUES("60", "10.0.0.1"))), "A", &rrset),
                     ERR_OK);
    assert_int_equal(rrset.n, 1);
    assert_int_equal(rrset.ttl, 60);
    assert_string_equal(rrset.value[0], "10.0.0.1");
    assert_int_equal(
        route53_parse(LIST(SET("x.bud.test.", "A", VALUES("60", "10.0.0.1"))), "A", &rrset),
        ERR_OK);
    assert_int_equal(rrset.n, 0);
    assert_int_equal(
        route53_parse(LIST(SET(NAME, "TXT", VALUES("5", "&quot;drover-epoch=7&quot;"))), "TXT",
                      &rrset),
        ERR_OK);
    assert_int_equal(dns_epoch_of(&rrset), 7);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (route53_parse(bad[i], "A", &rrset) != ERR_FORMAT) {
            fail_msg("taken: %s", bad[i]);
        }
    }
}

static void what_a_policy_or_an_alias_answers_is_not_moved(void **state) {
    struct dns_rrset rrset;
    (void)state;
    assert_int_equal(
        route53_parse(LIST(SET(NAME, "A", "<AliasTarget><DNSName>lb.</DNSName></AliasTarget>")),
                      "A", &rrset),
        ERR_UNSUPPORTED);
    assert_int_equal(
        route53_parse(
            LIST(SET(NAME, "A", "<SetIdentifier>a</SetIdentifier>" VALUES("60", "10.0.0.1"))), "A",
            &rrset),
        ERR_UNSUPPORTED);
}

static void a_batch_deletes_what_was_read_and_is_read_back(void **state) {
    struct dns_rrset from = {.n = 1, .ttl = 60, .value = {"10.0.0.1"}};
    struct dns_rrset to = {.n = 1, .ttl = 30, .value = {"\"a<b>&\\\"c\\\"\""}}, none = {.n = 0};
    const struct dns_swap swaps[] = {{NAME, "A", &from, &to}, {NAME, "TXT", &none, &to}};
    char xml[4096], small[300], again[DNS_VALUE_SIZE];
    (void)state;
    assert_true(route53_body(swaps, 2, xml, sizeof xml));
    const char *deleted = strstr(xml, "<Action>DELETE</Action>");
    const char *created = strstr(xml, "<Action>CREATE</Action>");
    assert_true(deleted != NULL && created != NULL && deleted < created);
    assert_null(strstr(deleted + 1, "<Action>DELETE</Action>"));
    assert_non_null(strstr(xml, "<TTL>60</TTL><ResourceRecords><ResourceRecord><Value>10.0.0.1"));
    assert_non_null(strstr(created, "&quot;a&lt;b&gt;&amp;\\&quot;c\\&quot;&quot;"));
    struct piece all = {xml, strlen(xml)}, value;
    assert_true(flat_xml_next(&all, "Value", &value) && flat_xml_next(&all, "Value", &value));
    assert_true(flat_xml_value(value, again, sizeof again));
    assert_string_equal(again, to.value[0]);
    assert_false(route53_body(swaps, 2, small, sizeof small));
}

static void a_change_is_in_sync_or_pending(void **state) {
    static const struct {
        const char *xml, *id;
        bool in_sync;
    } cases[] = {
        {"<ChangeInfo><Id>/change/C2</Id><Status>PENDING</Status></ChangeInfo>", "C2", false},
        {"<ChangeInfo><Id>C3</Id><Status>INSYNC</Status></ChangeInfo>", "C3", true},
        {"<ChangeInfo><Id>/change/../x</Id><Status>INSYNC</Status></ChangeInfo>", NULL, false},
        {"<ChangeInfo><Id>/change/C2</Id><Status>DONE</Status></ChangeInfo>", NULL, false},
        {"<ChangeInfo><Id></Id><Status>INSYNC</Status></ChangeInfo>", NULL, false},
        {"", NULL, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char id[16];
        bool in_sync = false;
        struct text256 why = {""};
        enum err err =
            route53_change_parse(cases[i].xml, strlen(cases[i].xml), id, sizeof id, &in_sync, &why);
        assert_int_equal(err, cases[i].id != NULL ? ERR_OK : ERR_FORMAT);
        if (cases[i].id != NULL) {
            assert_string_equal(id, cases[i].id);
            assert_int_equal(in_sync, cases[i].in_sync);
        }
    }
}

static void a_refusal_of_route53_is_told_in_its_words(void **state) {
    static const char *const cases[][2] = {
        {"<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message></Error>"
         "</ErrorResponse>",
         "Throttling: Rate exceeded"},
        {"<InvalidChangeBatch xmlns=\"x\"><Messages><Message>it already exists</Message>"
         "</Messages></InvalidChangeBatch>",
         "InvalidChangeBatch: it already exists"},
        {"no XML", "no XML"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[80];
        route53_message(cases[i][0], strlen(cases[i][0]), line, sizeof line);
        assert_string_equal(line, cases[i][1]);
    }
}

/* ---- Cloudflare ---- */

#define PAGE(inner) "{\"success\":true,\"result\":[" inner "],\"result_info\":{\"total_pages\":2}}"
#define RECORD(id, name, type, content)                                                            \
    "{\"id\":\"" id "\",\"name\":\"" name "\",\"type\":\"" type "\",\"content\":\"" content        \
    "\",\"ttl\":60,\"proxied\":true}"

static enum err cloudflare_parse(const char *json, const char *type, struct cloudflare_list *list) {
    struct text256 why = {""};
    unsigned pages = 0;
    enum err err = cloudflare_page_parse(json, strlen(json), NAME, type, list, &pages, &why);
    assert_int_equal(err == ERR_OK, why.at[0] == '\0');
    assert_int_equal(err == ERR_OK, pages == 2);
    return err;
}

static void cloudflare_s_records_are_gathered_from_all_pages(void **state) {
    static const char *const bad[] = {
        "",
        "{\"success\":false,\"result\":[]}",
        "{\"success\":true,\"result\":{}}",
        PAGE(RECORD("../x", "api.bud.test", "A", "10.0.0.1")),
        PAGE(RECORD("a", "api.bud.test", "A", "none")),
        "{\"success\":true,\"result\":[],\"result_info\":{\"total_pages\":1000}}",
    };
    struct cloudflare_list list = {.n = 0};
    (void)state;
    assert_int_equal(
        cloudflare_parse(PAGE(RECORD("a1", "API.bud.test", "A", "10.0.0.1")), "A", &list), ERR_OK);
    assert_int_equal(cloudflare_parse(PAGE(RECORD("b", "x.bud.test", "A", "10.0.0.1")), "A", &list),
                     ERR_OK);
    assert_int_equal(list.n, 1);
    assert_string_equal(list.at[0].id, "a1");
    assert_true(list.at[0].proxied);
    list.n = 0;
    assert_int_equal(
        cloudflare_parse(PAGE(RECORD("a", "api.bud.test", "TXT", "drover-epoch=8") "," RECORD(
                             "b", "api.bud.test", "TXT", "\\\"v=spf1\\\"")),
                         "TXT", &list),
        ERR_OK);
    assert_int_equal(list.n, 1);
    assert_string_equal(list.at[0].value, "\"drover-epoch=8\"");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (cloudflare_parse(bad[i], "A", &list) == ERR_OK) {
            fail_msg("taken: %s", bad[i]);
        }
    }
}

static void a_change_at_cloudflare_leaves_what_it_need_not_touch(void **state) {
    const struct cloudflare_change changes[] = {{"a1", NAME, "A", "10.0.0.1", 60},
                                                {"", NAME, "TXT", "\"drover-epoch=8\"", 60},
                                                {.id = "c3"}};
    (void)state;
    char *body = cloudflare_body(changes, 3);
    assert_non_null(body);
    assert_string_equal(body, "{\"deletes\":[{\"id\":\"c3\"}],"
                              "\"patches\":[{\"id\":\"a1\",\"content\":\"10.0.0.1\",\"ttl\":60}],"
                              "\"posts\":[{\"name\":\"" NAME "\",\"type\":\"TXT\","
                              "\"content\":\"\\\"drover-epoch=8\\\"\",\"ttl\":60}]}");
    free(body);
}

static void the_errors_of_cloudflare_are_all_told(void **state) {
    static const char json[] = "{\"success\":false,\"errors\":[{\"code\":9021,\"message\":\"bad "
                               "TTL\"},{\"code\":81044,\"message\":\"gone\"}]}";
    char line[60], id[PROVIDER_ID_MAX + 1];
    struct text256 why = {""};
    (void)state;
    cloudflare_message(json, strlen(json), line, sizeof line);
    assert_string_equal(line, "9021 bad TTL; 81044 gone");
    assert_true(cloudflare_overtaken(json, strlen(json)));
    assert_false(cloudflare_overtaken("{}", 2));
    assert_false(cloudflare_succeeded(json, strlen(json)));
    static const char zones[] =
        "{\"success\":true,\"result\":[{\"name\":\"bud.test\",\"id\":\"f00\"}]}";
    assert_int_equal(cloudflare_zone_parse(zones, strlen(zones), "bud.test.", id, &why), ERR_OK);
    assert_string_equal(id, "f00");
    assert_int_equal(cloudflare_zone_parse(zones, strlen(zones), "x.test.", id, &why),
                     ERR_NOT_FOUND);
    assert_int_equal(cloudflare_zone_parse("", 0, "x.test.", id, &why), ERR_FORMAT);
}

/* What a provider's action takes is known before anything is asked of it. */
static void a_provider_is_asked_over_tls_and_for_a_zone_by_its_id(void **state) {
    static const struct {
        const char *pairs[6];
        enum err err;
    } cases[] = {
        {{NULL}, ERR_OK},
        {{"url", "http://127.0.0.1", NULL}, ERR_CONFIG},
        {{"zone_id", "a/b", NULL}, ERR_CONFIG},
        {{"value", "lb.bud.test", NULL}, ERR_CONFIG},
        {{"protected", "x.bud.test, API.bud.test.", NULL}, ERR_DENIED},
    };
    static const char *const all[] = {
        "zone",         "bud.test", "name", "api.bud.test", "type", "A",         "value",
        "10.0.0.1",     "zone_id",  "Z1",   "user",         "AKIA", "token_ref", "t",
        "password_ref", "p",        NULL};
    static const enum action_kind kinds[] = {ACTION_DNS_ROUTE53, ACTION_DNS_CLOUDFLARE};
    (void)state;
    for (size_t k = 0; k < 2; k++) {
        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
            struct arguments arguments;
            struct text256 why = {""};
            arguments_set_all(&arguments, all);
            for (size_t p = 0; cases[i].pairs[p] != NULL; p += 2) {
                assert_int_equal(
                    arguments_set(&arguments, cases[i].pairs[p], cases[i].pairs[p + 1]), ERR_OK);
            }
            assert_int_equal(action_kind_of(kinds[k])->accepts(&arguments, &why), cases[i].err);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_of_that_name_and_type_count),
        cmocka_unit_test(what_is_no_answer_of_powerdns_is_an_error),
        cmocka_unit_test(what_is_wished_for_is_what_is_read_back),
        cmocka_unit_test(an_older_epoch_and_another_value_are_not_replaced),
        cmocka_unit_test(what_the_topology_protects_is_changed_by_no_dns_action),
        cmocka_unit_test(route53_s_record_is_the_one_that_was_asked_for),
        cmocka_unit_test(what_a_policy_or_an_alias_answers_is_not_moved),
        cmocka_unit_test(a_batch_deletes_what_was_read_and_is_read_back),
        cmocka_unit_test(a_change_is_in_sync_or_pending),
        cmocka_unit_test(a_refusal_of_route53_is_told_in_its_words),
        cmocka_unit_test(cloudflare_s_records_are_gathered_from_all_pages),
        cmocka_unit_test(a_change_at_cloudflare_leaves_what_it_need_not_touch),
        cmocka_unit_test(the_errors_of_cloudflare_are_all_told),
        cmocka_unit_test(a_provider_is_asked_over_tls_and_for_a_zone_by_its_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
