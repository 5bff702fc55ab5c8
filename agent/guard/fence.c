/* The rungs below the kernel's gate: kill what the agent did not demote in time, prove the fence by
 * looking and knocking, and let the watchdog reset the host when neither lease nor fence is sure. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/guard/guard.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/log.h"
#include "common/io/sign.h"
#include "proto/canon.h"

#define GATE_READ_MS 1000
#define PROVE_AGAIN_MS 500
#define KNOCK_MS 300
#define NOBODY 65534
#define WATCHDOG_PET_MS 1000

static void kill_writer(const struct writer_conf *writer) {
    char text[256];
    size_t size = 0;
    uint64_t pid = 0;
    if (writer->kind == WRITER_CGROUP) {
        char path[CONF_PATH_SIZE + 16];
        (void)text_format(path, sizeof path, "%s/cgroup.kill", writer->path);
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        bool killed = fd >= 0 && write(fd, "1", 1) == 1;
        if (fd >= 0) {
            (void)close(fd);
        }
        log_event(LOG_WARNING, "guard.killed", "cgroup=%s ok=%d", writer->path, killed);
        return;
    }
    if (file_read(writer->path, text, sizeof text, &size, NULL) != ERR_OK) {
        return;
    }
    text[strcspn(text, "\n \t")] = '\0';
    if (text_to_u64(text, 4194304, &pid) && pid > 1) {
        int rc = kill((pid_t)pid, SIGKILL);
        log_event(LOG_WARNING, "guard.killed", "pidfile=%s pid=%u ok=%d", writer->path,
                  (unsigned)pid, rc == 0);
    }
}

static bool knock_address(const char *text, struct sockaddr_in *ret_address) {
    char host[ADDRESS_SIZE];
    uint64_t port = 0;
    char *colon = text_copy(host, sizeof host, text) ? strrchr(host, ':') : NULL;
    if (colon == NULL || !text_to_u64(colon + 1, 65535, &port)) {
        return false;
    }
    *colon = '\0';
    memset(ret_address, 0, sizeof *ret_address);
    ret_address->sin_family = AF_INET;
    ret_address->sin_port = htons((uint16_t)port);
    return inet_pton(AF_INET, host, &ret_address->sin_addr) == 1;
}

/* In a child without rights, as any program on this host would: true when somebody answers. */
static bool child_is_let_in(const char *text) {
    struct sockaddr_in address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || !knock_address(text, &address)) {
        return true; /* not proved */
    }
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
        return true;
    }
    if (errno != EINPROGRESS) {
        return errno != ECONNREFUSED && errno != ECONNRESET;
    }
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    int error = ETIMEDOUT;
    socklen_t size = sizeof error;
    if (poll(&wait, 1, KNOCK_MS) == 1) {
        (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    }
    return error == 0;
}

/* True when no knock gets in. Without configured knocks the guarded ports on loopback are tried. */
static bool knocks_refused(const struct guard *guard) {
    pid_t child = fork();
    if (child == 0) {
        bool let_in = setgid(NOBODY) != 0 || setuid(NOBODY) != 0;
        for (unsigned i = 0; !let_in && i < guard->conf.knocks_n; i++) {
            let_in = child_is_let_in(guard->conf.knocks[i]);
        }
        for (unsigned i = 0; !let_in && guard->conf.knocks_n == 0 && i < guard->conf.gate.ports_n;
             i++) {
            char address[ADDRESS_SIZE];
            (void)text_format(address, sizeof address, "127.0.0.1:%u", guard->conf.gate.ports[i]);
            let_in = child_is_let_in(address);
        }
        _exit(let_in ? 1 : 0);
    }
    int status = 1;
    if (child < 0 || waitpid(child, &status, 0) != child) {
        return false;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The proof: refused for ever on disk, no lease, the kernel's gate seen shut, every knock refused. */
void fence_prove(struct guard *guard) {
    uint8_t canon[CANON_MAX];
    struct fence_proof proof = {.present = true};
    const struct holder *holder = &guard->holder;
    uint64_t epoch = holder->durable.fenced_epoch;
    guard->prove_next_ms = clock_boot_ms() + PROVE_AGAIN_MS;
    if (holder->leased || epoch == 0 || holder->durable.accepted_epoch > epoch ||
        (guard->fence_proved && guard->proved_epoch == epoch)) {
        return;
    }
    guard->gate_state = (uint8_t)gate_read(guard->gate);
    if (guard->gate_state != GATE_SHUT || !knocks_refused(guard)) {
        return;
    }
    proof.epoch = epoch;
    (void)text_copy(proof.agent, NAME_SIZE, guard->conf.name);
    (void)text_copy(proof.region, NAME_SIZE, guard->pins->regions[guard->region].name);
    size_t size = canon_fence(guard->pins->cluster, &proof, canon);
    if (sign_bytes(guard->keys.sign_secret, canon, size, guard->fence_signature) == ERR_OK) {
        guard->fence_proved = true;
        guard->proved_epoch = epoch;
        log_event(LOG_NOTICE, "fence.proved", "epoch=%llu", (unsigned long long)epoch);
    }
}

/* Somebody flushed the ruleset, or the kernel lost it: shut again at once, then open for what the
 * lease still has. */
static void mend_gate(struct guard *guard, uint64_t now_ms) {
    struct text256 why;
    if (now_ms - guard->gate_read_ms < GATE_READ_MS) {
        return;
    }
    guard->gate_read_ms = now_ms;
    guard->gate_state = (uint8_t)gate_read(guard->gate);
    if (guard->gate_state != GATE_ABSENT) {
        return;
    }
    log_event(LOG_CRIT, "gate.absent", "the gate's rules were gone; made anew");
    if (gate_install(guard->gate, &why) != ERR_OK) {
        log_event(LOG_CRIT, "gate.install", "%s", why.at);
        return;
    }
    serve_refresh_gate(guard);
    guard->gate_state = (uint8_t)gate_read(guard->gate);
}

void fence_watchdog_open(struct guard *guard) {
    guard->watchdog = -1;
    if (guard->conf.watchdog[0] == '\0') {
        return;
    }
    guard->watchdog = open(guard->conf.watchdog, O_WRONLY | O_CLOEXEC);
    if (guard->watchdog < 0) {
        log_event(LOG_ERR, "watchdog.open", "device=%s %s", guard->conf.watchdog,
                  strerror(errno));
    }
}

/* Only a valid lease or a gate seen shut keeps this host alive. */
static void pet_watchdog(struct guard *guard, uint64_t now_ms) {
    bool sure = guard->holder.leased || guard->gate_state == GATE_SHUT;
    if (guard->watchdog < 0 || !sure || now_ms - guard->petted_ms < WATCHDOG_PET_MS) {
        return;
    }
    guard->petted_ms = now_ms;
    if (write(guard->watchdog, "1", 1) != 1) {
        log_event(LOG_ERR, "watchdog.write", "%s", strerror(errno));
    }
}

static void on_lease_ended(struct guard *guard, uint64_t now_ms) {
    struct text256 why;
    guard->lease_ended_ms = now_ms;
    guard->kill_due = true;
    log_event(LOG_WARNING, "lease.ended", "epoch=%llu",
              (unsigned long long)guard->holder.durable.accepted_epoch);
    if (gate_shut(guard->gate, &why) != ERR_OK) {
        log_event(LOG_CRIT, "gate.shut", "%s", why.at);
    }
    guard->gate_state = (uint8_t)gate_read(guard->gate);
}

void fence_tick(struct guard *guard) {
    uint64_t now_ms = clock_boot_ms();
    holder_tick(&guard->holder, clock_stamp());
    bool leased = guard->holder.leased;
    if (guard->was_leased && !leased) {
        on_lease_ended(guard, now_ms);
    }
    if (leased) {
        guard->fence_proved = false;
        guard->kill_due = false;
        guard->soft_fence_done = guard->soft_fence_done && guard->was_leased;
    }
    guard->was_leased = leased;
    if (guard->kill_due && !guard->soft_fence_done &&
        now_ms - guard->lease_ended_ms >= guard->holder.conf.fence_ms) {
        guard->kill_due = false;
        for (unsigned i = 0; i < guard->conf.writers_n; i++) {
            kill_writer(&guard->conf.writers[i]);
        }
    }
    mend_gate(guard, now_ms);
    if (!leased && now_ms >= guard->prove_next_ms) {
        fence_prove(guard);
    }
    pet_watchdog(guard, now_ms);
}
