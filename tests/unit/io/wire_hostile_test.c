/* The wire and peers that mean no good, or that died at a bad moment. They speak libzmq or plain
 * TCP directly: what a peer may do is not limited to what wire_connect does. */
#include "tests/unit/io/wire_bench.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

/* A raw DEALER; server_key NULL: no CURVE. */
static void *raw_dealer(void *context, const char *address, const uint8_t *server_key,
                        const struct pair *pair) {
    void *dealer = zmq_socket(context, ZMQ_DEALER);
    int zero = 0;
    assert_non_null(dealer);
    assert_int_equal(zmq_setsockopt(dealer, ZMQ_LINGER, &zero, sizeof zero), 0);
    if (server_key != NULL) {
        assert_int_equal(zmq_setsockopt(dealer, ZMQ_CURVE_SERVERKEY, server_key, KEY_SIZE), 0);
        assert_int_equal(zmq_setsockopt(dealer, ZMQ_CURVE_SECRETKEY, pair->secret, KEY_SIZE), 0);
        assert_int_equal(zmq_setsockopt(dealer, ZMQ_CURVE_PUBLICKEY, pair->public_key, KEY_SIZE),
                         0);
    }
    assert_int_equal(zmq_connect(dealer, address), 0);
    return dealer;
}

/* A connection of its own to a bench's server. */
static int raw_connect(const struct bench *bench) {
    unsigned port = 0;
    assert_int_equal(sscanf(bench->address, "tcp://127.0.0.1:%u", &port), 1);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(file >= 0);
    assert_int_equal(connect(file, (struct sockaddr *)&to, sizeof to), 0);
    return file;
}

static void a_peer_without_curve_gets_nothing(void **state) {
    struct bench *bench = *state;
    const struct wire_counters *counters = wire_counters(bench->wire);
    void *context = zmq_ctx_new();
    void *dealer = raw_dealer(context, bench->address, NULL, NULL);
    assert_int_equal(zmq_send(dealer, "let me in", 9, ZMQ_DONTWAIT), 9);
    /* libzmq's own client may leave before the server has looked at its greeting. */
    TURN(bench, counters->wrong_mechanism_n + counters->handshake_failed_n > 0, 2000);
    TURN(bench, false, 300);
    assert_true(counters->wrong_mechanism_n + counters->handshake_failed_n > 0);
    assert_int_equal(bench->at_server.n, 0);
    assert_non_null(strstr(bench->notices, "CURVE"));
    assert_int_equal(zmq_close(dealer), 0);
    assert_int_equal(zmq_ctx_term(context), 0);
}

static void a_greeting_without_curve_is_refused_and_counted(void **state) {
    struct bench *bench = *state;
    const struct wire_counters *counters = wire_counters(bench->wire);
    /* ZMTP 3.0: signature, version, mechanism NULL, not a server. */
    uint8_t greeting[64] = {[0] = 0xff, [9] = 0x7f, [10] = 3, [12] = 'N', 'U', 'L', 'L'};
    uint8_t answered[256];
    int file = raw_connect(bench);
    assert_int_equal(write(file, greeting, sizeof greeting), sizeof greeting);
    TURN(bench, counters->wrong_mechanism_n > 0, 2000);
    assert_int_equal(counters->wrong_mechanism_n, 1);
    assert_non_null(strstr(bench->notices, "connection without CURVE refused"));
    /* The server's greeting, and then the end: never anything else. */
    size_t got = 0;
    ssize_t n = 0;
    while ((n = read(file, answered + got, sizeof answered - got)) > 0) {
        got += (size_t)n;
    }
    assert_true(got <= 64);
    (void)close(file);
}

static void an_oversize_frame_disconnects_and_its_sender_recovers(void **state) {
    struct bench *bench = *state;
    static char big[4 * FRAME_MAX];
    void *context = zmq_ctx_new();
    void *dealer = raw_dealer(context, bench->address, bench->server.public_key, &bench->a);
    assert_int_equal(zmq_send(dealer, "fine", 4, ZMQ_DONTWAIT), 4);
    TURN(bench, bench->at_server.n == 1, 2000);
    assert_int_equal(bench->at_server.n, 1);
    assert_int_equal(zmq_send(dealer, big, sizeof big, ZMQ_DONTWAIT), (int)sizeof big);
    TURN(bench, wire_counters(bench->wire)->disconnected_n > 0, 2000);
    assert_int_equal(wire_counters(bench->wire)->disconnected_n, 1);
    /* A little above the limit, inside what sealing may add: seen, counted, dropped. Said again
     * until it is heard: what this peer sends before it has noticed the end is lost with the
     * session. */
    for (unsigned i = 0; i < 50 && wire_counters(bench->wire)->oversize_n == 0; i++) {
        (void)zmq_send(dealer, big, FRAME_MAX + 8, ZMQ_DONTWAIT);
        TURN(bench, wire_counters(bench->wire)->oversize_n > 0, 100);
    }
    assert_true(wire_counters(bench->wire)->oversize_n > 0);
    assert_int_equal(bench->at_server.n, 1);
    memset(big, 'f', FRAME_MAX);
    assert_int_equal(zmq_send(dealer, big, FRAME_MAX, 0), FRAME_MAX);
    TURN(bench, bench->at_server.n == 2, 2000);
    assert_int_equal(bench->at_server.n, 2);
    assert_int_equal(strlen(bench->at_server.text), FRAME_MAX);
    assert_int_equal(zmq_close(dealer), 0);
    assert_int_equal(zmq_ctx_term(context), 0);
    struct inbox inbox = {0};
    struct wire_client *client = bench_join(bench, &bench->b, &inbox);
    TURN(bench, wire_client_connected(client), 2000);
    assert_int_equal(wire_client_send(client, (uint8_t *)big, FRAME_MAX + 1), ERR_TOO_BIG);
}

static void several_frames_and_self_chosen_ids_are_not_listened_to(void **state) {
    struct bench *bench = *state;
    void *context = zmq_ctx_new();
    void *dealer = raw_dealer(context, bench->address, bench->server.public_key, &bench->a);
    assert_int_equal(zmq_send(dealer, "half", 4, ZMQ_DONTWAIT | ZMQ_SNDMORE), 4);
    assert_int_equal(zmq_send(dealer, "whole", 5, ZMQ_DONTWAIT), 5);
    TURN(bench, wire_counters(bench->wire)->no_identity_n > 0, 2000);
    assert_int_equal(wire_counters(bench->wire)->no_identity_n, 1);
    void *chosen = zmq_socket(context, ZMQ_DEALER);
    int zero = 0;
    assert_int_equal(zmq_setsockopt(chosen, ZMQ_LINGER, &zero, sizeof zero), 0);
    assert_int_equal(zmq_setsockopt(chosen, ZMQ_ROUTING_ID, "agent", 5), 0);
    assert_int_equal(
        zmq_setsockopt(chosen, ZMQ_CURVE_SERVERKEY, bench->server.public_key, KEY_SIZE), 0);
    assert_int_equal(zmq_setsockopt(chosen, ZMQ_CURVE_SECRETKEY, bench->b.secret, KEY_SIZE), 0);
    assert_int_equal(zmq_setsockopt(chosen, ZMQ_CURVE_PUBLICKEY, bench->b.public_key, KEY_SIZE), 0);
    assert_int_equal(zmq_connect(chosen, bench->address), 0);
    assert_int_equal(zmq_send(chosen, "x", 1, ZMQ_DONTWAIT), 1);
    TURN(bench, wire_counters(bench->wire)->no_identity_n > 1, 2000);
    assert_int_equal(wire_counters(bench->wire)->no_identity_n, 2);
    assert_int_equal(bench->at_server.n, 0);
    assert_int_equal(bench_answer(bench, 8, "x"), ERR_UNREACHABLE);
    assert_int_equal(zmq_close(chosen), 0);
    assert_int_equal(zmq_close(dealer), 0);
    assert_int_equal(zmq_ctx_term(context), 0);
}

static int open_files(void) {
    DIR *directory = opendir("/proc/self/fd");
    int n = 0;
    assert_non_null(directory);
    while (readdir(directory) != NULL) {
        n++;
    }
    (void)closedir(directory);
    return n;
}

static void idle_connections_neither_starve_nor_stay(void **state) {
    enum { IDLE_N = 200 };
    struct bench *bench = *state;
    struct inbox inbox = {0};
    static int idle[IDLE_N];
    int before = open_files();
    for (size_t i = 0; i < IDLE_N; i++) {
        idle[i] = raw_connect(bench);
    }
    uint64_t start_ms = clock_boot_ms();
    struct wire_client *client = bench_join(bench, &bench->a, &inbox);
    bench_heard(bench, client, "through the crowd");
    print_message("served after %d ms\n", (int)(clock_boot_ms() - start_ms));
    /* The crowd still stands. */
    assert_true(wire_counters(bench->wire)->handshake_failed_n < IDLE_N);
    assert_true(clock_boot_ms() - start_ms < 3000);
    assert_true(open_files() >= before + 2 * IDLE_N - 10); /* both ends are ours here */
    TURN(bench, wire_counters(bench->wire)->handshake_failed_n >= IDLE_N, 4000);
    assert_true(wire_counters(bench->wire)->handshake_failed_n >= IDLE_N);
    TURN(bench, open_files() <= before + IDLE_N + 4, 1000);
    assert_true(open_files() <= before + IDLE_N + 4); /* only our own ends are left */
    TURN(bench, strstr(bench->notices, "times since") != NULL, 1500);
    assert_true(bench->notices_n <= 4); /* counted, not shouted */
    assert_non_null(strstr(bench->notices, "times since the last notice"));
    for (size_t i = 0; i < IDLE_N; i++) {
        (void)close(idle[i]);
    }
}

/* A server in a process of its own, so that it can be stopped. */
static pid_t serve_apart(struct bench *bench, const struct pair *server, int ret_port[2]) {
    pid_t child = fork();
    assert_true(child >= 0);
    if (child != 0) {
        return child;
    }
    uv_loop_t loop;
    struct wire *wire = NULL;
    struct wire_server *serving = NULL;
    struct inbox inbox = {0};
    char address[ADDRESS_SIZE] = "";
    if (uv_loop_init(&loop) == 0 && wire_open(&loop, &wire, NULL) == ERR_OK &&
        wire_allow(wire, bench->identities, 2) == ERR_OK &&
        wire_serve(wire, ANY_PORT, server->secret, server->public_key, FRAME_MAX, bench_take_frame,
                   &inbox, &serving, NULL) == ERR_OK) {
        (void)text_copy(address, sizeof address, wire_server_address(serving));
    }
    ssize_t written = write(ret_port[1], address, sizeof address);
    if (written == (ssize_t)sizeof address) {
        (void)uv_run(&loop, UV_RUN_DEFAULT);
    }
    _exit(0);
}

static void a_stopped_server_is_noticed_by_its_silence(void **state) {
    struct bench *bench = *state;
    struct inbox inbox = {0};
    char address[ADDRESS_SIZE] = "";
    int port[2];
    assert_int_equal(pipe(port), 0);
    pid_t child = serve_apart(bench, &bench->server, port);
    assert_int_equal(read(port[0], address, sizeof address), (ssize_t)sizeof address);
    assert_true(text_starts(address, "tcp://"));
    struct wire_client *client = bench_join_at(bench, address, &bench->a, &inbox);
    TURN(bench, wire_client_connected(client), 2000);
    assert_true(wire_client_connected(client));
    TURN(bench, false, 2500); /* quiet: the second heartbeat and the third must come too */
    assert_true(wire_client_connected(client));
    assert_int_equal(kill(child, SIGSTOP), 0);
    uint64_t start_ms = clock_boot_ms();
    bool busy = false;
    static char filler[FRAME_MAX - 1];
    memset(filler, 'x', sizeof filler - 1);
    for (size_t i = 0; i < 20000 && !busy; i++) {
        busy = bench_say(client, filler) == ERR_BUSY; /* bounded: it is refused, not kept */
    }
    assert_true(busy);
    TURN(bench, !wire_client_connected(client), 6000);
    assert_false(wire_client_connected(client));
    print_message("silence noticed after %d ms\n", (int)(clock_boot_ms() - start_ms));
    assert_true(clock_boot_ms() - start_ms < 5000);
    assert_int_equal(bench_say(client, "x"), ERR_UNREACHABLE);
    assert_int_equal(kill(child, SIGCONT), 0);
    start_ms = clock_boot_ms();
    TURN(bench, wire_client_connected(client), 5000);
    assert_true(wire_client_connected(client));
    print_message("back after %d ms\n", (int)(clock_boot_ms() - start_ms));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    (void)close(port[0]);
    (void)close(port[1]);
}

struct raw_plan {
    unsigned frames_n; /* 0: as many as it can, until it is killed */
    size_t size;
};

/* A hostile peer in a process of its own, with an allowed key. */
static pid_t flood_apart(struct bench *bench, struct raw_plan plan) {
    static char filler[FRAME_MAX];
    pid_t child = fork();
    assert_true(child >= 0);
    if (child != 0) {
        return child;
    }
    int linger_ms = 500;
    void *context = zmq_ctx_new();
    void *dealer = raw_dealer(context, bench->address, bench->server.public_key, &bench->a);
    (void)zmq_setsockopt(dealer, ZMQ_LINGER, &linger_ms, sizeof linger_ms);
    for (unsigned i = 0; plan.frames_n == 0 || i < plan.frames_n; i++) {
        (void)zmq_send(dealer, filler, plan.size, 0);
    }
    (void)zmq_close(dealer);
    (void)zmq_ctx_term(context);
    _exit(0);
}

static void a_peer_that_leaves_before_it_is_read_does_no_harm(void **state) {
    struct bench *bench = *state;
    /* libzmq 4.3.4 with a bounded queue: "Assertion failed: !_io_error", and the process is
     * gone. */
    pid_t child = flood_apart(bench, (struct raw_plan){.frames_n = 500, .size = 2000});
    TURN(bench, bench->at_server.n > 0, 2000);
    assert_true(bench->at_server.n > 0);
    uint64_t end_ms = clock_boot_ms() + 2500; /* the loop stands still, heartbeats go on */
    while (clock_boot_ms() < end_ms) {
        (void)poll(NULL, 0, 100);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    TURN(bench, bench->at_server.n == 500, 2000);
    assert_int_equal(bench->at_server.n, 500);
}

static long resident_kib(void) {
    long pages = 0;
    long resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%ld %ld", &pages, &resident), 2);
    (void)fclose(file);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Three seconds of flood beside renewals: the memory that came to it, and the slowest renewal. */
static long flood_beside(struct bench *bench, struct wire_client *client, struct inbox *inbox,
                         uint64_t *ret_worst_ms) {
    long before_kib = resident_kib(), most_kib = 0;
    pid_t child = flood_apart(bench, (struct raw_plan){.frames_n = 0, .size = 200});
    uint64_t end_ms = clock_boot_ms() + 3000;
    *ret_worst_ms = 0;
    while (clock_boot_ms() < end_ms) {
        uint64_t start_ms = clock_boot_ms();
        unsigned got = inbox->n;
        unsigned before = bench->at_server.b_n;
        assert_int_equal(bench_say(client, "renewal"), ERR_OK);
        TURN(bench, bench->at_server.b_n > before, 2000);
        assert_int_equal(bench_answer(bench, 8, "yes"), ERR_OK);
        TURN(bench, inbox->n > got, 2000);
        assert_true(inbox->n > got);
        uint64_t took_ms = clock_boot_ms() - start_ms;
        *ret_worst_ms = took_ms > *ret_worst_ms ? took_ms : *ret_worst_ms;
        long now_kib = resident_kib();
        most_kib = now_kib > most_kib ? now_kib : most_kib;
        TURN(bench, false, 20);
    }
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    return most_kib - before_kib;
}

static void a_flooding_peer_neither_starves_others_nor_fills_memory(void **state) {
    struct bench *bench = *state;
    struct inbox inbox = {0};
    struct wire_client *client = bench_join(bench, &bench->b, &inbox);
    bench_heard(bench, client, "before");
    uint64_t worst_ms = UINT64_MAX;
    long more_kib = LONG_MAX;
    /* Frames wait in memory while this thread does not run, and a busy machine lets it wait. What
     * fills memory does so each time. */
    for (unsigned i = 0; i < 3 && (more_kib >= 32L * 1024 || worst_ms >= 1500); i++) {
        more_kib = flood_beside(bench, client, &inbox, &worst_ms);
        print_message("%llu frames dropped, slowest renewal %d ms, %ld KiB more\n",
                      (unsigned long long)wire_counters(bench->wire)->flood_n, (int)worst_ms,
                      more_kib);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) /* they keep freed memory */
        more_kib = 0;
#endif
    }
    assert_true(wire_counters(bench->wire)->flood_n > 1000);
    assert_true(worst_ms < 1500); /* starved it would wait for the end of the flood */
    assert_true(more_kib < 32L * 1024);
    assert_non_null(strstr(bench->notices, "more than 1000 frames a second from east-a"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        WIRE_TEST(a_peer_without_curve_gets_nothing),
        WIRE_TEST(a_greeting_without_curve_is_refused_and_counted),
        WIRE_TEST(an_oversize_frame_disconnects_and_its_sender_recovers),
        WIRE_TEST(several_frames_and_self_chosen_ids_are_not_listened_to),
        WIRE_TEST(idle_connections_neither_starve_nor_stay),
        WIRE_TEST(a_stopped_server_is_noticed_by_its_silence),
        WIRE_TEST(a_peer_that_leaves_before_it_is_read_does_no_harm),
        WIRE_TEST(a_flooding_peer_neither_starves_others_nor_fills_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
