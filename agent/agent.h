/* agent: everything drover-agent holds, in one struct that main owns.
 *
 *   agent.c      start, timers, frames of members and peers
 *   guard_link.c the conversation with the guard
 *   rounds.c     asking for the lease: questions, votes, certificates, denials, promises
 *   peers.c      other regions' agents: relayed questions, promises
 *   fence.c      the soft fence and its lifting (agent/core/ladder.h)
 *   commands.c   commands: certificate, ledger, action, outcome
 *   ledger.c     what must survive a restart: intents, results, highest epoch, ladder note
 *   checks.c     which checks are mine, when they run, what they said
 *   reports.c    one signed report a second, and at once when something changed
 *   workers.c    jobs off the loop: libuv's threads, and threads of their own
 *   writable.c   HTTP answer to HAProxy: may this region be written
 *   metrics.c    what Prometheus sees, as text
 * One loop; whatever may block runs on workers. */
#ifndef DROVER_AGENT_H
#define DROVER_AGENT_H

#include <uv.h>

#include "agent/action.h"
#include "agent/core/debounce.h"
#include "agent/core/guard_wire.h"
#include "agent/core/ladder.h"
#include "agent/core/members_time.h"
#include "agent/core/votes.h"
#include "agent/ledger.h"
#include "agent/probe.h"
#include "common/base/ensure.h"
#include "common/base/rng.h"
#include "common/io/keyfile.h"
#include "common/io/local_conf.h"
#include "common/io/wire.h"
#include "proto/message.h"

#define PEERS_MAX 16
#define COMMANDS_MAX 32
#define AGENT_SCRATCH_SIZE (2 * 1024 * 1024)

/* A question on its way, and the answers so far. */
struct round {
    bool active;
    bool asking_guard; /* the nonce is not there yet */
    bool handed_over;  /* a certificate or denial of it went to the guard */
    uint64_t started_boot_ms;
    struct votes votes;
    struct question question;
    struct answer yes[CERTIFICATE_ANSWERS_MAX], no[CERTIFICATE_ANSWERS_MAX];
    uint8_t yes_n, no_n;
};

/* What one member said last. */
struct member_says {
    uint64_t heard_boot_ms;
    uint64_t epoch;
    bool open, ours, caught_up, known;
};

struct member_link {
    struct agent_program *agent;
    uint8_t index;
    struct wire_client *client;
    struct member_says says;
    uint64_t answered_boot_ms; /* last answer to a lease question, by the straight way */
    /* The topology it pushed last: taken up when a majority pushed the same. */
    uint32_t config_version;
    uint8_t config_digest[DIGEST_SIZE];
};

/* What another region's agent may still have us carry or ask. */
struct peer_budget {
    uint64_t since_ms;
    uint32_t spent_n;
};

struct peer_link {
    struct agent_program *agent;
    uint8_t agent_index; /* in the pins */
    struct wire_client *client;
};

enum command_state {
    COMMAND_FREE = 0,
    COMMAND_CERTIFYING, /* gathers its majority */
    COMMAND_WAITING,    /* certified; needs this region's lease, which is not here yet */
    COMMAND_RUNNING,
    COMMAND_FINISHED /* its outcome is kept to be told again */
};

struct command_entry {
    uint8_t state; /* enum command_state */
    uint8_t from;  /* the member that named it first */
    struct agent_program *agent;
    struct command command;
    uint8_t digest[DIGEST_SIZE];
    struct round round;
    uint64_t next_round_ms;
    uint64_t hastened;     /* members for whose sake it was asked anew */
    bool lease_hastened;   /* asked anew because the lease has come */
    uint64_t told_wait_ms; /* when a majority last said that its wait is not over */
    uint64_t arrived_boot_ms, started_boot_ms, deadline_boot_ms;
    struct outcome outcome;
};

struct check_state {
    bool mine, running, ran;
    struct debounce debounce;
    uint64_t due_boot_ms, ran_boot_ms;
    uint32_t run;                          /* readings so far, in this run of the agent */
    uint64_t began_boot_ms, ended_boot_ms; /* of the newest one's probe */
    uint32_t timeline;                     /* and who leads by its word */
    char leader[LEADER_SIZE];
    uint32_t latency_ms;
    uint8_t role;
    bool writable;
    int64_t value;
    char detail[96];
    uint8_t positions_n;
    struct position_report positions[2];
};

struct agent_program {
    uv_loop_t *loop;
    struct agent_conf *conf;
    struct keys keys;
    bool key_next;             /* they are the next of the two that are pinned */
    struct topology *pins;     /* cluster, lease numbers, members, agents: pinned */
    struct topology *topology; /* as pushed by the members; version 0: none yet */
    struct topology *topology_next;
    uint8_t me, region; /* indexes in the pins */
    uint8_t me_there;   /* index in the topology, or NONE */
    uint64_t boot_id;   /* grows from start to start */
    uint64_t seq;
    struct rng rng;

    struct wire *wire;
    struct member_link members[MEMBERS_MAX];
    struct members_time members_time; /* by their acknowledgements */
    struct peer_link peers[PEERS_MAX];
    uint8_t peers_n;
    struct wire_server *peer_server;
    struct peer_budget peer_budgets[AGENTS_MAX];

    struct guard_link *guard; /* NULL: this agent has none */
    struct guard_answer guard_status;
    uint64_t guard_heard_ms; /* boot clock of the last answer; 0: never */
    uint64_t lease_epoch;    /* last held since the start */

    struct round lease_round, promise_round;
    uint64_t next_lease_round_ms, next_promise_round_ms;
    uint64_t hastened_epoch, hastened; /* members for whose sake its lease was asked for anew */
    uint64_t fence_asked_next_ms;

    struct ledger *ledger;
    struct ladder_note ladder_note;
    bool stores_released; /* after a boot: the lease was held once, every store may start */
    bool fence_running, fence_done, fence_wanted, lift_wanted;
    uint64_t fence_next_ms, fenced_told_epoch;

    struct command_entry commands[COMMANDS_MAX];
    struct check_state checks[CHECKS_MAX];
    bool report_now;
    uint64_t report_next_ms;
    struct writable *writable;
    struct web *web; /* NULL: no metrics are served */
    uint64_t started_boot_ms;

    uv_timer_t timer;
    uint8_t *scratch, *inner_scratch, *frame;
    uint64_t frames_refused_n;
};

/* agent.c */
enum err agent_start(struct agent_program *agent, uv_loop_t *loop, struct agent_conf *conf,
                     struct text256 *reterr) ERR_CHECKED;
void agent_stop(struct agent_program *agent);
uint64_t agent_now_ms(void);
/* Encodes once and sends to every member. */
void agent_tell_members(struct agent_program *agent, const struct message *message);
/* The newest epoch that a majority of members knows of at least; *ret_ours: a majority says
 * that the newest one is open and ours. 0: no majority was heard. */
uint64_t agent_newest_epoch(const struct agent_program *agent, bool *ret_ours);
/* The epoch to ask a lease for: the highest that a majority calls open and ours, else the one held,
 * else the highest that anybody names. 0: none. */
uint64_t agent_promised_land(const struct agent_program *agent);
/* Does the guard hold the lease of this epoch, as of now? */
bool agent_holds_lease(const struct agent_program *agent, uint64_t epoch);
uint32_t agent_lease_left_ms(const struct agent_program *agent);

/* guard_link.c */
enum err guard_link_open(struct agent_program *agent, struct guard_link **ret_link,
                         struct text256 *reterr) ERR_CHECKED;
void guard_link_close(struct guard_link *link);
/* Queues one call. done gets NULL when the guard did not answer. BUSY when too many wait. */
enum err guard_link_call(struct guard_link *link, const struct guard_request *request, void *owner,
                         void (*done)(void *owner, const struct guard_answer *answer));
bool guard_link_up(const struct guard_link *link);
/* From a worker, on a connection of its own: the guard's status, read behind this call's start and
 * no older than a second when it returns OK. TIMEOUT, UNREACHABLE, FORMAT. */
enum err guard_ask(const char *socket_path, uint32_t within_ms,
                   struct guard_answer *ret_answer) ERR_CHECKED;

/* rounds.c */
void rounds_tick(struct agent_program *agent);
void rounds_answer(struct agent_program *agent, uint8_t member, const struct answer *answer);
/* A member names this epoch as open for us, and did not before. */
void rounds_news(struct agent_program *agent, uint8_t member, uint64_t epoch);
/* How long a question is given before another replaces it. */
uint32_t round_patience_ms(const struct lease_numbers *lease);
/* True when this member's no is worth asking again; at most once for each member in `hastened`. */
bool round_hastens(const struct round *round, uint8_t member, uint64_t *hastened);
void rounds_promise(struct agent_program *agent, uint8_t giver, const struct answer *answer);
/* Starts a round with a nonce of our own (commands). */
void round_begin_command(struct agent_program *agent, struct round *round, uint64_t epoch,
                         const uint8_t digest[DIGEST_SIZE]);
/* Takes a verified answer into a round. True when it was of this round and new. */
bool round_take(struct agent_program *agent, struct round *round, uint8_t voter,
                const struct answer *answer);
/* Is this answer the pinned identity's, over this question? By its key, or by its next one. */
bool round_verify(const struct question *question, const uint8_t key[KEY_SIZE],
                  const uint8_t next[KEY_SIZE], const struct answer *answer);
/* The same for a member's answer. */
bool round_verify_member(const struct agent_program *agent, const struct question *question,
                         uint8_t member, const struct answer *answer);

/* peers.c */
enum err peers_start(struct agent_program *agent, struct text256 *reterr) ERR_CHECKED;
void peers_stop(struct agent_program *agent);
void peers_relay(struct agent_program *agent, uint8_t member, const uint8_t *frame, size_t size);
void peers_ask_promises(struct agent_program *agent, const uint8_t *frame, size_t size);
/* A member's answer to a question that a peer let us carry. */
void peers_carry_back(struct agent_program *agent, const struct relay *relay);
/* Gate agents of the other data regions: their number, and the place of one among them (NONE). */
uint8_t peers_promisers_n(const struct agent_program *agent);
uint8_t peers_promiser(const struct agent_program *agent, const char *name);
/* Are the gate guards that the topology lists now all among the pins? */
bool peers_all_asked(const struct agent_program *agent);

/* fence.c */
void fence_tick(struct agent_program *agent);

/* commands.c */
void commands_receive(struct agent_program *agent, uint8_t member, const struct command *command);
void commands_answer(struct agent_program *agent, uint8_t member, const struct answer *answer);
void commands_tick(struct agent_program *agent);

/* checks.c */
void checks_adopt(struct agent_program *agent); /* a new topology */
void checks_tick(struct agent_program *agent);

/* reports.c */
void reports_tick(struct agent_program *agent);

/* workers.c */
struct job {
    struct agent_program *agent;
    void *data;
    void (*run)(struct job *job);  /* on a worker; touches only data */
    void (*done)(struct job *job); /* on the loop */
    uv_work_t work;
    uv_thread_t thread;
    uv_async_t async;
};
/* On the pool; when all its threads are taken, on a thread of its own. */
void worker_run(struct job *job);
/* On a thread of its own, at once, however busy the pool is: for fencing. */
void worker_run_now(struct job *job);
/* Waits at most so long for every job to be over; false: some are still under way. A process must
 * not end by exit() while they are: OpenSSL takes itself down there, under a worker's feet. */
bool workers_wait(uint32_t within_ms);

/* writable.c */
enum err writable_open(struct agent_program *agent, struct writable **ret_writable,
                       struct text256 *reterr) ERR_CHECKED;
void writable_close(struct writable *writable);

#endif
