/* HAProxy's answers, as 2.6 gives them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "agent/actions/haproxy_reply.h"

#define SERVERS                                                                                    \
    "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight\n"

static void states_are_what_the_administrator_set(void **state) {
    static const char text[] = SERVERS "3 api 1 s1 10.0.0.1 2 0 1\n3 api 2 s2 10.0.0.2 0 5 1\n"
                                       "3 api 3 s3 10.0.0.3 2 8 1\n3 api 4 s4 10.0.0.4 0 32 1\n\n";
    static const struct {
        const char *server;
        enum haproxy_state state;
    } rows[] = {{"s1", HAPROXY_READY},
                {"s2", HAPROXY_MAINT},
                {"s3", HAPROXY_DRAIN},
                {"s4", HAPROXY_READY}}; /* no address yet: nobody asked for that */
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct haproxy_server server;
        struct text256 why = {""};
        assert_int_equal(haproxy_server_parse(text, rows[i].server, &server, &why), ERR_OK);
        assert_int_equal(server.state, rows[i].state);
        assert_int_equal(server.backend, 3);
    }
}

static void what_is_no_answer_says_why(void **state) {
    static const struct {
        const char *text;
        enum err err;
    } rows[] = {
        {"Can't find backend.\n\n", ERR_NOT_FOUND},
        {"Permission denied\n\n", ERR_DENIED},
        {"\n", ERR_FAILED},
        {"", ERR_FAILED},
        {"1\n", ERR_FORMAT},
        {SERVERS, ERR_NOT_FOUND},
        {SERVERS "3 api 1 s1 10.0.0.1 2\n", ERR_FORMAT},
        {SERVERS "3 api 1 s1 10.0.0.1 2 x 1\n", ERR_FORMAT},
        {SERVERS "3 api 1 s11 10.0.0.1 2 0 1\n", ERR_NOT_FOUND},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct haproxy_server server;
        struct text256 why = {""};
        assert_int_equal(haproxy_server_parse(rows[i].text, "s1", &server, &why), rows[i].err);
        assert_true(why.at[0] != '\0');
    }
}

static void a_frontend_s_sessions_are_found_by_its_name(void **state) {
    static const char text[] = "# pxname,svname,qcur,scur\nstats,FRONTEND,,1\napi,FRONTEND,,34\n";
    uint64_t sessions = 0;
    struct text256 why = {""};
    (void)state;
    assert_int_equal(haproxy_frontend_parse(text, "api", &sessions, &why), ERR_OK);
    assert_int_equal(sessions, 34);
    assert_int_equal(haproxy_frontend_parse(text, "web", &sessions, &why), ERR_NOT_FOUND);
    assert_int_equal(haproxy_frontend_parse("", "api", &sessions, &why), ERR_FAILED);
}

static void sessions_are_found_by_the_header(void **state) {
    static const char text[] = "# pxname,svname,qcur,qmax,scur,smax,\napi,s1,0,0,12,40,\n\n";
    uint64_t sessions = 0;
    struct text256 why = {""};
    (void)state;
    assert_int_equal(haproxy_sessions_parse(text, "s1", &sessions, &why), ERR_OK);
    assert_int_equal(sessions, 12);
    assert_int_equal(haproxy_sessions_parse(text, "s2", &sessions, &why), ERR_NOT_FOUND);
    assert_int_equal(haproxy_sessions_parse("# pxname,svname\napi,s1\n", "s1", &sessions, &why),
                     ERR_FORMAT);
    assert_int_equal(haproxy_sessions_parse("", "s1", &sessions, &why), ERR_FAILED);
}

static void an_empty_answer_is_success(void **state) {
    struct text256 why = {""};
    (void)state;
    assert_int_equal(haproxy_done_parse("\n", &why), ERR_OK);
    assert_int_equal(haproxy_done_parse("", &why), ERR_OK);
    assert_int_equal(haproxy_done_parse("No such server.\n\n", &why), ERR_NOT_FOUND);
    assert_non_null(strstr(why.at, "No such server."));
    assert_int_equal(haproxy_done_parse("Permission denied\n", &why), ERR_DENIED);
    assert_int_equal(haproxy_done_parse("Unknown command\n", &why), ERR_FAILED);
}

static void names_end_no_command(void **state) {
    (void)state;
    assert_true(haproxy_name("api-v2.s_1"));
    assert_false(haproxy_name("") || haproxy_name("a b") || haproxy_name("a;b") ||
                 haproxy_name("a/b") || haproxy_name("a\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(states_are_what_the_administrator_set),
        cmocka_unit_test(what_is_no_answer_says_why),
        cmocka_unit_test(sessions_are_found_by_the_header),
        cmocka_unit_test(a_frontend_s_sessions_are_found_by_its_name),
        cmocka_unit_test(an_empty_answer_is_success),
        cmocka_unit_test(names_end_no_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
