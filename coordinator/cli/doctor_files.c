/* The local files: read, their pins like the topology in force, keys, secrets, and directories that
 * can be written with room left. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/io/topology_read.h"
#include "coordinator/cli/doctor_parts.h"

#define MIB UINT64_C(1048576)
#define FREE_WRONG (64 * MIB)
#define FREE_WARNING (512 * MIB)
#define INODES_WRONG 1000

/* ------------------------------------------------------------------- directories */

static void look_room(struct doctor *doctor, const char *subject, const char *path) {
    struct statvfs room;
    char fix[CONF_PATH_SIZE + 64];
    (void)text_format(fix, sizeof fix, "df -h %s; df -i %s; make room there", path, path);
    if (statvfs(path, &room) != 0) {
        doctor_say(doctor, DOCTOR_SKIPPED, subject, NULL, "%s: %s", path, strerror(errno));
        return;
    }
    uint64_t free_bytes = (uint64_t)room.f_bavail * room.f_frsize;
    bool inodes = room.f_files == 0 || room.f_favail >= INODES_WRONG;
    if (free_bytes < FREE_WRONG || !inodes) {
        doctor_say(doctor, DOCTOR_WRONG, subject, fix, "%s has only %llu MiB and %llu inodes left",
                   path, (unsigned long long)(free_bytes / MIB), (unsigned long long)room.f_favail);
    } else if (free_bytes < FREE_WARNING) {
        doctor_say(doctor, DOCTOR_WARNING, subject, fix, "%s has %llu MiB left", path,
                   (unsigned long long)(free_bytes / MIB));
    } else {
        doctor_say(doctor, DOCTOR_GOOD, subject, NULL, "%s can be written, %llu MiB left", path,
                   (unsigned long long)(free_bytes / MIB));
    }
}

/* Written as its owner: a read-only mount and a lost permission both show. */
static void look_directory(struct doctor *doctor, const char *program, const char *path) {
    char subject[64], fix[CONF_PATH_SIZE + 64], probe[CONF_PATH_SIZE + 32];
    struct stat at;
    (void)text_format(subject, sizeof subject, "state of the %s", program);
    (void)text_format(fix, sizeof fix, "install -d -m 700 -o %s %s",
                      text_equal(program, "guard") ? "root" : "drover", path);
    if (stat(path, &at) != 0 || !S_ISDIR(at.st_mode)) {
        doctor_say(doctor, DOCTOR_WRONG, subject, fix, "%s is no directory: %s", path,
                   strerror(errno));
        return;
    }
    if (getuid() != 0 && at.st_uid != getuid()) {
        doctor_say(doctor, DOCTOR_SKIPPED, subject, "run this as root",
                   "%s belongs to another user: whether it can be written was not tried", path);
        return;
    }
    (void)text_format(probe, sizeof probe, "%s/.doctor-%d", path, (int)getpid());
    doctor_become(at.st_uid, at.st_gid);
    int fd = open(probe, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    int error = fd >= 0 ? 0 : errno;
    if (fd >= 0) {
        (void)close(fd);
        (void)unlink(probe);
    }
    doctor_return();
    if (error != 0) {
        (void)text_format(fix, sizeof fix, "chmod u+rwx %s; mount | grep ' ro'", path);
        doctor_say(doctor, DOCTOR_WRONG, subject, fix, "%s cannot be written by %s: %s", path,
                   doctor_user(at.st_uid), strerror(error));
        return;
    }
    look_room(doctor, subject, path);
}

/* -------------------------------------------------------------------------- pins */

/* The pins' `a` may know more keys than are in force, never fewer: they are exchanged first. */
static bool member_same(const struct member *a, const struct member *b) {
    return text_equal(a->agents_address, b->agents_address) &&
           text_equal(a->operators_address, b->operators_address) &&
           key_among(b->curve_key, a->curve_key, a->curve_key_next) &&
           key_among(b->curve_key_next, a->curve_key, a->curve_key_next) &&
           key_among(b->sign_key, a->sign_key, a->sign_key_next) &&
           key_among(b->sign_key_next, a->sign_key, a->sign_key_next);
}

/* What of the pins is not as in the topology in force; "" when all is. */
static void pins_differ(const struct topology *pins, const struct topology *force,
                        struct text256 *ret_what) {
    const struct lease_numbers *a = &pins->lease, *b = &force->lease;
    ret_what->at[0] = '\0';
    if (!text_equal(pins->cluster, force->cluster)) {
        text_say(ret_what, "the cluster is %s, not %s", force->cluster, pins->cluster);
        return;
    }
    for (unsigned m = 0; m < force->members_n; m++) {
        uint8_t mine = topology_member(pins, force->members[m].name);
        if (mine == NONE || !member_same(&pins->members[mine], &force->members[m])) {
            text_say(ret_what, "member %s: %s", force->members[m].name,
                     mine == NONE ? "missing" : "another address or key");
            return;
        }
    }
    bool numbers = a->lease_ms == b->lease_ms && a->renew_ms == b->renew_ms &&
                   a->fence_ms == b->fence_ms && a->gate_early_ms == b->gate_early_ms &&
                   a->wait_ms == b->wait_ms && a->promise_ms == b->promise_ms &&
                   a->drift_ppm == b->drift_ppm && a->on_quorum_loss == b->on_quorum_loss;
    /* Only agents and guards count by the pins' own numbers; an operator's pins may lack them. */
    if (!numbers && pins->agents_n > 0) {
        text_say(ret_what, "the lease's numbers are others");
    }
}

static void look_pins(struct doctor *doctor, const char *program, const char *path) {
    static struct topology pins;
    struct text256 why = {{0}};
    char subject[64], fix[CONF_PATH_SIZE + 96];
    (void)text_format(subject, sizeof subject, "pins of the %s", program);
    (void)text_format(fix, sizeof fix, "mend %s by the topology in force: drover config show",
                      path);
    if (topology_read_file(path, true, &pins, &why) != ERR_OK) {
        doctor_say(doctor, DOCTOR_WRONG, subject, fix, "%s", why.at);
        return;
    }
    if (doctor->pins->members_n == 0) {
        *doctor->pins = pins;
    }
    if (doctor->in_force->members_n == 0) {
        doctor_say(doctor, DOCTOR_GOOD, subject, NULL, "%s: cluster %s, %u members", path,
                   pins.cluster, pins.members_n);
        return;
    }
    pins_differ(&pins, doctor->in_force, &why);
    if (why.at[0] != '\0') {
        doctor_say(doctor, DOCTOR_WRONG, subject, fix, "%s differs from the topology in force: %s",
                   path, why.at);
    } else {
        doctor_say(doctor, DOCTOR_GOOD, subject, NULL, "%s agrees with topology version %u", path,
                   doctor->in_force->version);
    }
}

/* ------------------------------------------------------------------------- files */

static bool said_wrong(struct doctor *doctor, const char *subject, enum err err,
                       const struct text256 *why) {
    if (err == ERR_DENIED && getuid() != 0) {
        doctor_say(doctor, DOCTOR_SKIPPED, subject, "run this as root", "%s", why->at);
    } else if (err != ERR_OK) {
        doctor_say(doctor, DOCTOR_WRONG, subject, "compare it with deploy/examples", "%s", why->at);
    }
    return err != ERR_OK;
}

static void look_agent(struct doctor *doctor) {
    struct text256 why = {{0}};
    struct agent_conf *conf = &doctor->agent;
    if (said_wrong(doctor, "agent.conf", agent_conf_read(doctor->agent_path, conf, &why), &why)) {
        return;
    }
    doctor->has_agent = true;
    look_pins(doctor, "agent", conf->pins);
    look_directory(doctor, "agent", conf->state);
    doctor_key(doctor, conf->key, KEY_AGENT, conf->name, conf->state);
    doctor_secrets(doctor, "agent", &conf->secrets, conf->state);
}

static bool may_connect(const struct guard_conf *guard, uid_t uid) {
    bool may = uid == 0 && guard->agent_uids_n == 0;
    for (unsigned i = 0; i < guard->agent_uids_n; i++) {
        may = may || guard->agent_uids[i] == uid;
    }
    return may;
}

/* The agent and its guard must find each other. */
static void look_pair(struct doctor *doctor) {
    struct stat at;
    if (!doctor->has_agent || !doctor->has_guard) {
        return;
    }
    if (!text_equal(doctor->agent.guard_socket, doctor->guard.socket)) {
        doctor_say(doctor, DOCTOR_WRONG, "guard socket", "write the same path into both files",
                   "agent.conf says \"%s\", guard.conf %s", doctor->agent.guard_socket,
                   doctor->guard.socket);
    } else if (!text_equal(doctor->agent.name, doctor->guard.name)) {
        doctor_say(doctor, DOCTOR_WRONG, "guard name", "write the agent's name into guard.conf",
                   "guard.conf is of %s, agent.conf of %s", doctor->guard.name, doctor->agent.name);
    } else if (stat(doctor->agent.state, &at) == 0 && !may_connect(&doctor->guard, at.st_uid)) {
        doctor_say(doctor, DOCTOR_WRONG, "guard socket", "set agent_uid in guard.conf",
                   "the agent runs as %s, which is no agent_uid of guard.conf",
                   doctor_user(at.st_uid));
    }
}

static void look_guard(struct doctor *doctor) {
    struct text256 why = {{0}};
    struct guard_conf *conf = &doctor->guard;
    if (said_wrong(doctor, "guard.conf", guard_conf_read(doctor->guard_path, conf, &why), &why)) {
        return;
    }
    doctor->has_guard = true;
    look_pins(doctor, "guard", conf->pins);
    look_directory(doctor, "guard", conf->state);
    doctor_key(doctor, conf->key, KEY_GUARD, conf->name, conf->state);
    look_pair(doctor);
}

static void look_topology(struct doctor *doctor, const char *path) {
    static struct topology topology;
    static struct findings findings;
    struct text256 why = {{0}};
    char fix[CONF_PATH_SIZE + 32];
    if (topology_read_file(path, false, &topology, &why) != ERR_OK) {
        doctor_say(doctor, DOCTOR_WRONG, "topology", "mend that line", "%s", why.at);
        return;
    }
    topology_check(&topology, &findings);
    topology_check_steps(&topology, &findings);
    (void)text_format(fix, sizeof fix, "drover config check %s", path);
    unsigned warnings_n = (unsigned)(findings.n + findings.lost_n - findings.errors_n);
    if (doctor->pins->members_n == 0) {
        *doctor->pins = topology;
    }
    if (findings.errors_n > 0) {
        doctor_say(doctor, DOCTOR_WRONG, "topology", fix, "%s has %u errors", path,
                   findings.errors_n);
    } else if (warnings_n > 0) {
        doctor_say(doctor, DOCTOR_WARNING, "topology", fix, "%s has %u warnings", path, warnings_n);
    } else {
        doctor_say(doctor, DOCTOR_GOOD, "topology", NULL, "%s reads and is clean", path);
    }
}

static void look_coordinator(struct doctor *doctor) {
    struct text256 why = {{0}};
    struct coordinator_conf *conf = &doctor->coordinator;
    if (said_wrong(doctor, "coordinator.conf",
                   coordinator_conf_read(doctor->coordinator_path, conf, &why), &why)) {
        return;
    }
    doctor->has_coordinator = true;
    if (conf->topology[0] != '\0' && access(conf->topology, F_OK) == 0 &&
        !text_equal(conf->topology, doctor->topology_path)) {
        look_topology(doctor, conf->topology);
    }
    look_directory(doctor, "coordinator", conf->state);
    doctor_key(doctor, conf->key, KEY_MEMBER, conf->name, conf->state);
    doctor_secrets(doctor, "coordinator", &conf->secrets, conf->state);
}

void doctor_files(struct doctor *doctor) {
    if (doctor->topology_path[0] != '\0') {
        look_topology(doctor, doctor->topology_path);
    }
    if (doctor->agent_path[0] != '\0') {
        look_agent(doctor);
    }
    if (doctor->guard_path[0] != '\0') {
        look_guard(doctor);
    }
    if (doctor->coordinator_path[0] != '\0') {
        look_coordinator(doctor);
    }
    if (doctor->has_cli) {
        look_pins(doctor, "operator", doctor->session->conf.pins);
        doctor_key(doctor, doctor->session->conf.key, KEY_OPERATOR, "", "/nonexistent");
    }
}
