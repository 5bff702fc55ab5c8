/* drover-guard: start and the poll loop. Reads its files, shuts the gate, locks itself into memory,
 * then serves its socket and lets time pass. */
#include <errno.h>
#include <malloc.h>
#include <nss.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/guard/guard.h"
#include "common/base/ensure.h"
#include "common/io/clock.h"
#include "common/io/local_socket.h"
#include "common/io/log.h"
#include "common/io/notify.h"
#include "common/io/secrets.h"
#include "common/io/topology_read.h"

#define TICK_MS 25
#define CLIENTS_MAX 4
/* Calls and connections a tick: a flood must not take a processor from the host. */
#define SERVED_MAX 4
#define TELL_MS 1000

enum poll_place { POLL_LISTENER, POLL_CLIENTS, POLLS_N = POLL_CLIENTS + CLIENTS_MAX };

static struct guard guard;
static volatile sig_atomic_t stopping;

static void on_signal(int number) {
    (void)number;
    stopping = 1;
}

static void on_ensure(const char *expression, const char *file, int line) {
    log_event(LOG_CRIT, "ensure.failed", "at=%s:%d \"%s\"", file, line, expression);
}

static enum err pins_read(struct text256 *reterr) {
    struct topology *topology = calloc(1, sizeof *topology);
    ensure(topology != NULL);
    enum err err = topology_read_file(guard.conf.pins, true, topology, reterr);
    err = err != ERR_OK ? err : pins_of(topology, guard.conf.name, &guard.pins, reterr);
    free(topology);
    guard.key_place = (uint8_t)keys_place(&guard.keys, NULL, guard.pins.guard_key, NULL,
                                          guard.pins.guard_key_next);
    if (err == ERR_OK && (guard.keys.kind != KEY_GUARD || guard.key_place == KEY_NOT_PINNED)) {
        text_say(reterr, "%s: its public half is no guard_key of %s in %s", guard.conf.key,
                 guard.conf.name, guard.conf.pins);
        err = ERR_CONFIG;
    }
    return err;
}

/* The gate first: whatever else is wrong here, this host starts closed. */
static enum err guard_load(const char *path, struct text256 *reterr) {
    struct holder_durable durable;
    enum err err = guard_conf_read(path, &guard.conf, reterr);
    if (err == ERR_OK && !text_equal(guard.conf.gate.family, "inet")) {
        text_say(reterr, "%s: gate.family: expected inet: the gate guards IPv4 and IPv6", path);
        err = ERR_CONFIG;
    }
    err = err != ERR_OK ? err : gate_install(&guard.conf.gate, reterr);
    err = err != ERR_OK ? err : keys_read(guard.conf.key, &guard.keys, reterr);
    err = err != ERR_OK ? err : pins_read(reterr);
    err = err != ERR_OK ? err : store_open(guard.conf.state, &durable, reterr);
    if (err != ERR_OK) {
        return err;
    }
    struct holder_conf conf = pins_holder_conf(&guard.pins);
    holder_init(&guard.holder, &conf, &durable, clock_stamp());
    fence_start(&guard);
    return ERR_OK;
}

/* libnftables takes megabytes for each transaction and hardly touches them: given back at once,
 * they are not ours to lock. And it asks for users by name, even of a number: never over a
 * network. */
static void keep_small(void) {
    (void)mallopt(M_MMAP_THRESHOLD, 64 * 1024); /* another malloc than glibc's may refuse */
    (void)mallopt(M_TRIM_THRESHOLD, 64 * 1024);
    int rc = __nss_configure_lookup("passwd", "files");
    ensure(rc == 0);
}

/* Late by a page fault or a busy processor is late with the fence. What comes later is locked only
 * once it is touched. */
static void hold_still(void) {
    struct sched_param priority = {.sched_priority = 1};
    if (mlockall(MCL_CURRENT) != 0 || mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) != 0) {
        log_event(LOG_WARNING, "guard.memory", "not locked: %s", strerror(errno));
    }
    if (sched_setscheduler(0, SCHED_RR, &priority) != 0) {
        log_event(LOG_WARNING, "guard.priority", "not real-time: %s", strerror(errno));
    }
}

static void accept_client(struct pollfd *polls) {
    int fd = local_socket_accept(polls[POLL_LISTENER].fd, guard.conf.agent_uids,
                                 guard.conf.agent_uids_n);
    for (unsigned i = POLL_CLIENTS; fd >= 0 && i < POLLS_N; i++) {
        if (polls[i].fd < 0) {
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
    bool read =
        n > 0 && (size_t)n <= sizeof packet && guard_request_read(packet, (size_t)n, &request);
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

static void serve_polled(struct pollfd *polls, unsigned *served_n) {
    if (polls[POLL_LISTENER].revents != 0) {
        accept_client(polls);
        ++*served_n;
    }
    for (unsigned i = POLL_CLIENTS; i < POLLS_N; i++) {
        if (polls[i].fd >= 0 && polls[i].revents != 0) {
            serve_client(&polls[i]);
            ++*served_n;
        }
    }
}

static int run(int listener) {
    struct pollfd polls[POLLS_N];
    uint64_t told_ms = 0, ticked_ms = 0;
    unsigned served_n = 0;
    for (unsigned i = 0; i < POLLS_N; i++) {
        polls[i] = (struct pollfd){.fd = i == POLL_LISTENER ? listener : -1, .events = POLLIN};
    }
    while (!stopping) {
        int n = poll(polls, served_n < SERVED_MAX ? POLLS_N : 0, TICK_MS);
        uint64_t now_ms = clock_boot_ms();
        fence_tick(&guard);
        if (n > 0 && served_n < SERVED_MAX) {
            serve_polled(polls, &served_n);
        }
        if (now_ms - ticked_ms >= TICK_MS) {
            ticked_ms = now_ms;
            served_n = 0;
        }
        if (now_ms - told_ms >= TELL_MS) {
            notify_systemd(told_ms == 0 ? "READY=1\nWATCHDOG=1" : "WATCHDOG=1");
            told_ms = now_ms;
        }
    }
    /* The gate stays as it is: the kernel shuts it when the lease ends. */
    log_event(LOG_NOTICE, "guard.stopping", "gate=%u left_ms=%u", guard.gate_state,
              holder_left_ms(&guard.holder, clock_stamp()));
    return EXIT_SUCCESS;
}

int main(int argc, char **argv) {
    struct text256 why = {{0}};
    ensure_hook = on_ensure;
    secrets_protect_process();
    keep_small();
    if (argc != 3 || !text_equal(argv[1], "--config")) {
        (void)fprintf(stderr, "usage: drover-guard --config FILE\n");
        return 2;
    }
    struct sigaction action = {.sa_handler = on_signal};
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    if (guard_load(argv[2], &why) != ERR_OK) {
        log_event(LOG_CRIT, "guard.start", "%s", why.at);
        return EXIT_FAILURE;
    }
    int listener = local_socket_listen(guard.conf.socket, guard.conf.agent_uids_n > 0 ? 0666 : 0600,
                                       CLIENTS_MAX, &why);
    if (listener < 0) {
        log_event(LOG_CRIT, "guard.start", "%s", why.at);
        return EXIT_FAILURE;
    }
    hold_still();
    log_event(LOG_NOTICE, "guard.started", "name=%s key=%s gate=%u accepted=%llu fenced=%llu",
              guard.conf.name, guard.key_place == KEY_PINNED_NEXT ? "next" : "pinned",
              guard.gate_state, (unsigned long long)guard.holder.durable.accepted_epoch,
              (unsigned long long)guard.holder.durable.fenced_epoch);
    return run(listener);
}
