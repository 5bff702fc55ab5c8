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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_of_that_name_and_type_count),
        cmocka_unit_test(what_is_no_answer_of_powerdns_is_an_error),
        cmocka_unit_test(what_is_wished_for_is_what_is_read_back),
        cmocka_unit_test(an_older_epoch_and_another_value_are_not_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
