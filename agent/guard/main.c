/* drover-guard: start and the poll loop. Reads its files, shuts the gate, locks itself into memory,
 * then serves its socket and lets time pass. */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "agent/guard/guard.h"
#include "common/base/ensure.h"
#include "common/io/clock.h"
#include "common/io/log.h"
#include "common/io/secrets.h"
#include "common/io/topology_read.h"

#define CLIENTS_MAX 4
#define TICK_MS 25

static struct guard guard;
static struct topology pins;
static volatile sig_atomic_t stopping;

static void on_signal(int number) {
    (void)number;
    stopping = 1;
}

static void on_ensure(const char *expression, const char *file, int line) {
    log_event(LOG_CRIT, "ensure.failed", "at=%s:%d \"%s\"", file, line, expression);
}

static void fill_holder_conf(struct holder_conf *conf) {
    const struct lease_numbers *lease = &pins.lease;
    memset(conf, 0, sizeof *conf);
    conf->lease_ms = lease->lease_ms;
    conf->fence_ms = lease->fence_ms;
    conf->gate_early_ms = lease->gate_early_ms;
    conf->promise_ms = lease->promise_ms;
    conf->policy = lease->on_quorum_loss == QUORUM_LOSS_HOLD    ? HOLDER_HOLD
                   : lease->on_quorum_loss == QUORUM_LOSS_FENCE ? HOLDER_FENCE
                                                                : HOLDER_FAILSAFE;
    conf->members_n = pins.members_n;
    for (unsigned a = 0; a < pins.agents_n; a++) {
        bool promises = pins.agents[a].gate && pins.agents[a].guarded &&
                        pins.agents[a].region != guard.region &&
                        pins.regions[pins.agents[a].region].kind == REGION_DATA;
        conf->promisers_n = (uint8_t)(conf->promisers_n + promises);
    }
}

static enum err check_pins(struct text256 *reterr) {
    const struct lease_numbers *lease = &pins.lease;
    guard.pins = &pins;
    guard.me = topology_agent(&pins, guard.conf.name);
    if (guard.me == NONE || !pins.agents[guard.me].guarded ||
        guard.keys.kind != KEY_GUARD ||
        memcmp(pins.agents[guard.me].guard_key, guard.keys.sign_public, KEY_SIZE) != 0) {
        text_say(reterr, "%s: %s is no guarded agent with the guard key of %s", guard.conf.pins,
                 guard.conf.name, guard.conf.key);
        return ERR_CONFIG;
    }
    guard.region = pins.agents[guard.me].region;
    if (lease->gate_early_ms == 0 || lease->gate_early_ms >= lease->fence_ms ||
        lease->fence_ms >= lease->lease_ms || lease->promise_ms < lease->lease_ms ||
        pins.members_n == 0 || guard.conf.gate.ports_n == 0) {
        text_say(reterr, "%s: the lease's numbers break gate_early < fence < lease <= promise",
                 guard.conf.pins);
        return ERR_CONFIG;
    }
    return ERR_OK;
}

static enum err guard_load(const char *path, struct text256 *reterr) {
    struct holder_conf conf;
    struct holder_durable durable;
    enum err err = guard_conf_read(path, &guard.conf, reterr);
    err = err != ERR_OK ? err : keys_read(guard.conf.key, &guard.keys, reterr);
    err = err != ERR_OK ? err : topology_read_file(guard.conf.pins, true, &pins, reterr);
    err = err != ERR_OK ? err : check_pins(reterr);
    err = err != ERR_OK ? err : store_read(guard.conf.state, &durable, reterr);
    err = err != ERR_OK ? err : gate_open_context(&guard.conf.gate, &guard.gate, reterr);
    err = err != ERR_OK ? err : gate_install(guard.gate, reterr);
    if (err != ERR_OK) {
        return err;
    }
    fill_holder_conf(&conf);
    holder_init(&guard.holder, &conf, &durable, clock_stamp());
    guard.gate_state = (uint8_t)gate_read(guard.gate);
    return ERR_OK;
}

/* Late by a page fault or a busy processor is late with the fence. */
static void hold_still(void) {
    struct sched_param priority = {.sched_priority = 1};
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) {
        log_event(LOG_WARNING, "guard.memory", "not locked: %s", strerror(errno));
    }
    if (sched_setscheduler(0, SCHED_RR, &priority) != 0) {
        log_event(LOG_WARNING, "guard.priority", "not real-time: %s", strerror(errno));
    }
}

static int listen_socket(struct text256 *reterr) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || !text_copy(address.sun_path, sizeof address.sun_path, guard.conf.socket)) {
        text_say(reterr, "socket %s: too long a path, or %s", guard.conf.socket,
                 strerror(errno));
        return -1;
    }
    (void)unlink(guard.conf.socket);
    mode_t mask = umask(guard.conf.agent_uids_n > 0 ? 0111 : 0177);
    int rc = bind(fd, (struct sockaddr *)&address, sizeof address);
    (void)umask(mask);
    if (rc != 0 || listen(fd, CLIENTS_MAX) != 0) {
        text_say(reterr, "socket %s: %s", guard.conf.socket, strerror(errno));
        (void)close(fd);
        return -1;
    }
    return fd;
}

static bool is_our_agent(int fd) {
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) {
        return false;
    }
    bool ours = peer.uid == 0 || peer.uid == getuid();
    for (unsigned i = 0; i < guard.conf.agent_uids_n; i++) {
        ours = ours || peer.uid == guard.conf.agent_uids[i];
    }
    return ours;
}

static void accept_client(struct pollfd *polls) {
    int fd = accept4(polls[0].fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    for (unsigned i = 2; fd >= 0 && i < 2 + CLIENTS_MAX; i++) {
        if (polls[i].fd < 0 && is_our_agent(fd)) {
            polls[i].fd = fd;
            return;
        }
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

static void serve_client(struct pollfd *client) {
    static uint8_t packet[GUARD_PACKET_MAX];
    static struct guard_request request;
    static struct guard_answer answer;
    ssize_t n = recv(client->fd, packet, sizeof packet, MSG_DONTWAIT | MSG_TRUNC);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    bool read = n > 0 && (size_t)n <= sizeof packet &&
                guard_request_read(packet, (size_t)n, &request);
    if (read) {
        serve_request(&guard, &request, &answer);
        size_t size = guard_answer_write(&answer, packet, sizeof packet);
        ensure(size > 0);
        read = send(client->fd, packet, size, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)size;
    }
    if (!read) {
        (void)close(client->fd);
        client->fd = -1;
    }
}

/* Wakes us also when the machine was suspended; MONOTONIC_RAW is looked at on every tick. */
static int tick_timer(void) {
    struct itimerspec every = {{0, TICK_MS * 1000000L}, {0, TICK_MS * 1000000L}};
    int fd = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (fd < 0 || timerfd_settime(fd, 0, &every, NULL) != 0) {
        return -1;
    }
    return fd;
}

static int run(int listener) {
    struct pollfd polls[2 + CLIENTS_MAX];
    uint64_t expirations;
    polls[0] = (struct pollfd){.fd = listener, .events = POLLIN};
    polls[1] = (struct pollfd){.fd = tick_timer(), .events = POLLIN};
    for (unsigned i = 2; i < 2 + CLIENTS_MAX; i++) {
        polls[i] = (struct pollfd){.fd = -1, .events = POLLIN};
    }
    while (!stopping) {
        int n = poll(polls, 2 + CLIENTS_MAX, TICK_MS);
        if (n < 0 && errno != EINTR) {
            log_event(LOG_CRIT, "guard.poll", "%s", strerror(errno));
            return EXIT_FAILURE;
        }
        if (n > 0 && (polls[1].revents & POLLIN) != 0) {
            (void)!read(polls[1].fd, &expirations, sizeof expirations);
        }
        fence_tick(&guard);
        if (n > 0 && (polls[0].revents & POLLIN) != 0) {
            accept_client(polls);
        }
        for (unsigned i = 2; n > 0 && i < 2 + CLIENTS_MAX; i++) {
            if (polls[i].fd >= 0 && polls[i].revents != 0) {
                serve_client(&polls[i]);
            }
        }
    }
    /* The gate stays as it is: the kernel shuts it when the lease ends. */
    log_event(LOG_NOTICE, "guard.stopping", "gate=%u left_ms=%u", guard.gate_state,
              holder_left_ms(&guard.holder, clock_stamp()));
    return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *path = NULL;
    struct text256 why = {{0}};
    int option;
    secrets_protect_process();
    ensure_hook = on_ensure;
    while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        path = option == 'c' ? optarg : NULL;
    }
    if (path == NULL || optind != argc) {
        (void)fprintf(stderr, "usage: drover-guard --config FILE\n");
        return 2;
    }
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    if (guard_load(path, &why) != ERR_OK) {
        log_event(LOG_CRIT, "guard.start", "%s", why.at);
        return EXIT_FAILURE;
    }
    fence_watchdog_open(&guard);
    int listener = listen_socket(&why);
    if (listener < 0) {
        log_event(LOG_CRIT, "guard.start", "%s", why.at);
        return EXIT_FAILURE;
    }
    hold_still();
    log_event(LOG_NOTICE, "guard.started", "name=%s gate=%u accepted=%llu fenced=%llu",
              guard.conf.name, guard.gate_state,
              (unsigned long long)guard.holder.durable.accepted_epoch,
              (unsigned long long)guard.holder.durable.fenced_epoch);
    return run(listener);
}
