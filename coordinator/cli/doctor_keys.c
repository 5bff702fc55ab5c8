/* Keys and secrets: there, private, belonging to who reads them, and the ones that the topology
 * knows. The files are read as their owner, because that is how the programs will read them. */
#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/clock.h"
#include "coordinator/cli/doctor_parts.h"

#define DAY_S 86400
#define ROTATE_DAYS (SECRET_AGE_MAX_S / DAY_S)

const char *doctor_user(uid_t uid) {
    static char name[64];
    const struct passwd *entry = getpwuid(uid);
    if (entry == NULL || !text_copy(name, sizeof name, entry->pw_name)) {
        (void)text_format(name, sizeof name, "%u", (unsigned)uid);
    }
    return name;
}

void doctor_become(uid_t uid, gid_t gid) {
    if (getuid() == 0 && uid != 0) {
        (void)!setegid(gid);
        (void)!seteuid(uid);
    }
}

void doctor_return(void) {
    if (getuid() == 0 && geteuid() != 0) {
        (void)!seteuid(0);
        (void)!setegid(getgid());
    }
}

/* Who runs the program: the owner of its state directory. False when that is not there. */
static bool user_of(const char *state, uid_t *ret_uid) {
    struct stat at;
    if (stat(state, &at) != 0) {
        return false;
    }
    *ret_uid = at.st_uid;
    return true;
}

/* SEED-58: what opens doors is exchanged every 30 days. The file's own time says when it was. */
static void look_age(struct doctor *doctor, const char *subject, const char *path,
                     const struct stat *at, const char *fix) {
    uint64_t now_s = clock_wall_ms() / 1000, made_s = (uint64_t)at->st_mtime;
    uint64_t days = now_s > made_s ? (now_s - made_s) / DAY_S : 0;
    if (days >= ROTATE_DAYS) {
        doctor_say(doctor, DOCTOR_WARNING, subject, fix,
                   "%s is %llu days old; it should be exchanged every %d", path,
                   (unsigned long long)days, ROTATE_DAYS);
    }
}

/* Mode and owner of one private file. True when it may be read on. */
static bool look_private(struct doctor *doctor, const char *subject, const char *path,
                         const char *state, const char *absent_fix, struct stat *ret_at) {
    char fix[CONF_PATH_SIZE + 96];
    uid_t user = 0;
    if (stat(path, ret_at) != 0) {
        bool absent = errno == ENOENT || errno == ENOTDIR;
        doctor_say(doctor, absent ? DOCTOR_WRONG : DOCTOR_SKIPPED, subject,
                   absent ? absent_fix : "run this as root", "%s: %s", path, strerror(errno));
        return false;
    }
    if (!S_ISREG(ret_at->st_mode)) {
        doctor_say(doctor, DOCTOR_WRONG, subject, absent_fix, "%s is no regular file", path);
        return false;
    }
    if ((ret_at->st_mode & 077) != 0) {
        (void)text_format(fix, sizeof fix, "chmod 600 %s", path);
        doctor_say(doctor, DOCTOR_WRONG, subject, fix,
                   "%s has mode %04o: others than its owner may read it", path,
                   (unsigned)(ret_at->st_mode & 07777));
        return false;
    }
    if (user_of(state, &user) && user != 0 && user != ret_at->st_uid) {
        (void)text_format(fix, sizeof fix, "chown %s %s", doctor_user(user), path);
        char owner[64];
        (void)text_copy(owner, sizeof owner, doctor_user(ret_at->st_uid));
        doctor_say(doctor, DOCTOR_WRONG, subject, fix,
                   "%s belongs to %s, and the program runs as %s (the owner of %s)", path, owner,
                   doctor_user(user), state);
        return false;
    }
    if (getuid() != 0 && ret_at->st_uid != getuid()) {
        doctor_say(doctor, DOCTOR_SKIPPED, subject, "run this as root",
                   "%s belongs to another user: what is in it cannot be looked at", path);
        return false;
    }
    return true;
}

/* -------------------------------------------------------------------------- keys */

/* The public halves against the topology: 1 they match, 0 not, -1 it does not know that name. */
static int keys_match(const struct topology *topology, const struct keys *keys) {
    uint8_t a = topology_agent(topology, keys->name), m = topology_member(topology, keys->name);
    uint8_t o = topology_operator(topology, keys->name);
    const uint8_t *curve[2] = {NULL, NULL}, *sign[2] = {NULL, NULL};
    if (keys->kind == KEY_GUARD && a != NONE) {
        sign[0] = topology->agents[a].guard_key, sign[1] = topology->agents[a].guard_key_next;
    } else if (keys->kind == KEY_AGENT && a != NONE) {
        curve[0] = topology->agents[a].curve_key, curve[1] = topology->agents[a].curve_key_next;
        sign[0] = topology->agents[a].sign_key, sign[1] = topology->agents[a].sign_key_next;
    } else if (keys->kind == KEY_MEMBER && m != NONE) {
        curve[0] = topology->members[m].curve_key, curve[1] = topology->members[m].curve_key_next;
        sign[0] = topology->members[m].sign_key, sign[1] = topology->members[m].sign_key_next;
    } else if (keys->kind == KEY_OPERATOR && o != NONE) {
        curve[0] = topology->operators[o].curve_key;
        curve[1] = topology->operators[o].curve_key_next;
        sign[0] = topology->operators[o].sign_key, sign[1] = topology->operators[o].sign_key_next;
    }
    return sign[0] == NULL
               ? -1
               : keys_place(keys, curve[0], sign[0], curve[1], sign[1]) != KEY_NOT_PINNED;
}

/* In force is what the members gave; the local pins only when nobody could be asked. */
static void judge_match(struct doctor *doctor, const char *subject, const char *path,
                        const struct keys *keys) {
    const struct topology *force = doctor->in_force, *pins = doctor->pins;
    int by_force = force->members_n > 0 ? keys_match(force, keys) : -1;
    int by_pins = pins->members_n > 0 ? keys_match(pins, keys) : -1;
    if (by_force == 0 || (by_force < 0 && by_pins == 0)) {
        doctor_say(doctor, DOCTOR_WRONG, subject,
                   "put what its .pub says into the topology, then: drover config apply FILE",
                   "%s: the %s has another public key for %s", path,
                   by_force == 0 ? "topology in force" : "pins", keys->name);
    } else if (force->members_n > 0 && by_force < 0) {
        doctor_say(doctor, DOCTOR_WRONG, subject,
                   "add it to the topology, then: drover config apply FILE",
                   "%s: the topology in force knows no %s called %s", path,
                   key_kind_text((enum key_kind)keys->kind), keys->name);
    } else if (by_force < 0 && by_pins < 0) {
        doctor_say(doctor, DOCTOR_SKIPPED, subject,
                   "give an operator's file: --config FILE, to ask the members",
                   "%s is whole; whether the topology knows it could not be asked", path);
    } else {
        doctor_say(doctor, DOCTOR_GOOD, subject, NULL, "%s: private, whole, known to the %s", path,
                   by_force == 1 ? "topology in force" : "pins");
    }
}

void doctor_key(struct doctor *doctor, const char *path, enum key_kind kind, const char *name,
                const char *state) {
    static struct keys keys;
    char subject[48], fix[2 * CONF_PATH_SIZE];
    struct stat at;
    struct text256 why = {{0}};
    const char *slash = strrchr(path, '/');
    (void)text_format(subject, sizeof subject, "key of the %s", key_kind_text(kind));
    (void)text_format(fix, sizeof fix, "drover keygen --kind %s %s --out %.*s", key_kind_text(kind),
                      name[0] != '\0' ? name : "NAME", slash == NULL ? 1 : (int)(slash - path),
                      slash == NULL ? "." : path);
    if (!look_private(doctor, subject, path, state, fix, &at)) {
        return;
    }
    doctor_become(at.st_uid, at.st_gid);
    enum err err = keys_read(path, &keys, &why);
    doctor_return();
    if (err != ERR_OK) {
        doctor_say(doctor, DOCTOR_WRONG, subject, fix, "%s", why.at);
    } else if (keys.kind != kind) {
        doctor_say(doctor, DOCTOR_WRONG, subject, fix, "%s is the key of %s %s, not of the %s",
                   path, key_kind_text((enum key_kind)keys.kind), keys.name, key_kind_text(kind));
    } else if (name[0] != '\0' && kind != KEY_GUARD && !text_equal(keys.name, name)) {
        doctor_say(doctor, DOCTOR_WRONG, subject, fix, "%s is the key of %s, and the file says %s",
                   path, keys.name, name);
    } else {
        /* A guard is known by its agent's name, whatever its key file is called. */
        (void)text_copy(keys.name, NAME_SIZE, kind == KEY_GUARD ? name : keys.name);
        judge_match(doctor, subject, path, &keys);
        look_age(doctor, subject, path, &at,
                 "drover keygen into another directory; its .pub into the topology: drover config "
                 "apply FILE; then exchange the files and restart the program");
    }
    keys_wipe(&keys);
}

/* ----------------------------------------------------------------------- secrets */

/* What the second line held opens the door until somebody takes it back. */
static void say_exchanged(struct doctor *doctor, const char *subject, const char *path) {
    char fix[CONF_PATH_SIZE + 64];
    (void)text_format(fix, sizeof fix, "sed -i 2d %s", path);
    doctor_say(doctor, DOCTOR_WARNING, subject, fix,
               "%s has two lines: the second goes once the service takes the first", path);
}

void doctor_secrets(struct doctor *doctor, const char *program, const struct secrets *secrets,
                    const char *state) {
    static char secret[SECRET_SIZE];
    unsigned good_n = 0;
    for (unsigned i = 0; i < secrets->n; i++) {
        const struct secret_place *place = &secrets->at[i];
        char subject[80], fix[CONF_PATH_SIZE + 64];
        struct stat at;
        (void)text_format(subject, sizeof subject, "secret %s of the %s", place->name, program);
        (void)text_format(fix, sizeof fix, "install -m 600 /dev/stdin %s", place->path);
        if (!look_private(doctor, subject, place->path, state, fix, &at)) {
            continue;
        }
        doctor_become(at.st_uid, at.st_gid);
        enum err err = secret_get(secrets, place->name, secret);
        bool exchanged = secret_is_exchanged(secrets, place->name);
        doctor_return();
        bool empty = err == ERR_OK && secret[0] == '\0';
        secret_wipe(secret);
        if (err != ERR_OK || empty) {
            doctor_say(doctor, DOCTOR_WRONG, subject, fix, "%s: %s", place->path,
                       empty ? "it is empty" : err_text(err));
        } else {
            look_age(doctor, subject, place->path, &at,
                     "give the service a new one, then write it there: it is read anew each time");
        }
        if (exchanged) {
            say_exchanged(doctor, subject, place->path);
        }
        good_n += err == ERR_OK && !empty;
    }
    if (secrets->n > 0 && good_n == secrets->n) {
        doctor_say(doctor, DOCTOR_GOOD, "secrets", NULL,
                   "all %u of the %s can be read, and only by it", good_n, program);
    }
}
