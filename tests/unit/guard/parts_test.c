/* What the guard is made of besides holder: pins, its file's bytes, the packet socket, systemd. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "agent/core/durable.h"
#include "agent/core/pins.h"
#include "common/io/knock.h"
#include "common/io/local_socket.h"
#include "common/io/notify.h"

static struct topology topology;

static void agent_add(const char *name, uint8_t region, bool guarded, bool gate, uint8_t mark) {
    struct agent *agent = &topology.agents[topology.agents_n++];
    memset(agent, 0, sizeof *agent);
    (void)text_copy(agent->name, NAME_SIZE, name);
    agent->region = region;
    agent->guarded = guarded;
    agent->gate = gate;
    memset(agent->sign_key, mark, KEY_SIZE);
    memset(agent->guard_key, mark + 1, KEY_SIZE);
}

/* Two data regions and the members' own; one agent of each kind. */
static void make_topology(void) {
    memset(&topology, 0, sizeof topology);
    (void)text_copy(topology.cluster, NAME_SIZE, "lab");
    topology.regions_n = 3;
    (void)text_copy(topology.regions[0].name, NAME_SIZE, "east");
    (void)text_copy(topology.regions[1].name, NAME_SIZE, "west");
    (void)text_copy(topology.regions[2].name, NAME_SIZE, "mon");
    topology.regions[2].kind = REGION_MONITORING;
    topology.members_n = 1;
    (void)text_copy(topology.members[0].name, NAME_SIZE, "m1");
    memset(topology.members[0].sign_key, 7, KEY_SIZE);
    topology.lease = (struct lease_numbers){.lease_ms = 30000,
                                            .fence_ms = 8000,
                                            .gate_early_ms = 2000,
                                            .promise_ms = 32000,
                                            .on_quorum_loss = QUORUM_LOSS_FENCE};
    agent_add("east-db1", 0, true, true, 10);
    agent_add("east-db2", 0, true, true, 20);
    agent_add("west-db1", 1, true, true, 30);
    agent_add("west-web", 1, true, false, 40);
    agent_add("west-eye", 1, false, false, 50);
    agent_add("mon-eye", 2, true, true, 60);
}

static void only_the_other_regions_are_asked_and_answered(void **state) {
    (void)state;
    struct pins pins;
    make_topology();
    assert_int_equal(pins_of(&topology, "east-db1", &pins, NULL), ERR_OK);
    assert_string_equal(pins.region, "east");
    assert_int_equal(pins.guard_key[0], 11);
    assert_int_equal(pins.members_n, 1);
    assert_int_equal(pins.members[0].key[0], 7);
    assert_int_equal(pins.promisers_n, 1);
    assert_string_equal(pins.promisers[0].name, "west-db1");
    assert_int_equal(pins.promisers[0].key[0], 31); /* the guard's key */
    assert_int_equal(pins.askers_n, 3);
    assert_string_equal(pins.askers[1].name, "west-web");
    assert_string_equal(pins.askers[1].region, "west");
    assert_int_equal(pins.askers[1].key[0], 40); /* the agent's own */
    struct holder_conf conf = pins_holder_conf(&pins);
    assert_int_equal(conf.policy, HOLDER_FENCE);
    assert_int_equal(conf.promisers_n, 1);
    assert_int_equal(conf.lease_ms, 30000);
}

static void pins_that_no_guard_can_use_are_refused(void **state) {
    (void)state;
    struct pins pins;
    struct text256 why;
    make_topology();
    assert_int_equal(pins_of(&topology, "nobody", &pins, &why), ERR_CONFIG);
    assert_int_equal(pins_of(&topology, "west-eye", &pins, &why), ERR_CONFIG);
    assert_non_null(strstr(why.at, "west-eye"));
    topology.lease.gate_early_ms = 8000;
    assert_int_equal(pins_of(&topology, "east-db1", &pins, &why), ERR_CONFIG);
    make_topology();
    topology.lease.promise_ms = 29999;
    assert_int_equal(pins_of(&topology, "east-db1", &pins, &why), ERR_CONFIG);
    make_topology();
    topology.members_n = 0;
    assert_int_equal(pins_of(&topology, "east-db1", &pins, &why), ERR_CONFIG);
}

static void every_changed_byte_of_the_file_is_noticed(void **state) {
    (void)state;
    const struct holder_durable kept = {UINT64_MAX - 1, 77, 5};
    struct holder_durable read = {0};
    uint8_t bytes[DURABLE_SIZE + 1] = {0};
    durable_write(&kept, bytes);
    assert_true(durable_read(bytes, DURABLE_SIZE, &read));
    assert_memory_equal(&read, &kept, sizeof kept);
    for (size_t i = 0; i < DURABLE_SIZE; i++) {
        for (unsigned b = 0; b < 8; b++) {
            bytes[i] ^= (uint8_t)(1u << b);
            assert_false(durable_read(bytes, DURABLE_SIZE, &read));
            bytes[i] ^= (uint8_t)(1u << b);
        }
        assert_false(durable_read(bytes, i, &read));
    }
    assert_false(durable_read(bytes, DURABLE_SIZE + 1, &read));
}

static char directory[] = "/tmp/drover-guard-parts-XXXXXX";

static void a_socket_is_replaced_and_has_the_mode_that_was_asked_for(void **state) {
    (void)state;
    char path[128], too_long[256];
    struct text256 why;
    struct stat seen;
    (void)text_format(path, sizeof path, "%s/s", directory);
    for (mode_t mode = 0600; mode <= 0666; mode += 066) {
        int listener = local_socket_listen(path, mode, 4, &why);
        assert_true(listener >= 0);
        assert_int_equal(stat(path, &seen), 0);
        assert_int_equal(seen.st_mode & 0777, mode);
        assert_int_equal(local_socket_accept(listener, NULL, 0), -1);
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        (void)text_copy(to.sun_path, sizeof to.sun_path, path);
        int client = socket(AF_UNIX, SOCK_SEQPACKET, 0);
        assert_int_equal(connect(client, (struct sockaddr *)&to, sizeof to), 0);
        int ours = local_socket_accept(listener, NULL, 0);
        assert_true(ours >= 0); /* the same user */
        (void)close(ours);
        (void)close(client);
        (void)close(listener);
    }
    memset(too_long, 'x', sizeof too_long - 1);
    too_long[0] = '/';
    too_long[sizeof too_long - 1] = '\0';
    assert_int_equal(local_socket_listen(too_long, 0600, 4, &why), -1);
    (void)unlink(path);
}

static void systemd_is_told_when_it_asked(void **state) {
    (void)state;
    char path[128], got[64];
    notify_systemd("READY=1"); /* nobody asked */
    (void)text_format(path, sizeof path, "%s/n", directory);
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)text_copy(at.sun_path, sizeof at.sun_path, path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(setenv("NOTIFY_SOCKET", path, 1), 0);
    notify_systemd("READY=1\nWATCHDOG=1");
    ssize_t n = recv(fd, got, sizeof got, 0);
    assert_int_equal(n, strlen("READY=1\nWATCHDOG=1"));
    assert_memory_equal(got, "READY=1\nWATCHDOG=1", (size_t)n);
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    (void)close(fd);
    (void)unlink(path);
}

static void only_a_refusal_is_a_refused_knock(void **state) {
    (void)state;
    char address[64];
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    (void)text_format(address, sizeof address, "127.0.0.1:%u", ntohs(at.sin_port));
    assert_true(knock_refused(address, getuid(), 200)); /* bound, not listening */
    assert_int_equal(listen(fd, 4), 0);
    assert_false(knock_refused(address, getuid(), 200));
    (void)close(fd);
    assert_true(knock_refused(address, getuid(), 200));
    assert_false(knock_refused("127.0.0.1", getuid(), 200));
    assert_false(knock_refused("", getuid(), 200));
    assert_false(knock_refused("host:1", getuid(), 200));
    assert_false(knock_refused("[::1:1", getuid(), 200));
    if (geteuid() != 0) {
        assert_false(knock_refused(address, getuid() + 1, 200)); /* cannot be somebody else */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_other_regions_are_asked_and_answered),
        cmocka_unit_test(pins_that_no_guard_can_use_are_refused),
        cmocka_unit_test(every_changed_byte_of_the_file_is_noticed),
        cmocka_unit_test(a_socket_is_replaced_and_has_the_mode_that_was_asked_for),
        cmocka_unit_test(systemd_is_told_when_it_asked),
        cmocka_unit_test(only_a_refusal_is_a_refused_knock),
    };
    if (mkdtemp(directory) == NULL) {
        return 1;
    }
    int failed_n = cmocka_run_group_tests(tests, NULL, NULL);
    (void)rmdir(directory);
    return failed_n;
}
