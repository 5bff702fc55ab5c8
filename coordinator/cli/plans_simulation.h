/* plans_simulation: a plan run in virtual time by the very code that decides.
 *
 * Every member is a `struct decide` with its core and its side of the lease, fed the facts that a
 * fleet would write; agents answer commands after a time, and a person answers what is asked.
 * What is simulated here is only the world around the members: nothing of what they decide is said
 * twice. There is no socket, file or clock in it, so it can touch nothing; the same input gives the
 * same bytes. */
#ifndef DROVER_CLI_PLANS_SIMULATION_H
#define DROVER_CLI_PLANS_SIMULATION_H

#include "common/base/rng.h"
#include "coordinator/decide/decide.h"

#define MOMENTS_MAX 600
#define MOMENT_SIZE 320
#define PEOPLE_MS_DEFAULT (5 * 60 * 1000u)

/* Assumed, and told with every result: nobody measures them here. */
#define SIMULATED_HOP_MS 10    /* a fact into the log, a command to its agent */
#define SIMULATED_PROOF_MS 100 /* a guard that is told that its epoch is closed proves its fence */

enum step_fault {
    STEP_FAULT_NO = 0,
    STEP_FAULT_FAIL,       /* its first fails_n attempts fail; 0: all of them */
    STEP_FAULT_SLOW,       /* it takes this much longer */
    STEP_FAULT_HANG,       /* it never ends: its agent says nothing about it any more */
    STEP_FAULT_AGENT_LOST, /* the agent that is asked first dies of it */
    STEP_FAULT_DECLINED,   /* the person who is asked says no */
    STEP_FAULT_UNANSWERED  /* nobody answers */
};

/* Where the time of a step comes from. */
enum takes_from {
    TAKES_DECLARED = 0, /* all of its timeout */
    TAKES_MEASURED,     /* by earlier executions of this fleet */
    TAKES_TOLD          /* on the command line */
};

struct simulated_step {
    uint8_t fault;      /* enum step_fault */
    uint8_t takes_from; /* enum takes_from */
    uint32_t fails_n;
    uint64_t slow_ms;
    uint64_t takes_ms;   /* unless declared */
    uint64_t slowest_ms; /* MEASURED: the 95th of a hundred; of few, the longest that was seen */
    uint32_t samples_n;  /* MEASURED: so often */
};

/* The world at the beginning. simulation_input_of() fills it with one in which all is well. */
struct simulation_input {
    struct topology *topology; /* version and initial_region are set to what is simulated */
    uint8_t plan;
    uint8_t source, target; /* of a reprotect the source is the standby to be */
    uint64_t people_ms;     /* a person answers, or declares, this much later */
    uint64_t seed;
    uint64_t epoch;         /* that is open at the beginning, for people */
    uint64_t lost_regions;  /* bit sets: lost when the simulated time begins */
    uint64_t lost_agents;   /* not heard from before that */
    uint64_t absent_guards; /* by agent */
    uint32_t turns_max;     /* 0: enough; a bound for tests that run any topology */
    bool latched, held;
    uint64_t block_ms; /* of the anti-flap block that is left */
    struct {
        bool known;
        uint32_t lag_ms;
    } links[LINKS_MAX];
    uint8_t checks[CHECKS_MAX][AGENTS_MAX]; /* enum check_status by vantage */
    struct simulated_step steps[STEPS_MAX];
};

enum simulation_end {
    SIMULATION_DONE = 0,
    SIMULATION_ABORTED, /* handed back: the region left serves on */
    SIMULATION_WAITS,   /* for people */
    SIMULATION_REFUSED, /* a rule refused the declaration, or nobody may make it */
    SIMULATION_UNENDED  /* longer than can be simulated */
};

#define SIMULATED_NEVER UINT64_MAX

struct simulated_moment {
    uint64_t at_ms;
    char text[MOMENT_SIZE];
};

/* Moments in ms of virtual time from the outage or the declaration; NEVER: it did not come. */
struct simulation_result {
    uint8_t end;    /* enum simulation_end */
    uint16_t rule;  /* REFUSED: which; 0: nobody may declare it */
    bool automatic; /* begun by the members */
    bool blocked;   /* the policy is automatic, and a gate stood in its way */
    bool gates_stop[GATES_N];
    uint64_t ended_ms;
    uint64_t begun_ms, closed_ms, opened_ms;
    uint64_t lease_ended_ms; /* the last lease of the old epoch, at the latest */
    uint64_t proved_ms;      /* every guard of the region left proved its fence */
    uint64_t certified_ms;   /* the target may write */
    uint64_t people_ms;      /* all answers and the declaration together */
    uint8_t answers_n;
    struct {
        uint64_t begun_ms, ended_ms, asked_ms, answered_ms;
        uint8_t role; /* asked; NONE */
    } steps[STEPS_MAX];
    struct execution execution; /* as the core left it; id 0: none began */
    unsigned moments_n, moments_lost_n;
    struct simulated_moment moments[MOMENTS_MAX];
};

/* All is well but for what the plan's kind says: of a failover the source is lost. */
void simulation_input_of(struct topology *topology, uint8_t plan, uint8_t source, uint8_t target,
                         struct simulation_input *ret_input);

/* "promote-redis=slow:30s", "r1-db1=lost", "pg-stream=lag:2h": false with what is wrong. */
bool simulation_fault_read(struct simulation_input *input, const char *text,
                           struct text256 *reterr);

/* Large and static inside: one at a time. */
void simulation_run(const struct simulation_input *input, struct simulation_result *ret_result);

#endif
