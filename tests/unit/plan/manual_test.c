/* Every kind of action has its command by hand, with the topology's values and no secret's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/text.h"
#include "common/plan/manual.h"

#define PATRONI                                                                                    \
    "patroni_urls=http://10.0.0.1:8008,http://10.0.0.2:8008", "patroni_user=ops",                  \
        "patroni_password_ref=patroni", "pg_addresses=10.0.0.1:5432,[fd00::2]:5433",               \
        "pg_user=drover", "pg_password_ref=pg", "slot_name=here", "peer_slot_name=there",          \
        "peer_front_host=10.9.0.1", "peer_front_port=5000"
#define REDIS                                                                                      \
    "redis_addresses=10.0.0.3:6379,10.0.0.4:6380", "redis_user=ops", "redis_password_ref=redis",   \
        "sentinels=10.0.0.3:26379", "sentinel_name=bud", "quorum=3", "peer_front_host=10.9.0.2",   \
        "peer_front_port=6390"
#define WORDS_MAX 8

static const struct {
    enum action_kind kind;
    const char *arguments[14];
    const char *command[WORDS_MAX]; /* each is in it */
    const char *check[WORDS_MAX];
} cases[] = {
    {ACTION_PATRONI_DEMOTE,
     {PATRONI},
     {"for url in http://10.0.0.1:8008 http://10.0.0.2:8008; do", "-X PATCH",
      "'{\"standby_cluster\":{\"host\":\"10.9.0.1\",\"port\":5000,\"primary_slot_name\":\"here\",",
      "\"slots\":{\"there\":null},\"pause\":null,\"drover_handoff\":null}'",
      "printf 'user = \"%s:%s\"\\n' ops \"$(sed 's/[\"\\\\]/\\\\&/g' /secrets/patroni)\"",
      "\"$url\"/config && break"},
     {"-h 10.0.0.1 -p 5432 -U drover -d postgres", "-h fd00::2 -p 5433", "pg_is_in_recovery()",
      "PGPASSWORD=\"$(head -n 1 /secrets/pg)\""}},
    {ACTION_PATRONI_PROMOTE,
     {PATRONI},
     {"'{\"standby_cluster\":null,\"slots\":{\"there\":{\"type\":\"physical\"}}}'",
      "\"$url\"/config && break"},
     {"PGTARGETSESSIONATTRS=read-write psql -h 10.0.0.1,fd00::2 -p 5432,5433"}},
    {ACTION_PATRONI_HANDOFF,
     {PATRONI, "pg_ctl=/usr/lib/pg/bin/pg_ctl", "data_directory=/data", "run_as=pg"},
     {"'{\"pause\":true,\"drover_handoff\":true}'",
      "runuser -u pg -- /usr/lib/pg/bin/pg_ctl -D /data stop -m fast -w -t 30",
      "runuser -u pg -- /usr/lib/pg/bin/pg_controldata -D /data", "go on when it is refused",
      "grep -qE 'cluster state: +shut down$' && for url in", "\"slots\":{\"there\":null}}'"},
     {"pg_is_in_recovery()"}},
    {ACTION_PG_PROMOTE,
     {PATRONI},
     {"-h 10.0.0.1 -p 5432", "'select pg_promote(true, 60)'"},
     {"'select pg_is_in_recovery()'"}},
    {ACTION_PG_AWAIT_POSITION,
     {PATRONI, "position=0/3000028"},
     {"POSITION=0/3000028", "-v position=\"$POSITION\"", "-h fd00::2 -p 5433",
      "echo 'select pg_last_wal_replay_lsn() > :'\\''position'\\''::pg_lsn'"},
     {"# nothing else"}},
    {ACTION_REDIS_DEMOTE,
     {REDIS},
     {"redis-cli -h 10.0.0.3 -p 26379 sentinel remove bud", "replicaof 10.9.0.2 6390",
      "redis-cli -h 10.0.0.4 -p 6380 --user ops replicaof 10.0.0.3 6379",
      "config set replica-read-only yes replica-priority 0 min-replicas-to-write 0",
      "config rewrite", "REDISCLI_AUTH=\"$(head -n 1 /secrets/redis)\""},
     {"role | head -3"}},
    {ACTION_REDIS_PROMOTE,
     {REDIS},
     {"redis-cli -h 10.0.0.3 -p 6379 --user ops replicaof no one",
      "redis-cli -h 10.0.0.4 -p 6380 --user ops replicaof 10.0.0.3 6379",
      "config set min-replicas-to-write 0 replica-priority 100",
      "sentinel monitor bud 10.0.0.3 6379 3",
      "sentinel set bud down-after-milliseconds 3000 failover-timeout 10000 auth-user ops",
      "tr -d '\\n' < /secrets/redis | redis-cli -h 10.0.0.3 -p 26379 -x sentinel set bud "
      "auth-pass"},
     {"sentinel get-master-addr-by-name bud", "role | head -3"}},
    {ACTION_REDIS_HANDOFF,
     {REDIS},
     {"config set min-replicas-max-lag 10 min-replicas-to-write 1000", "wait 1000 1000",
      "master_repl_offset"},
     {"# NOREPLICAS", "del drover:fence-probe"}},
    {ACTION_PATRONI_SWITCHOVER,
     {PATRONI},
     {"LEADER=$(for url in http://10.0.0.1:8008 http://10.0.0.2:8008; do curl -fsS --max-time 10 "
      "-K",
      "\"$url\"/cluster && break; done | grep -oE ",
      "patronictl switchover --leader \"$LEADER\" --force",
      "-d '{\"leader\":\"'\"$LEADER\"'\"}' \"$url\"/switchover"},
     {"\"$url\"/cluster && break"}},
    {ACTION_PATRONI_SWITCHOVER,
     {PATRONI, "candidate=db-2"},
     {"-d '{\"leader\":\"'\"$LEADER\"'\",\"candidate\":\"db-2\"}' \"$url\"/switchover"},
     {"another leader"}},
    {ACTION_SENTINEL_FAILOVER,
     {REDIS},
     {"redis-cli -h 10.0.0.3 -p 26379 sentinel failover bud"},
     {"sentinel get-master-addr-by-name bud", "role | head -3"}},
    {ACTION_DNS_UPDATE,
     {"servers=10.0.0.53:53,10.0.1.53:5353", "zone=bud.ai", "name=api.bud.ai", "type=CNAME",
      "value=lb.region2", "ttl=45", "key_name=drover", "key_secret_ref=tsig",
      "algorithm=hmac-sha512"},
     {"'server 10.0.0.53 53'", "'key hmac-sha512:drover.'\" $(head -n 1 /secrets/tsig)\"",
      "'zone bud.ai.'", "'update delete api.bud.ai. CNAME'",
      "'update add api.bud.ai. 45 CNAME lb.region2.'", "send | nsupdate -v"},
     {"dig +short -p 53 @10.0.0.53 api.bud.ai CNAME",
      "dig +short -p 5353 @10.0.1.53 api.bud.ai CNAME"}},
    {ACTION_HTTP_CALL,
     {"url=https://a/b?c=d&e=f", "method=PATCH", "body={\"a\":1}", "header1=X-A: b",
      "token_ref=token", "ca=/ca.pem", "observe_url=https://a/state", "expect_body=ready",
      "expect_status=202"},
     {"-X PATCH", "--data-raw '{\"a\":1}'", "-H 'X-A: b'", "'https://a/b?c=d&e=f'",
      "--cacert /ca.pem",
      "-H @<(printf 'Authorization: Bearer %s\\n' \"$(head -n 1 /secrets/token)\")",
      "-H 'Idempotency-Key: by-hand-plan-step'", "# expected: 202"},
     {"https://a/state", "in the answer: ready"}},
    {ACTION_HTTP_CALL,
     {"url=http://10.0.0.1/", "body={\"to\":\"{to}\",\"at\":\"{time}\"}", "once=execution",
      "header1=X-Move: {kind} {execution}/{epoch}"},
     {"--data-raw '{\"to\":\"west\",\"at\":\"'\"$(date -u +%FT%TZ)\"'\"}'",
      "-H 'X-Move: failover 0/'\"${DROVER_EPOCH:-0}\""},
     {"# nothing else"}},
    {ACTION_SMTP_SEND,
     {"address=10.0.0.9:587", "server_name=mail.bud", "sender=drover@bud", "to=ops@bud, boss@bud",
      "subject=To {to}: it's {epoch}", "text=One", "text3=Three of {plan}", "user=drover",
      "password_ref=mail", "ca=/ca.pem"},
     {"'From: <drover@bud>' \\\n  'To: <ops@bud>' \\\n  'Cc: <boss@bud>'",
      "Subject: =?UTF-8?B?$(printf %s 'To west: it'\\''s '\"${DROVER_EPOCH:-0}\" | base64 -w0)?=\"",
      "'' \\\n  One \\\n  'Three of plan' |\n", "smtp://mail.bud:587 --connect-to ::10.0.0.9:587",
      "--ssl-reqd --mail-from drover@bud --mail-rcpt ops@bud --mail-rcpt boss@bud --upload-file -",
      "--cacert /ca.pem -K <(printf 'user = \"%s:%s\"\\n' drover \"$(head -n 1 /secrets/mail)\")"},
     {"ask one of them"}},
    {ACTION_SMTP_SEND,
     {"address=[fd00::9]:25", "security=none", "sender=a@b", "to=c@d", "subject=x", "text=y"},
     {"'smtp://[fd00::9]:25'"},
     {"c@d"}},
    {ACTION_EXEC,
     {"program=scale", "arg1=two words", "arg2=--total=8", "arg4=behind a gap", "observe=yes"},
     {"DROVER_REGION=west /programs/scale 'two words' --total=8\n",
      "env -i PATH=", "DROVER_EPOCH=\"${DROVER_EPOCH:-0}\""},
     {"/programs/scale observe 'two words' --total=8\n"}},
    {ACTION_APPROVAL, {NULL}, {"Hannah Brandt, as network-admin"}, {"# nothing else"}},
    {ACTION_VERIFY,
     {"url=https://api/health", "expect_body=ok", "connect_to=10.0.0.9:443",
      "pg_addresses=10.0.0.1:5432"},
     {"--connect-to ::10.0.0.9:443", "https://api/health", "# expected: 200-299, and in the",
      "PGTARGETSESSIONATTRS=read-write psql -h 10.0.0.1 -p 5432 -U postgres"},
     {"# nothing else"}},
    {ACTION_PG_REJOIN,
     {PATRONI},
     {"\"standby_cluster\":{\"host\":\"10.9.0.1\"", "\"pause\":null", "reinitialize"},
     {"t|streaming", "pg_stat_wal_receiver"}},
    {ACTION_KUBERNETES_SCALE,
     {"url=https://10.0.0.5:6443", "ca=/ca.pem", "token_ref=kube", "namespace=prod",
      "workload=deployment/api", "replicas=10", "min_percent=80"},
     {"REPLICAS=10\n", "--cacert /ca.pem", "-X PATCH",
      "-H @<(printf 'Authorization: Bearer %s\\n' \"$(head -n 1 /secrets/kube)\")",
      "-d '{\"spec\":{\"replicas\":'\"$REPLICAS\"'}}'",
      "https://10.0.0.5:6443/apis/apps/v1/namespaces/prod/deployments/api/scale"},
     {"at least 80 %", "deployments/api | jq"}},
    {ACTION_HAPROXY_SERVER,
     {"socket=/run/haproxy.sock", "backend=api", "servers=s1,s2", "state=maint",
      "sessions=shutdown"},
     {"printf '%s\\n' 'set server api/s1 state maint' | socat -t 5 - "
      "UNIX-CONNECT:/run/haproxy.sock",
      "'shutdown sessions server api/s2'"},
     {"is a sum of bits: 1 is in it\n", "'show servers state api'"}},
    {ACTION_HAPROXY_SERVER,
     {"socket=127.0.0.1:9999", "backend=api", "servers=s1", "state=drain"},
     {"'set server api/s1 state drain' | socat -t 5 - TCP:127.0.0.1:9999"},
     {"8 is in it, and 1 is not\n"}},
    {ACTION_HAPROXY_SERVER,
     {"socket=/run/haproxy.sock", "backend=api", "servers=s1", "state=ready"},
     {"'set server api/s1 state ready'"},
     {"neither 1 nor 8 is in it\n"}},
    {ACTION_DNS_POWERDNS,
     {"url=http://10.0.0.6:8081", "token_ref=pdns", "zone=bud.ai", "name=api.bud.ai", "type=A",
      "value=10.72.0.9", "ttl=30"},
     {"-H @<(printf 'X-API-Key: %s\\n' \"$(head -n 1 /secrets/pdns)\")",
      "\"name\":\"api.bud.ai.\",\"type\":\"A\",\"changetype\":\"REPLACE\",\"ttl\":30",
      "\"content\":\"10.72.0.9\"", "http://10.0.0.6:8081/api/v1/servers/localhost/zones/bud.ai."},
     {"--arg name api.bud.ai.", "it says: 10.72.0.9"}},
    {ACTION_FENCE_AGENT,
     {"device=db1-power", "state=off"},
     {"\"$PROGRAM\" < <(cat \"$OPTIONS\"; echo action=off)", "fence_devices for db1-power"},
     {"exit code 2: off", "echo action=status"}},
    {ACTION_DNS_ROUTE53,
     {"zone=bud.ai", "zone_id=Z1", "user=AKIA", "password_ref=aws", "name=api.bud.ai", "type=A",
      "value=10.72.0.9", "ttl=30"},
     {"export AWS_ACCESS_KEY_ID=AKIA AWS_SECRET_ACCESS_KEY=\"$(head -n 1 /secrets/aws)\"",
      "change-resource-record-sets --region us-east-1 --hosted-zone-id Z1",
      "\"Name\":\"api.bud.ai\",\"Type\":\"A\",\"TTL\":30,"
      "\"ResourceRecords\":[{\"Value\":\"10.72.0.9\"}]",
      "wait resource-record-sets-changed --region us-east-1 --id \"$CHANGE\""},
     {"list-resource-record-sets", "it says: 10.72.0.9"}},
    {ACTION_DNS_CLOUDFLARE,
     {"zone=bud.ai", "token_ref=flare", "name=api.bud.ai", "type=A", "value=10.72.0.9", "ttl=60"},
     {"API=https://api.cloudflare.com/client/v4",
      "-H @<(printf 'Authorization: Bearer %s\\n' \"$(head -n 1 /secrets/flare)\")",
      "name=bud.ai \"$API/zones\"", "-X PATCH",
      "-d '{\"content\":\"10.72.0.9\",\"ttl\":60}' \"$API/zones/$ZONE/dns_records/$RECORD\""},
     {"it says: 10.72.0.9", "name=api.bud.ai -d type=A"}},
    {ACTION_TRAFFIC_SHIFT,
     {"name=api.bud.ai", "type=A", "value=10.72.0.9", "servers=10.0.0.53:53",
      "resolvers=10.0.1.53:5353", "old_socket=10.0.0.7:9999", "old_frontends=api"},
     {"dig @10.0.0.53 -p 53 +norecurse +noall +answer api.bud.ai A",
      "dig @10.0.1.53 -p 5353 +noall +answer api.bud.ai A", "TCP:10.0.0.7:9999"},
     {"the command looks"}},
    {ACTION_S3_DIRECTION,
     {"url=http://10.0.0.7:9000", "user=drover", "password_ref=minio", "bucket=models",
      "role=source", "rule=to-peer"},
     {"-K <(printf 'user = \"%s:%s\"\\n' drover \"$(head -n 1 /secrets/minio)\")",
      "--aws-sigv4 aws:amz:us-east-1:s3", "-H 'Host: 10.0.0.7:9000'", "RULE=to-peer",
      "<Status>Enabled<", "-X PUT -d \"$RULES\"", "'http://10.0.0.7:9000/models/?replication='"},
     {"state: Enabled"}},
    {ACTION_CLICKHOUSE_RECOVER,
     {"url=http://10.0.0.8:8123", "user=drover", "password_ref=clickhouse",
      "tables=bud.events, bud.spans"},
     {"'SYSTEM RESTART REPLICA bud.events'", "'SYSTEM SYNC REPLICA bud.spans'",
      "\"$(head -n 1 /secrets/clickhouse)\""},
     {"is_readonly", "http://10.0.0.8:8123"}},
    {ACTION_MANUAL,
     {"instructions=Call the provider"},
     {"# Call the provider\n"},
     {"# nothing else\n"}},
};
#define CASES_N (sizeof cases / sizeof cases[0])

static struct topology topology;
static struct plan plan = {.name = "plan", .steps_n = 1};

static int topology_make(void **state) {
    (void)state;
    topology.regions_n = 2;
    topology.operators_n = 2;
    (void)text_copy(topology.regions[0].name, NAME_SIZE, "east");
    (void)text_copy(topology.regions[1].name, NAME_SIZE, "west");
    (void)text_copy(topology.operators[0].person, NAME_SIZE, "Hannah Brandt");
    topology.operators[0].role = ROLE_NETWORK_ADMIN;
    (void)text_copy(topology.operators[1].person, NAME_SIZE, "Mei Tanaka");
    topology.operators[1].role = ROLE_DATABASE_ADMIN;
    return 0;
}

static void manual_make(size_t i, struct manual *ret_manual) {
    struct step *step = &plan.steps[0];
    memset(step, 0, sizeof *step);
    (void)text_copy(step->name, sizeof step->name, "step");
    step->action = (uint8_t)cases[i].kind;
    step->component = step->agent = NONE;
    step->approval = ROLE_NETWORK_ADMIN;
    step->timeout_ms = 30000;
    for (size_t a = 0; a < 14 && cases[i].arguments[a] != NULL; a++) {
        char name[NAME_SIZE];
        const char *text = cases[i].arguments[a], *value = strchr(text, '=');
        assert_non_null(value);
        assert_true(text_format(name, sizeof name, "%.*s", (int)(value - text), text));
        assert_int_equal(arguments_set(&step->arguments, name, value + 1), ERR_OK);
    }
    assert_int_equal(manual_open(&topology, &plan, 0, 0, 1, ret_manual), ERR_OK);
    ret_manual->secrets = "/secrets";
    ret_manual->programs = "/programs";
}

/* The house rule: who adds a kind of action says what a person types instead. */
static void every_kind_of_action_has_its_row(void **state) {
    (void)state;
    for (unsigned kind = 0; kind < ACTION_KINDS_N; kind++) {
        const struct manual_kind *row = manual_kind_of((enum action_kind)kind);
        const char *name = action_kind_text((enum action_kind)kind);
        bool tested = false;
        if (row == NULL || row->command == NULL || row->check == NULL) {
            fail_msg("%s has no command by hand: common/plan/manual.c", name);
        }
        assert_int_equal(row->kind, kind);
        assert_true(strlen(row->does) > 10 && strlen(row->place) > 10 && strlen(row->undo) > 10);
        for (size_t i = 0; i < CASES_N; i++) {
            tested = tested || (unsigned)cases[i].kind == kind;
        }
        if (!tested) {
            fail_msg("%s has no case in this test", name);
        }
    }
}

static void each_command_holds_the_topology_s_values(void **state) {
    (void)state;
    unsigned missing_n = 0;
    for (size_t i = 0; i < CASES_N; i++) {
        struct manual manual;
        char command[8192], check[8192];
        manual_make(i, &manual);
        const struct manual_kind *row = manual_kind_of(cases[i].kind);
        struct page command_page = page_open(command, sizeof command);
        struct page check_page = page_open(check, sizeof check);
        row->command(&manual, &command_page);
        row->check(&manual, &check_page);
        assert_false(command_page.cut || check_page.cut);
        assert_int_equal(command[command_page.n - 1], '\n');
        assert_int_equal(check[check_page.n - 1], '\n');
        for (size_t w = 0; w < WORDS_MAX; w++) {
            if (cases[i].command[w] != NULL && strstr(command, cases[i].command[w]) == NULL) {
                print_error("%s: no %s in:\n%s\n", action_kind_text(cases[i].kind),
                            cases[i].command[w], command);
                missing_n++;
            }
            if (cases[i].check[w] != NULL && strstr(check, cases[i].check[w]) == NULL) {
                print_error("%s: no %s in:\n%s\n", action_kind_text(cases[i].kind),
                            cases[i].check[w], check);
                missing_n++;
            }
        }
    }
    assert_int_equal(missing_n, 0);
}

/* Values that would be commands of their own, in every argument of every kind: each line of what is
 * printed is one that this program wrote, or a word of it in quotes. */
static void hostile_values_stay_words(void **state) {
    (void)state;
    static const char hostile[] = "x'; touch /tmp/owned; $(touch /tmp/owned)";
    for (size_t i = 0; i < CASES_N; i++) {
        struct manual manual;
        char text[16384];
        manual_make(i, &manual);
        for (uint8_t a = 0; a < manual.arguments.n; a++) {
            bool list = strstr(manual.arguments.at[a].value, ":") != NULL;
            (void)text_format(manual.arguments.at[a].value, VALUE_SIZE, "%s%s", hostile,
                              list ? ":1" : "");
        }
        struct page page = page_open(text, sizeof text);
        manual_kind_of(cases[i].kind)->command(&manual, &page);
        manual_kind_of(cases[i].kind)->check(&manual, &page);
        for (char *at = text; (at = strstr(at, "; touch")) != NULL; at++) {
            /* In single quotes a quote of the value reads '\''; in a comment, all goes. */
            char *line = at;
            while (line > text && line[-1] != '\n') {
                line--;
            }
            if (line[0] != '#' && (at - text < 5 || strncmp(at - 4, "'\\''", 4) != 0)) {
                fail_msg("%s: unquoted: %s", action_kind_text(cases[i].kind), line);
            }
        }
    }
}

static void the_slot_s_default_is_the_region_s(void **state) {
    (void)state;
    struct manual manual;
    char text[8192];
    manual_make(0, &manual);
    for (uint8_t a = 0; a < manual.arguments.n; a++) {
        if (text_equal(manual.arguments.at[a].name, "slot_name")) {
            (void)text_copy(manual.arguments.at[a].name, NAME_SIZE, "unused");
        }
    }
    (void)text_copy(topology.regions[1].name, NAME_SIZE, "eu-west.1");
    struct page page = page_open(text, sizeof text);
    manual_kind_of(ACTION_PATRONI_DEMOTE)->command(&manual, &page);
    (void)text_copy(topology.regions[1].name, NAME_SIZE, "west");
    assert_non_null(strstr(text, "\"primary_slot_name\":\"region_eu_west_1\""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_action_has_its_row),
        cmocka_unit_test(each_command_holds_the_topology_s_values),
        cmocka_unit_test(hostile_values_stay_words),
        cmocka_unit_test(the_slot_s_default_is_the_region_s),
    };
    return cmocka_run_group_tests(tests, topology_make, NULL);
}
