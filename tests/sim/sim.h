/* sim: the whole of drover in one thread and virtual time, from one seed.
 *
 * The decisions are the very code that ships (coordinator/core, agent/core). What is mirrored here
 * is thin: the shells that carry facts and messages (coordinator/{member,propose,attesting}.c,
 * agent/{rounds,commands,fence}.c, agent/guard/), and the world they live in. The judge looks only
 * at the stores: which writes were acknowledged, when, by true time.
 *
 *   main.c runs.c seeds, mutants, kept stories     world.c    the service, start and end of a run
 *   queue.c       virtual time                     faults.c   what goes wrong, drawn from the seed
 *   net.c         loss, delay, reordering, cuts    judge.c    the invariants and the end
 *   engine.c      the ordered log                  mutants.c  rules that can be broken on purpose
 *   member.c member_propose.c                      agent.c guard.c
 *   faults_stories.c  faults in a telling order    agent_commands.c  the ledger
 *   liar.c        a stolen member key */
#ifndef DROVER_SIM_H
#define DROVER_SIM_H

#include "agent/core/holder.h"
#include "agent/core/ladder.h"
#include "agent/core/votes.h"
#include "common/base/bits.h"
#include "common/base/rng.h"
#include "common/base/text.h"
#include "common/topology/roles.h"
#include "coordinator/core/core.h"
#include "coordinator/ticks.h"
#include "faults.h"
#include "judge_decisions.h"
#include "messages.h"
#include "mutants.h"

#define SIM_MEMBERS 5   /* most of them: 1, 3 or 5 in a run */
#define SIM_HOSTS_MAX 6 /* guarded hosts of P, D and E, and the vantage last */
/* Processes: members, then an agent and a guard for each host, then the log's engine. */
#define AGENT_FIRST SIM_MEMBERS
#define GUARD_FIRST (AGENT_FIRST + SIM_HOSTS_MAX)
#define ENGINE (GUARD_FIRST + SIM_HOSTS_MAX)
#define PROCESSES_N (ENGINE + 1)
/* Machines, which are also the places of the network: members, then hosts, then the engine. */
#define HOST_FIRST SIM_MEMBERS
#define ENGINE_PLACE (SIM_MEMBERS + SIM_HOSTS_MAX)
#define PLACES_N (ENGINE_PLACE + 1)

#define TICK_US 50000u
#define FACTS_MAX 4096
#define APPENDS_N 24
#define COMMANDS_N 8
#define LEDGER_N 96
#define RUNS_N 256
#define EVENTS_MAX 16384

/* ------------------------------------------------------------------- actors */

struct process {
    bool alive;
    uint32_t incarnation;
    uint64_t busy_until_us; /* paused, or waiting for its disk: messages queue */
    bool wants_disk;        /* blocked in a synchronous write: SIM_DISK alone gets through */
    uint64_t disk_done_us;
    uint64_t restart_us; /* dead: comes back then; UINT64_MAX: at the healing, or never */
};

struct machine {
    int32_t boot_ppm, raw_ppm; /* how much faster than true time */
    int64_t boot_step_ms;
    uint64_t base_ms, booted_us; /* both clocks begin at base_ms, at that instant */
    bool off;                    /* without power: a boot comes before what runs on it */
    uint64_t disk_bad_until_us, disk_slow_until_us;
    bool disk_unsure;         /* what it refuses may stand there all the same: a failing fsync */
    uint32_t disk_slow_by_us; /* at most, for one write */
};

/* What a member remembers of the log (coordinator/log: struct log_memory). */
struct log_memory_kept {
    uint64_t history, index, key;
};

struct pending_append {
    bool used, in_flight;
    struct fact_key key;
    bool rewritten; /* a TICK, with another elapsed time */
    uint64_t token, next_try_us, tries_n, measured_ms;
    struct event event;
};

struct sim_member {
    struct core core;
    struct attest attest;
    struct attest_durable disk; /* survives */
    struct attest_durable noted, being_written;
    struct log_memory_kept memory, memory_being_written;
    struct log_memory_kept disk_memory; /* survives */
    uint64_t seen;                      /* the newest index that any answer named (struct log) */
    uint64_t noted_us;
    bool stopped; /* the log went back: until a human has looked */
    bool writing;
    uint8_t write_for;
    uint8_t slot; /* of its topology, in config.c */
    uint64_t boot_id, applied_index, head_index, head_asked_us;
    bool head_known, caught_up;
    uint64_t closed_at_start;
    uint64_t keeps_time_us; /* since when it knows that it keeps the time; 0: it does not */
    struct pending_append appends[APPENDS_N];
    uint64_t tick_n, view_n, report_n, lag_n;
    struct ticks ticks;
    struct tick_count count;
    uint64_t started_ms, last_yes_ms, last_yes_epoch;
    struct {
        uint64_t heard_ms, proved_epoch, news_since_ms;
        struct sim_report report;
        bool reported;
    } agents[SIM_HOSTS_MAX];
    struct wants wants;
    uint64_t commands_sent_us;
};

struct sim_round {
    bool active, asking_guard, handed_over;
    uint64_t started_ms, nonce, epoch;
    struct votes votes;
};

enum sim_command_state { CMD_FREE, CMD_CERTIFYING, CMD_WAITING, CMD_RUNNING, CMD_FINISHED };

struct sim_command {
    uint8_t state, stage;
    uint8_t peer; /* the other region of its step */
    struct command_name name;
    bool needs_lease;
    uint64_t arrived_ms, next_round_ms, nonce;
    struct votes votes;
    struct sim_outcome outcome;
};

struct ledger_entry {
    struct command_name name;
    bool ended;
    struct sim_outcome outcome;
};

struct sim_agent {
    uint8_t pins;            /* a slot of config.c, as installed when it started */
    uint32_t config_version; /* of the topology that the members pushed; survives */
    uint64_t boot_id, seq;
    struct {
        uint64_t heard_ms, epoch;
        bool open, ours, known;
    } says[SIM_MEMBERS];
    uint64_t answered_ms[SIM_MEMBERS];
    struct sim_reply status;
    uint64_t status_ms, lease_epoch;
    bool status_known;
    struct sim_round lease_round, promise_round;
    uint64_t next_lease_ms, next_promise_ms, next_fence_ms, next_status_ms, next_report_ms;
    struct ladder_note note; /* survives */
    struct sim_command commands[COMMANDS_N];
    /* The ledger: survives. */
    uint64_t ledger_epoch;
    uint32_t ledger_n;
    struct ledger_entry ledger[LEDGER_N];
};

struct sim_guard {
    struct holder holder;
    struct holder_durable disk; /* survives */
    uint8_t pins;               /* as installed when it started */
    uint64_t gate_shut_us;      /* the kernel's: open until then, true time; survives the guard */
    bool was_leased, fence_proved;
    uint64_t proved_epoch, nonce_n;
    struct sim_call waiting;      /* for the disk */
    struct holder_durable wished; /* on its way to the disk */
    bool disk_fails, disk_unsure;
    uint8_t writes_behind;
};

struct sim_fact {
    struct fact_key key;
    struct event event;
    uint64_t sampled_ms; /* of a CLOSE: the newest sample of the active store */
    uint64_t appended_us, visible_us[SIM_MEMBERS];
};

struct sim_engine {
    uint64_t facts_n;   /* index of the newest; sim->facts[i] has index i + 1 */
    uint64_t compacted; /* facts up to here are gone */
    uint64_t snapshot_index;
    uint8_t snapshot_slot;
    struct core snapshot;
    uint64_t down_until_us;
    uint64_t history; /* its identity */
    bool put_back;    /* a backup stands in its place */
    uint64_t backup_due_us, backup_n, backup_compacted, backup_snapshot_index;
    uint8_t backup_slot;
    struct core backup_snapshot;
};

#define WRITES_N 8192
#define FORKS_N 64

struct sim_store {
    uint64_t position; /* how many writes it has */
    uint32_t branch;   /* of which history: each promotion begins one */
    bool paused;       /* a hand-off refuses writes */
};

struct sim_stores {
    struct sim_store at[SIM_REGIONS];
    uint8_t active; /* the region promoted last */
    uint64_t promoted_epoch;
    uint32_t branch, lag_us, stalls_permille;
    uint64_t stalled_until_us;
    uint64_t forks[FORKS_N]; /* where a history began, by branch */
    /* What was told of the loss at the last close. */
    bool told_known;
    uint32_t told_lag_ms;
    uint64_t told_epoch, told_sampled_ms;
    uint64_t acked_us[WRITES_N]; /* of the newest history, by position */
};

/* ---------------------------------------------------------------- the judge */

struct run_record {
    uint64_t execution;
    uint16_t attempt;
    uint8_t step, agent;
};

struct sent_record {
    uint64_t nonce, sent_us;
};

struct judge {
    bool failed;
    char rule[16];
    char what[256];
    uint64_t writes_n[SIM_HOSTS_MAX];
    uint64_t last_write_us[SIM_HOSTS_MAX];
    uint64_t accepted_max[SIM_REGIONS];
    uint32_t runs_n;
    struct run_record runs[RUNS_N];
    uint32_t sent_at;
    struct sent_record sent[512];
    uint64_t accepted_here[SIM_HOSTS_MAX], lease_sent_us[SIM_HOSTS_MAX];
    uint64_t served_since_us, moves_n, promises_n, proofs_n, lies_n;
    uint64_t closes_n[4]; /* by enum close_why */
    uint64_t promotions_n, planned_n, lost_n, losses_told_n;
    uint64_t faults_n[FAULTS_N], faults_hit_n[FAULTS_N];
    bool waits_for_people;
    bool all_lost; /* members, notes and log: epochs begin anew */
    uint64_t ran_epoch[SIM_HOSTS_MAX];
    uint64_t dead_since_us[SIM_HOSTS_MAX]; /* agent and guard of the host; 0: alive */
    uint64_t log_away_us, log_cut_us;      /* last seen so */
    struct judge_decisions decisions;
};

/* What can go wrong in this run, drawn once. */
struct weather {
    uint32_t loss_permille, dup_permille, tail_permille, tail_ms;
    uint32_t faults_mean_ms, compact_permille, action_fail_permille;
    uint64_t stormy_until_us, end_us;
    /* Calm: what goes wrong never justifies a fence of the active region (I10). */
    bool calm, calm_after_a_move, calm_old_dies;
    uint64_t calm_from_us, calm_rest_us;
    uint8_t calm_region;
    bool people_meddle, region_stays_dead, erratic_agents;
    uint64_t calm_excused_until_us; /* truly cut off: fenced, but not moved */
    bool cuts_are_tight;            /* nothing is kept by a queue on a way that is cut */
    uint8_t weights[10];            /* of the kinds of faults: every seed has its own mixture */
    uint32_t config_permille, replaced_permille, set_back_permille;
    bool loses_all;           /* where others set the log back */
    uint32_t moment_permille; /* a fault just when something delicate happened */
    bool lies;                /* keys of fewer than a majority of members are stolen */
    uint8_t liars;            /* whose: a set (liar.c) */
    uint8_t rogues, thieves;  /* hosts whose agent lies, whose key is stolen (rogue.c) */
};

struct sim {
    uint64_t seed, now_us, order;
    struct rng rng;
    bool trace;
    uint64_t hash, events_n;
    uint8_t mutant;            /* enum mutant */
    struct topology *topology; /* as it is at the start; changes: config.c */
    uint8_t config_n, config_wanted;
    uint8_t config_file; /* that a log without any begins with */
    uint8_t anew_file; /* it awaits the first epoch, which people have yet to name; 0: none does */
    bool config_eager, config_healed;
    bool locked;                 /* the promotion and the look at it share a lock */
    bool drills;                 /* people hold drills, and fail components over */
    uint8_t pins[SIM_HOSTS_MAX]; /* as people installed them, by host */
    uint8_t members_n;
    uint8_t hosts_n; /* the vantage is the last */
    uint8_t host_regions[SIM_HOSTS_MAX];
    struct weather weather;
    struct machine machines[PLACES_N];
    struct process processes[PROCESSES_N];
    uint64_t cut_until_us[PLACES_N][PLACES_N];
    struct sim_member members[SIM_MEMBERS];
    struct sim_agent agents[SIM_HOSTS_MAX];
    struct sim_guard guards[SIM_HOSTS_MAX];
    struct sim_engine engine;
    struct sim_stores stores;
    struct judge judge;
    uint64_t requests_n;
    uint32_t heap_n, free_n;
    /* Kept from run to run, and not cleared: only what the counts cover is meant. */
    uint32_t heap[EVENTS_MAX], free_slots[EVENTS_MAX];
    struct sim_event events[EVENTS_MAX];
    struct sim_fact facts[FACTS_MAX];
};

static inline bool mutant_is(const struct sim *sim, enum mutant mutant) {
    return sim->mutant == (uint8_t)mutant;
}

/* NULL: this core knows no such execution, or none any more. */
static inline const struct execution *execution_in(const struct core *core, uint64_t id) {
    for (unsigned i = 0; i < EXECUTIONS_MAX; i++) {
        if (core->executions[i].id == id) {
            return &core->executions[i];
        }
    }
    return NULL;
}

/* The walls' clocks, which are right here. */
static inline uint64_t sim_wall_ms(const struct sim *sim) {
    return 1000000 + sim->now_us / 1000;
}

/* ---------------------------------------------------------------- functions */

/* world.c */
struct topology *world_make(void); /* once; its numbers are set anew by each run */
void world_run(struct sim *sim, struct topology *topology, uint64_t seed, enum mutant mutant,
               bool trace);
/* The same in steps: the beginning, and one event not later than that. False: none, or broken. */
void world_start(struct sim *sim, struct topology *topology, uint64_t seed, enum mutant mutant,
                 bool trace);
bool world_next(struct sim *sim, uint64_t until_us);
struct stamp sim_stamp(const struct sim *sim, uint8_t machine);
static inline uint64_t sim_boot_ms(const struct sim *sim, uint8_t machine) {
    return sim_stamp(sim, machine).boot_ms;
}
uint8_t place_of(uint8_t process);
static inline uint8_t host_region(const struct sim *sim, uint8_t host) {
    return sim->host_regions[host];
}
/* True time that a machine's RAW clock takes for so many ms. */
uint64_t raw_to_true_us(const struct sim *sim, uint8_t machine, uint64_t ms);
/* The kernel, the guard and the agent of a host come up, in this order. */
void host_boot(struct sim *sim, uint8_t host);
void host_kill(struct sim *sim, uint8_t host, uint64_t back_us);
void process_start(struct sim *sim, uint8_t process);
void process_kill(struct sim *sim, uint8_t process, uint64_t back_us);
void process_stop(struct sim *sim, uint8_t process, uint64_t until_us);
void sim_say(struct sim *sim, uint8_t process, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#define SAY(sim, process, ...)                                                                     \
    do {                                                                                           \
        if ((sim)->trace) {                                                                        \
            sim_say(sim, process, __VA_ARGS__);                                                    \
        }                                                                                          \
    } while (0)
void sim_mix(struct sim *sim, uint64_t value);
uint64_t pick(struct sim *sim, uint64_t below);
bool chance(struct sim *sim, uint32_t permille);

/* queue.c */
void queue_clear(struct sim *sim);
struct sim_event *queue_add(struct sim *sim, uint64_t at_us, enum sim_event_kind kind, uint8_t to);
/* The earliest one; false: none. The event is the caller's copy. */
bool queue_take(struct sim *sim, struct sim_event *ret_event);

/* net.c */
/* Over the network between two places: may be lost, doubled, late, overtaken. */
void net_send(struct sim *sim, const struct sim_message *message);
/* Between agent and guard of one host: in order, never lost while both live. */
void net_local(struct sim *sim, const struct sim_message *message);
bool net_reaches(const struct sim *sim, uint8_t from_place, uint8_t to_place);
void net_cut(struct sim *sim, uint64_t from_places, uint64_t to_places, uint64_t until_us,
             bool one_way);

/* liar.c */
void liar_draw(struct sim *sim);
bool liar_is(const struct sim *sim, uint8_t m);
/* The named assumption: an honest member that lags the log does not answer in such a world. */
bool liar_silences(const struct sim *sim, uint8_t m);
void liar_answer(struct sim *sim, struct sim_answer *answer);
void liar_ack(struct sim *sim, struct sim_ack *ack);
void liar_tick(struct sim *sim, uint8_t m);

/* rogue.c */
void rogue_draw(struct sim *sim);
bool rogue_is(const struct sim *sim, uint8_t host);
/* Its agent lies, or its key is stolen, in this run. */
bool rogue_or_stolen(const struct sim *sim, uint8_t host);
void rogue_tick(struct sim *sim, uint8_t host, bool thief);
void rogue_asks(struct sim *sim, uint8_t host, uint64_t nonce, uint64_t epoch);
void rogue_world(struct sim *sim);
bool rogue_hears(struct sim *sim, uint8_t host, const struct sim_message *message);

/* restore.c */
void memory_saw(const struct sim *sim, uint64_t index, struct log_memory_kept *memory);
bool memory_fits(struct sim *sim, uint8_t m);
void restore_back_up(struct sim *sim);
void restore_heal(struct sim *sim);
bool restore_waits(const struct sim *sim);
void strike_set_back(struct sim *sim);
void strike_all_lost(struct sim *sim);
void restore_epoch_named(struct sim *sim, uint8_t m, uint64_t epoch);
void strike_replaced(struct sim *sim);

/* disks.c */
uint64_t disk_takes_us(struct sim *sim, uint8_t machine);
bool disk_refuses(const struct sim *sim, uint8_t machine);
bool disk_holds_it_all_the_same(struct sim *sim, uint8_t machine);
void strike_disk(struct sim *sim, uint8_t machine);

/* stores.c */
void stores_start(struct sim *sim);
void stores_tick(struct sim *sim);
void stores_forget(struct sim *sim, uint8_t m);
void store_begins(struct sim *sim, uint8_t host, const struct sim_command *command);
void stores_report(const struct sim *sim, uint8_t region, struct sim_report *said);
void stores_heard(const struct sim *sim, uint8_t m, const struct sim_report *report);
uint64_t stores_sampled_ms(const struct sim *sim, uint8_t m);
void stores_closed(struct sim *sim, uint8_t m, uint64_t sampled_ms);
void propose_lags(struct sim *sim, uint8_t m);
bool store_ends(struct sim *sim, uint8_t host, struct sim_command *command, bool fails);

/* config.c */
#define CONFIG_SLOTS 6
const struct topology *config_at(uint8_t slot);
struct topology *config_slot(uint8_t slot);
/* A slot that says what `of` says; 0: there is none left. */
uint8_t config_copy(struct sim *sim, uint8_t of);
/* The member whose word people go by; NULL: none has caught up. */
const struct sim_member *config_speaker(const struct sim *sim);
const struct topology *member_topology(const struct sim *sim, uint8_t m);
bool config_take(struct sim *sim, uint8_t m, const struct sim_fact *fact);
bool numbers_equal(const struct sim *sim, uint8_t slot_a, uint8_t slot_b);
bool config_make(struct sim *sim, bool same);
void config_go_on(struct sim *sim);
void config_heal(struct sim *sim);
void strike_config(struct sim *sim);

/* anew.c. The newest topology that any member applied; asked before all is lost. */
uint8_t anew_newest(const struct sim *sim);
void anew_begin(struct sim *sim, uint8_t newest);
void anew_go_on(struct sim *sim);

/* engine.c */
void engine_message(struct sim *sim, const struct sim_message *message);
bool key_equal(const struct fact_key *a, const struct fact_key *b);

/* member.c */
void member_start(struct sim *sim, uint8_t m);
void member_tick(struct sim *sim, uint8_t m);
void member_message(struct sim *sim, uint8_t m, const struct sim_message *message);
void member_disk(struct sim *sim, uint8_t m);
void member_crash(struct sim *sim, uint8_t m);
bool opens_a_store(uint8_t action);
uint32_t member_wait_ms(const struct sim *sim, uint8_t m);
bool member_hears(const struct sim *sim, uint8_t m, uint8_t host);

/* member_propose.c */
void propose_all(struct sim *sim, uint8_t m);
void propose_appended(struct sim *sim, uint8_t m, const struct sim_append *append);
/* Its own, applied. */
void propose_event(struct sim *sim, uint8_t m, const struct fact_key *key,
                   const struct event *event);
void propose_reports(struct sim *sim, uint8_t m);
bool report_to_event(const struct sim *sim, const struct sim_report *report,
                     struct event_report *ret_event);

/* agent.c */
void agent_start(struct sim *sim, uint8_t host);
void agent_tick(struct sim *sim, uint8_t host);
void agent_message(struct sim *sim, uint8_t host, const struct sim_message *message);
uint32_t agent_left_ms(const struct sim *sim, uint8_t host);
void agent_ask(struct sim *sim, uint8_t host, const struct sim_question *question, bool relay);
bool answer_says_closed(const struct sim_answer *answer);
uint64_t agent_newest(const struct sim *sim, uint8_t host, bool *ret_ours);

/* agent_commands.c */
void commands_receive(struct sim *sim, uint8_t host, const struct want_command *want);
void commands_answer(struct sim *sim, uint8_t host, const struct sim_answer *answer);
void commands_tick(struct sim *sim, uint8_t host);
void commands_action(struct sim *sim, uint8_t host, uint32_t arg);
void commands_crash(struct sim *sim, uint8_t host);
struct command_name command_name_of(const struct want_command *want);

/* guard.c */
void guard_start(struct sim *sim, uint8_t host);
void guard_tick(struct sim *sim, uint8_t host);
/* Asked at this instant: does it hold the lease of this epoch, with its gate open? */
bool guard_lease_runs(const struct sim *sim, uint8_t host, uint64_t epoch);
void guard_call(struct sim *sim, uint8_t host, const struct sim_call *call);
void guard_disk(struct sim *sim, uint8_t host);
void guard_crash(struct sim *sim, uint8_t host);
bool gate_is_open(const struct sim *sim, uint8_t host);
/* The place of a host among the gate agents that promise to `asker`; NONE. */
uint8_t promiser_place(const struct sim *sim, uint8_t asker, uint8_t host);
uint8_t promisers_n(const struct sim *sim, uint8_t asker);

/* faults.c */
void fault_drawn(struct sim *sim, enum fault fault, uint64_t places);
void faults_draw(struct sim *sim);
void faults_strike(struct sim *sim);
void faults_heal(struct sim *sim);
uint64_t hosts_of(const struct sim *sim, uint8_t region);        /* as a set of places */
uint64_t for_ms(struct sim *sim, uint32_t least, uint32_t most); /* from now */

/* faults_stories.c: faults in an order that rarely comes by chance. */
enum story {
    STORY_PART = 1,
    STORY_FIRST_MOVE,
    STORY_OLD_REGION_DIES,
    STORY_SILENCE,
    STORY_SKIP,
    STORY_MOVE_ON,
    STORY_DECLARED,
    STORY_RESTARTS,
    STORY_LOG_STOPS,
    STORY_ACTIVE_SILENT,
    STORY_CLOCKS,
    STORY_PLANNED,
    STORY_MODE
};
void story_go_on(struct sim *sim, enum story story);
void story_drill(struct sim *sim); /* where people hold any */
void story_later(struct sim *sim, enum story story, uint64_t after_us);
void story_people(struct sim *sim);
void story_declared(struct sim *sim);
void story_promises(struct sim *sim);
void story_two_moves(struct sim *sim);
void story_stale(struct sim *sim);
void story_standby_dies(struct sim *sim, uint8_t active);
uint8_t world_owner(const struct sim *sim); /* of the newest epoch that any member knows */
/* Something delicate just happened in this process: a close noted, a promise given, a lease had. */
void faults_decided(struct sim *sim);
void faults_moment(struct sim *sim, uint8_t process);

/* judge.c */
void judge_fail(struct sim *sim, const char *rule, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void judge_asked(struct sim *sim, uint64_t nonce);
void judge_gate_open(struct sim *sim, uint8_t host, uint64_t nonce, uint64_t epoch);
void judge_accepted(struct sim *sim, uint8_t host, uint64_t epoch);
bool judge_has_run(const struct sim *sim, const struct command_name *name);
void judge_ran(struct sim *sim, const struct command_name *name);
void judge_clients(struct sim *sim);

/* judge_decisions.c */
void judge_wanted(struct sim *sim, uint8_t m, const struct command_name *name);
void judge_command(struct sim *sim, uint8_t host, const struct command_name *name);
void judge_opens(struct sim *sim, uint8_t host, const struct command_name *name);
void judge_host(struct sim *sim, uint8_t host);
void judge_lease_alone(struct sim *sim, uint8_t host, uint64_t epoch);
/* The core's step, and what a mutant does to it. */
struct verdict mutant_step(struct sim *sim, uint8_t m, const struct event *event);
void judge_applied(struct sim *sim, uint8_t m, const struct event *event,
                   const struct verdict *verdict);
/* After the healing: true when the service is well again, or waits for people by name. */
bool judge_settled(struct sim *sim);
void judge_end(struct sim *sim);

#endif
