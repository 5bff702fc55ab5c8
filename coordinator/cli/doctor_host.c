/* This machine: which programs run, who holds their ports, the gate in the kernel, the guard's
 * socket, the watchdog, the clocks. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/spawn.h"
#include "coordinator/cli/doctor_parts.h"

#define TABLE_SIZE 65536
#define NFT_MS 5000
#define CONNECT_MS 2000
#define PROCESSES_MAX 100000

/* --------------------------------------------------------------------- processes */

static bool proc_read(const char *pid, const char *name, char *out, size_t out_size) {
    char path[320];
    bool fits = text_format(path, sizeof path, "/proc/%s/%s", pid, name);
    FILE *file = fits ? fopen(path, "re") : NULL;
    size_t n = file != NULL ? fread(out, 1, out_size - 1, file) : 0;
    if (file != NULL) {
        (void)fclose(file);
    }
    out[n] = '\0';
    for (size_t i = 0; i < n; i++) { /* arguments are parted by zero bytes */
        out[i] = out[i] == '\0' || out[i] == '\n' ? ' ' : out[i];
    }
    return n > 0;
}

/* The kernel keeps 15 characters of a program's name. */
static bool is_program(const char *comm, const char *program) {
    size_t n = strlen(program) < 15 ? strlen(program) : 15;
    return strncmp(comm, program, n) == 0 && (comm[n] == ' ' || comm[n] == '\0');
}

/* By its name and the file it was started with. 0: none, else its pid; *ret_state as ps has it. */
static long process_find(const char *comm, const char *conf, char *ret_state) {
    char name[64], command[2048], stat_[512];
    long found = 0;
    DIR *directory = opendir("/proc");
    struct dirent *entry;
    for (unsigned n = 0; directory != NULL && found == 0 && n < PROCESSES_MAX; n++) {
        entry = readdir(directory);
        if (entry == NULL) {
            break;
        }
        if (entry->d_name[0] < '1' || entry->d_name[0] > '9' ||
            !proc_read(entry->d_name, "comm", name, sizeof name) || !is_program(name, comm) ||
            !proc_read(entry->d_name, "cmdline", command, sizeof command)) {
            continue;
        }
        bool default_file =
            strstr(command, "--config") == NULL && text_starts(conf, "/etc/drover/");
        if (strstr(command, conf) != NULL || default_file) {
            found = strtol(entry->d_name, NULL, 10);
            const char *end =
                proc_read(entry->d_name, "stat", stat_, sizeof stat_) ? strrchr(stat_, ')') : NULL;
            *ret_state = end != NULL && end[1] == ' ' ? end[2] : '?';
        }
    }
    if (directory != NULL) {
        (void)closedir(directory);
    }
    return found;
}

/* True when it runs. */
static bool look_process(struct doctor *doctor, const char *program, const char *conf) {
    char state = '?', fix[96];
    long pid = process_find(program, conf, &state);
    (void)text_format(fix, sizeof fix, "systemctl restart %s; journalctl -u %s", program, program);
    if (pid == 0) {
        doctor_say(doctor, DOCTOR_WRONG, program, fix, "does not run with %s", conf);
    } else if (state == 'T' || state == 't' || state == 'Z') {
        doctor_say(doctor, DOCTOR_WRONG, program, fix, "process %ld is %s", pid,
                   state == 'Z' ? "dead" : "stopped");
    } else {
        doctor_say(doctor, DOCTOR_GOOD, program, NULL, "runs, process %ld", pid);
    }
    return pid != 0;
}

/* ------------------------------------------------------------------------- ports */

/* Who has this socket open: "haproxy (812)", or "" when it cannot be seen. */
static void holder_find(unsigned long inode, char *out, size_t out_size) {
    char wanted[48], path[600], link[64], name[64];
    DIR *processes = opendir("/proc");
    out[0] = '\0';
    (void)text_format(wanted, sizeof wanted, "socket:[%lu]", inode);
    for (unsigned n = 0; processes != NULL && out[0] == '\0' && n < PROCESSES_MAX; n++) {
        struct dirent *process = readdir(processes);
        if (process == NULL) {
            break;
        }
        (void)text_format(path, sizeof path, "/proc/%s/fd", process->d_name);
        DIR *files = process->d_name[0] >= '1' && process->d_name[0] <= '9' ? opendir(path) : NULL;
        for (struct dirent *file = files == NULL ? NULL : readdir(files); file != NULL;
             file = readdir(files)) {
            (void)text_format(path, sizeof path, "/proc/%s/fd/%s", process->d_name, file->d_name);
            ssize_t size = readlink(path, link, sizeof link - 1);
            link[size > 0 ? size : 0] = '\0';
            if (text_equal(link, wanted) && proc_read(process->d_name, "comm", name, sizeof name)) {
                name[strcspn(name, " ")] = '\0';
                (void)text_format(out, out_size, "%s (process %s)", name, process->d_name);
                break;
            }
        }
        if (files != NULL) {
            (void)closedir(files);
        }
    }
    if (processes != NULL) {
        (void)closedir(processes);
    }
}

/* The inode of the socket that listens on this port, of any address; 0: not seen. */
static unsigned long listener_find(unsigned port) {
    static const char *const tables[] = {"/proc/self/net/tcp", "/proc/self/net/tcp6"};
    for (unsigned t = 0; t < 2; t++) {
        FILE *file = fopen(tables[t], "re");
        char line[512];
        while (file != NULL && fgets(line, sizeof line, file) != NULL) {
            unsigned local = 0, state = 0;
            unsigned long inode = 0;
            int n = sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*s %x %*s %*s %*s %*u %*u %lu", &local,
                           &state, &inode);
            if (n == 3 && local == port && state == 0x0a) {
                (void)fclose(file);
                return inode;
            }
        }
        if (file != NULL) {
            (void)fclose(file);
        }
    }
    return 0;
}

static bool address_read(const char *text, struct sockaddr_storage *ret_at, socklen_t *ret_size,
                         unsigned *ret_port) {
    char host[ADDRESS_SIZE];
    const char *from = text_starts(text, "tcp://") ? text + 6 : text;
    const char *colon = strrchr(from, ':');
    struct sockaddr_in *v4 = (struct sockaddr_in *)ret_at;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret_at;
    uint64_t port = 0;
    if (colon == NULL || !text_copy(host, sizeof host, from) ||
        !text_to_u64(colon + 1, 65535, &port)) {
        return false;
    }
    host[colon - from] = '\0';
    memset(ret_at, 0, sizeof *ret_at);
    *ret_port = (unsigned)port;
    size_t n = strlen(host);
    if (n > 2 && host[0] == '[' && host[n - 1] == ']') {
        host[n - 1] = '\0';
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        *ret_size = sizeof *v6;
        return inet_pton(AF_INET6, host + 1, &v6->sin6_addr) == 1;
    }
    v4->sin_family = AF_INET;
    v4->sin_port = htons((uint16_t)port);
    *ret_size = sizeof *v4;
    return inet_pton(AF_INET, host, &v4->sin_addr) == 1;
}

bool doctor_connects(const char *address) {
    struct sockaddr_storage at;
    socklen_t size = 0;
    unsigned port = 0;
    int error = 0;
    socklen_t error_size = sizeof error;
    if (!address_read(address, &at, &size, &port)) {
        return false;
    }
    int fd = socket(at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    bool there = fd >= 0 && connect(fd, (struct sockaddr *)&at, size) == 0;
    if (fd >= 0 && !there && errno == EINPROGRESS) {
        there = poll(&wait, 1, CONNECT_MS) == 1 &&
                getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size) == 0 && error == 0;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return there;
}

static void look_taken(struct doctor *doctor, const char *subject, const char *address,
                       unsigned port, const char *program) {
    char holder[128] = {0}, fix[160];
    unsigned long inode = listener_find(port);
    holder_find(inode, holder, sizeof holder);
    (void)text_format(fix, sizeof fix, "stop what listens there, or choose another address for %s",
                      subject);
    if (inode != 0 && holder[0] == '\0') {
        doctor_say(doctor, DOCTOR_SKIPPED, subject, "run this as root",
                   "%s is taken; by whom cannot be seen", address);
    } else if (is_program(holder, program)) {
        doctor_say(doctor, DOCTOR_GOOD, subject, NULL, "%s is held by %s", address, holder);
    } else {
        doctor_say(doctor, DOCTOR_WRONG, subject, fix, "%s is taken by %s", address,
                   holder[0] != '\0' ? holder : "a connection");
    }
}

/* Bound for a moment: free, taken, or no address of this machine. */
static void look_port(struct doctor *doctor, const char *subject, const char *address,
                      const char *program) {
    struct sockaddr_storage at;
    socklen_t size = 0;
    unsigned port = 0;
    int one = 1;
    if (address[0] == '\0') {
        return;
    }
    if (!address_read(address, &at, &size, &port)) {
        doctor_say(doctor, DOCTOR_WRONG, subject, "write a numeric address", "%s is none", address);
        return;
    }
    int fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    }
    int error = fd >= 0 && bind(fd, (struct sockaddr *)&at, size) == 0 ? 0 : errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (error == EADDRINUSE) {
        look_taken(doctor, subject, address, port, program);
    } else if (error == EADDRNOTAVAIL) {
        doctor_say(doctor, DOCTOR_WRONG, subject, "ip address; write one of them",
                   "%s is no address of this machine", address);
    } else if (error != 0) {
        doctor_say(doctor, DOCTOR_WRONG, subject, "choose another port", "%s: %s", address,
                   strerror(error));
    } else {
        doctor_say(doctor, DOCTOR_GOOD, subject, NULL, "%s is free", address);
    }
}

/* ------------------------------------------------------------------ guard and gate */

/* /proc/net/unix, as of this network namespace: listening sockets have the flag 0x10000. */
static bool socket_listens(const char *path) {
    char line[512];
    bool found = false;
    FILE *file = fopen("/proc/self/net/unix", "re");
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL) {
        unsigned flags = 0;
        const char *at = strchr(line, '/');
        line[strcspn(line, "\n")] = '\0';
        found = sscanf(line, "%*s %*s %*s %x", &flags) == 1 && (flags & 0x10000) != 0 &&
                at != NULL && text_equal(at, path);
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return found;
}

static void look_gate(struct doctor *doctor) {
    static char text[TABLE_SIZE];
    static const char *const argv[] = {"nft", "list", "table", "inet", "drover", NULL};
    static const char fix[] = "systemctl restart drover-guard";
    struct spawn_input input = {.path = "/usr/sbin/nft",
                                .argv = argv,
                                .deadline_boot_ms = clock_boot_ms() + NFT_MS,
                                .output = text,
                                .output_size = sizeof text};
    struct spawn_result result;
    struct text256 why = {{0}};
    if (getuid() != 0) {
        doctor_say(doctor, DOCTOR_SKIPPED, "gate", "run this as root",
                   "only root may look into nftables");
        return;
    }
    enum err err = spawn_run(&input, &result, &why);
    if (err != ERR_OK) {
        doctor_say(doctor, DOCTOR_SKIPPED, "gate", "apt-get install nftables",
                   "nft cannot be run: %s", err_text(err));
    } else if (!result.exited || result.exit_code != 0) {
        doctor_say(doctor, DOCTOR_WRONG, "gate", fix,
                   "there is no table inet drover in the kernel: nothing is shut here");
    } else if (!gate_is_whole(text, &doctor->guard.gate, &why)) {
        doctor_say(doctor, DOCTOR_WRONG, "gate", fix, "%s", why.at);
    } else {
        doctor_say(doctor, DOCTOR_GOOD, "gate", NULL,
                   "in the kernel, for every port of guard.conf");
    }
}

static void look_watchdog(struct doctor *doctor) {
    const char *path = doctor->guard.watchdog;
    struct stat at;
    if (path[0] == '\0') {
        return;
    }
    if (stat(path, &at) != 0 || !S_ISCHR(at.st_mode)) {
        doctor_say(doctor, DOCTOR_WRONG, "watchdog",
                   "modprobe softdog, or the hardware's own module",
                   "%s is declared in guard.conf and is no device", path);
    } else {
        doctor_say(doctor, DOCTOR_GOOD, "watchdog", NULL, "%s is there", path);
    }
}

/* ------------------------------------------------------------------------ clocks */

static void look_clocks(struct doctor *doctor) {
    struct timex clock;
    struct stamp now = clock_stamp();
    memset(&clock, 0, sizeof clock);
    if (now.boot_ms == 0 || now.raw_ms == 0) {
        doctor_say(doctor, DOCTOR_WRONG, "clocks", "a Linux from 2.6.39 on is needed",
                   "CLOCK_BOOTTIME or CLOCK_MONOTONIC_RAW does not run");
        return;
    }
    int state = adjtimex(&clock);
    if (state < 0) {
        doctor_say(doctor, DOCTOR_SKIPPED, "clocks", NULL, "adjtimex: %s", strerror(errno));
    } else if (state == TIME_ERROR || (clock.status & STA_UNSYNC) != 0) {
        /* Leases do not need it, people reading records do. */
        doctor_say(doctor, DOCTOR_WARNING, "clocks", "timedatectl set-ntp true; chronyc tracking",
                   "the kernel says that nothing synchronises the time of day");
    } else {
        doctor_say(doctor, DOCTOR_GOOD, "clocks", NULL, "synchronised, at most %ld ms off",
                   clock.maxerror / 1000);
    }
}

void doctor_host(struct doctor *doctor) {
    const struct coordinator_conf *member = &doctor->coordinator;
    if (doctor->has_agent) {
        (void)look_process(doctor, "drover-agent", doctor->agent_path);
        look_port(doctor, "peer_listen", doctor->agent.peer_listen, "drover-agent");
        look_port(doctor, "writable_listen", doctor->agent.writable_listen, "drover-agent");
        look_port(doctor, "http_listen", doctor->agent.http_listen, "drover-agent");
    }
    if (doctor->has_guard) {
        bool runs = look_process(doctor, "drover-guard", doctor->guard_path);
        if (runs && !socket_listens(doctor->guard.socket)) {
            doctor_say(doctor, DOCTOR_WRONG, "guard socket", "systemctl restart drover-guard",
                       "nobody listens at %s", doctor->guard.socket);
        }
        look_gate(doctor);
        look_watchdog(doctor);
    }
    if (doctor->has_coordinator) {
        uint8_t m = topology_member(doctor->pins, member->name);
        const struct member *known = m == NONE ? NULL : &doctor->pins->members[m];
        const char *agents = known != NULL ? known->agents_address : "";
        const char *operators = known != NULL ? known->operators_address : "";
        agents = member->agents_listen[0] != '\0' ? member->agents_listen : agents;
        operators = member->operators_listen[0] != '\0' ? member->operators_listen : operators;
        (void)look_process(doctor, "drover-coordinator", doctor->coordinator_path);
        look_port(doctor, "agents_listen", agents, "drover-coordinator");
        look_port(doctor, "operators_listen", operators, "drover-coordinator");
        look_port(doctor, "http_listen", member->http_listen, "drover-coordinator");
    }
    look_clocks(doctor);
}
