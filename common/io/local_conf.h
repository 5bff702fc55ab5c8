/* local_conf: the files that stay on a machine: identity, addresses, references to secrets, and
 * what this machine allows to be done to it. Everything else is in the topology. Samples with
 * every field: deploy/examples/{agent,guard,coordinator,drover}.conf; reference: docs/topology.md.
 *
 * All paths are absolute; all addresses numeric. Messages are conf.h's. */
#ifndef DROVER_LOCAL_CONF_H
#define DROVER_LOCAL_CONF_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/text.h"
#include "common/io/secrets.h"
#include "common/topology/topology.h"

#define CONF_PATH_SIZE 200
#define CONF_BYTES_MAX (32 * 1024)
#define SOFT_FENCES_MAX 8
#define FENCE_DEVICES_MAX 8
#define AGENT_WORKERS_MAX 64
#define GATE_PORTS_MAX 16
#define GATE_SOURCES_MAX 32
#define GATE_UIDS_MAX 16
#define GUARD_WRITERS_MAX 8
#define GUARD_KNOCKS_MAX 8
#define GUARD_AGENT_UIDS_MAX 4
#define ENGINE_ENDPOINTS_MAX 5

/* What the agent does by itself at T - F, or when the lease is lost: the store's own durable
 * demotion. Undone by a plan's step, never by the agent. */
struct soft_fence {
    uint8_t action;             /* enum action_kind */
    char component[NAME_SIZE];  /* or "" */
    struct arguments arguments; /* complete: endpoints' arguments are not added */
};

/* What a step may switch off by name: a program of the fence agents and what it is told. All of it
 * is this machine's own; the command says the name. */
struct fence_device {
    char name[NAME_SIZE];
    char program[CONF_PATH_SIZE]; /* absolute: /usr/sbin/fence_ipmilan */
    struct arguments options;     /* ip, username, ...; NAME_ref: the secret that is told as NAME */
};

struct agent_conf {
    char name[NAME_SIZE];
    char key[CONF_PATH_SIZE];            /* keyfile of kind agent */
    char pins[CONF_PATH_SIZE];           /* topology file, read as partial */
    char state[CONF_PATH_SIZE];          /* directory */
    char guard_socket[CONF_PATH_SIZE];   /* "": no guard */
    char exec_directory[CONF_PATH_SIZE]; /* "": no exec action and no exec check */
    /* Emptied by a boot of the machine, so on /run. A file named after the component of a soft
     * fence appears in it once that store may start: fenced, or the lease is held. "": none */
    char boot_directory[CONF_PATH_SIZE];
    uint32_t allow;                     /* bit set of enum action_kind */
    char peer_listen[ADDRESS_SIZE];     /* tcp://IP:PORT, or "" */
    char writable_listen[ADDRESS_SIZE]; /* IP:PORT where HAProxy asks /writable, or "" */
    char http_listen[ADDRESS_SIZE];     /* IP:PORT of /metrics, or "" */
    uint8_t workers;                    /* threads kept for probes */
    uint8_t soft_fences_n;
    struct soft_fence soft_fences[SOFT_FENCES_MAX];
    uint8_t fence_devices_n;
    struct fence_device fence_devices[FENCE_DEVICES_MAX];
    struct secrets secrets;
};

struct gate_conf {
    uint8_t ports_n, exempt_sources_n, exempt_uids_n;
    uint16_t ports[GATE_PORTS_MAX];
    char exempt_sources[GATE_SOURCES_MAX][64]; /* IP or IP/PREFIX: replication to the standby */
    uint32_t exempt_uids[GATE_UIDS_MAX];       /* local connections of these users pass */
    char family[8];                            /* nftables family; "inet" */
};

enum writer_kind { WRITER_PIDFILE = 0, WRITER_CGROUP = 1 };

/* What the guard kills when the gate has shut. */
struct writer_conf {
    uint8_t kind; /* enum writer_kind */
    char path[CONF_PATH_SIZE];
};

struct guard_conf {
    char name[NAME_SIZE]; /* its agent's */
    char key[CONF_PATH_SIZE];
    char pins[CONF_PATH_SIZE];
    char state[CONF_PATH_SIZE];
    char socket[CONF_PATH_SIZE];
    uint8_t agent_uids_n; /* 0: only the guard's own user may connect */
    uint32_t agent_uids[GUARD_AGENT_UIDS_MAX];
    struct gate_conf gate;
    uint8_t writers_n;
    struct writer_conf writers[GUARD_WRITERS_MAX];
    char watchdog[CONF_PATH_SIZE]; /* "": none */
    uint8_t knocks_n;              /* IP:PORT: asked after the fence; must not answer */
    char knocks[GUARD_KNOCKS_MAX][ADDRESS_SIZE];
};

enum engine_kind { ENGINE_EMBEDDED = 0, ENGINE_ETCD = 1 };

struct engine_conf {
    uint8_t kind;              /* enum engine_kind */
    char path[CONF_PATH_SIZE]; /* embedded: the database file; default STATE/log.db */
    uint8_t endpoints_n;       /* etcd: https://IP:PORT */
    char endpoints[ENGINE_ENDPOINTS_MAX][ADDRESS_SIZE];
    char ca[CONF_PATH_SIZE], cert[CONF_PATH_SIZE], key[CONF_PATH_SIZE];
    char prefix[ADDRESS_SIZE]; /* "/drover/" */
};

struct coordinator_conf {
    char name[NAME_SIZE];
    char key[CONF_PATH_SIZE];
    char state[CONF_PATH_SIZE];
    char topology[CONF_PATH_SIZE]; /* applied when the log holds none; "" */
    struct engine_conf engine;
    char agents_listen[ADDRESS_SIZE];    /* "": as the topology says for this member */
    char operators_listen[ADDRESS_SIZE]; /* "": as the topology says */
    char http_listen[ADDRESS_SIZE];      /* IP:PORT of metrics and pages, or "" */
    uint32_t snapshot_every; /* facts between two snapshots, behind which the log is compacted */
    char recording_directory[CONF_PATH_SIZE]; /* "": inputs and decisions are not recorded */
    uint32_t recording_mib;                   /* all files of the recording together */
    struct secrets secrets;
};

struct cli_conf {
    char key[CONF_PATH_SIZE]; /* the operator's keyfile */
    char pins[CONF_PATH_SIZE];
    uint32_t timeout_ms;
};

/* NOT_FOUND, DENIED, IO for the file; FORMAT, CONFIG, TOO_BIG for what is in it. On failure the
 * result holds nothing of use. */
enum err agent_conf_read(const char *path, struct agent_conf *ret_conf,
                         struct text256 *reterr) ERR_CHECKED;
enum err guard_conf_read(const char *path, struct guard_conf *ret_conf,
                         struct text256 *reterr) ERR_CHECKED;
enum err coordinator_conf_read(const char *path, struct coordinator_conf *ret_conf,
                               struct text256 *reterr) ERR_CHECKED;
enum err cli_conf_read(const char *path, struct cli_conf *ret_conf,
                       struct text256 *reterr) ERR_CHECKED;

/* Every field of every group of these files ("agent.conf", "allow"), for docs and tests. */
void local_conf_fields_each(void (*each)(void *owner, const char *group, const char *field),
                            void *owner);

#endif
