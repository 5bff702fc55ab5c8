/* Seeds: one or many, told, counted, kept. */
#include "runs.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "trace.h"
#include "workers.h"

struct sim sim_world;

/* --------------------------------------------------------------- one seed */

static jmp_buf escape;
static struct text256 escape_why;

/* A broken invariant of a core is a broken seed; the world is thrown away with it. */
static void on_ensure(const char *expression, const char *file, int line) {
    const char *slash = strrchr(file, '/');
    text_say(&escape_why, "ensure(%s) at %s:%d", expression, slash == NULL ? file : slash + 1,
             line);
    longjmp(escape, 1);
}

void run_surviving(void (*work)(const void *owner), const void *owner) {
    if (setjmp(escape) == 0) {
        ensure_hook = on_ensure;
        work(owner);
        ensure_hook = NULL;
        return;
    }
    ensure_hook = NULL;
    judge_fail(&sim_world, "ensure", "%s", escape_why.at);
}

struct run {
    uint64_t seed;
    enum mutant mutant;
    bool trace;
};

static void run_plainly(const void *owner) {
    const struct run *run = owner;
    world_run(&sim_world, world_make(), run->seed, run->mutant, run->trace);
}

void run_world(uint64_t seed, enum mutant mutant, bool trace) {
    struct run run = {seed, mutant, trace};
    run_surviving(run_plainly, &run);
}

static void print_broken(void) {
    const struct sim *sim = &sim_world;
    (void)printf("seed %llu broke %s: %s\n  again: drover-sim --seed %llu%s%s --trace\n",
                 (unsigned long long)sim->seed, sim->judge.rule, sim->judge.what,
                 (unsigned long long)sim->seed, sim->mutant == 0 ? "" : " --mutant ",
                 sim->mutant == 0 ? "" : mutant_option((enum mutant)sim->mutant));
}

/* The story of a seed that should not have broken. */
static void keep_story(const struct options *options) {
    char path[512];
    struct trace_source source = {
        .seed = sim_world.seed, .mutant = (enum mutant)sim_world.mutant, .last_n = 400};
    if (options->traces[0] == '\0' || source.mutant != MUTANT_NONE_) {
        return;
    }
    bool fits = text_format(path, sizeof path, "%s/seed-%llu.trace", options->traces,
                            (unsigned long long)source.seed);
    if (fits && trace_file_write(path, &source, &sim_world, run_world)) {
        (void)printf("  its story: %s\n", path);
    } else {
        (void)printf("  its story could not be kept in %s: %s\n", path, strerror(errno));
    }
}

int runs_one(const struct options *options) {
    const struct sim *sim = &sim_world;
    run_world(options->seed, options->mutant, options->trace);
    uint64_t hash = sim->hash;
    (void)printf("seed %llu hash %016llx events %llu virtual %llu ms: %s\n",
                 (unsigned long long)options->seed, (unsigned long long)hash,
                 (unsigned long long)sim->events_n, (unsigned long long)(sim->now_us / 1000),
                 sim->judge.failed             ? "broken"
                 : sim->judge.waits_for_people ? "waits for people"
                                               : "serves");
    bool failed = sim->judge.failed;
    if (failed) {
        print_broken();
    }
    if (options->twice) {
        run_world(options->seed, options->mutant, false);
        if (sim->hash != hash) {
            (void)printf("not deterministic: %016llx the second time\n",
                         (unsigned long long)sim->hash);
            return 1;
        }
    }
    return failed != (options->mutant != MUTANT_NONE_);
}

/* ------------------------------------------------------------- many seeds */

struct totals {
    uint64_t seeds_n, events_n, moves_n, promises_n, proofs_n, waiting_n, virtual_us, cpu_ms, hash;
    uint64_t thieves_n, rogues_n, lies_n, closes_n[4], members_n[SIM_MEMBERS + 1];
    uint64_t faults_n[FAULTS_N], faults_hit_n[FAULTS_N];
    uint64_t promotions_n, planned_n, lost_n, losses_told_n;
    uint64_t broken_seed; /* meant when broken */
    bool broken;
};

struct many {
    const struct options *options;
    struct totals *totals; /* one a worker */
};

/* The same sums in whatever order the seeds ran. */
static void add_run(struct totals *totals, const struct sim *sim) {
    totals->seeds_n++;
    totals->events_n += sim->events_n;
    totals->moves_n += sim->judge.moves_n;
    totals->promises_n += sim->judge.promises_n;
    totals->proofs_n += sim->judge.proofs_n;
    totals->thieves_n += sim->weather.lies;
    totals->rogues_n += (sim->weather.rogues | sim->weather.thieves) != 0;
    totals->lies_n += sim->judge.lies_n;
    totals->members_n[sim->members_n]++;
    totals->promotions_n += sim->judge.promotions_n;
    totals->planned_n += sim->judge.planned_n;
    totals->lost_n += sim->judge.lost_n;
    totals->losses_told_n += sim->judge.losses_told_n;
    for (unsigned f = 0; f < FAULTS_N; f++) {
        totals->faults_n[f] += sim->judge.faults_n[f];
        totals->faults_hit_n[f] += sim->judge.faults_hit_n[f];
    }
    for (unsigned why = 0; why < 4; why++) {
        totals->closes_n[why] += sim->judge.closes_n[why];
    }
    totals->waiting_n += sim->judge.waits_for_people;
    totals->virtual_us += sim->now_us;
    totals->hash += sim->hash * (2 * sim->seed + 1);
}

static void add_totals(struct totals *sum, const struct totals *part) {
    sum->seeds_n += part->seeds_n;
    sum->events_n += part->events_n;
    sum->moves_n += part->moves_n;
    sum->promises_n += part->promises_n;
    sum->proofs_n += part->proofs_n;
    sum->thieves_n += part->thieves_n;
    sum->rogues_n += part->rogues_n;
    sum->lies_n += part->lies_n;
    sum->promotions_n += part->promotions_n;
    sum->planned_n += part->planned_n;
    sum->lost_n += part->lost_n;
    sum->losses_told_n += part->losses_told_n;
    for (unsigned n = 0; n <= SIM_MEMBERS; n++) {
        sum->members_n[n] += part->members_n[n];
    }
    for (unsigned f = 0; f < FAULTS_N; f++) {
        sum->faults_n[f] += part->faults_n[f];
        sum->faults_hit_n[f] += part->faults_hit_n[f];
    }
    for (unsigned why = 0; why < 4; why++) {
        sum->closes_n[why] += part->closes_n[why];
    }
    sum->waiting_n += part->waiting_n;
    sum->virtual_us += part->virtual_us;
    sum->cpu_ms += part->cpu_ms;
    sum->hash += part->hash;
    if (part->broken && (!sum->broken || part->broken_seed < sum->broken_seed)) {
        sum->broken = true;
        sum->broken_seed = part->broken_seed;
    }
}

static void run_share(unsigned worker, unsigned workers_n, void *owner) {
    struct many *many = owner;
    const struct options *options = many->options;
    struct totals *totals = &many->totals[worker];
    for (uint64_t i = worker; i < options->seeds_n && !totals->broken; i += workers_n) {
        for (unsigned w = 0; w < workers_n; w++) {
            if (many->totals[w].broken && many->totals[w].broken_seed < options->from + i) {
                return;
            }
        }
        run_world(options->from + i, options->mutant, false);
        add_run(totals, &sim_world);
        totals->cpu_ms = workers_cpu_ms();
        totals->broken_seed = sim_world.seed;
        totals->broken = sim_world.judge.failed;
    }
}

/* FILE: one line of numbers, read, added to and written again. */
static bool keep_totals(const char *path, const struct totals *sum, uint64_t wall_ms) {
    unsigned long long seeds_n = 0, moves_n = 0, violations_n = 0, virtual_s = 0, cpu_s = 0, ms = 0;
    static const char *const form =
        "seeds %llu failovers %llu violations %llu virtual_s %llu cpu_s %llu wall_ms %llu\n";
    FILE *file = fopen(path, "r");
    if (file != NULL) {
        int read_n = fscanf(file, form, &seeds_n, &moves_n, &violations_n, &virtual_s, &cpu_s, &ms);
        (void)fclose(file);
        if (read_n != 6) {
            (void)fprintf(stderr, "drover-sim: %s does not hold totals\n", path);
            return false;
        }
    }
    file = fopen(path, "w");
    if (file == NULL) {
        (void)fprintf(stderr, "drover-sim: %s: %s\n", path, strerror(errno));
        return false;
    }
    (void)fprintf(file, form, seeds_n + sum->seeds_n, moves_n + sum->moves_n,
                  violations_n + sum->broken, virtual_s + sum->virtual_us / 1000000,
                  cpu_s + sum->cpu_ms / 1000, ms + wall_ms);
    return fclose(file) == 0;
}

static unsigned long long whole(uint64_t n) {
    return (unsigned long long)n;
}

/* Which moves were begun, what went wrong how often, what was assumed where keys were stolen. */
static void print_coverage(const struct totals *sum) {
    static const char *const names[] = {
#define FAULT_NAME(name, text) text,
        FAULT_LIST(FAULT_NAME)
#undef FAULT_NAME
    };
    (void)printf("moves begun: %llu automatic, %llu declared, %llu planned; members: 1 in %llu, "
                 "3 in %llu, 5 in %llu seeds\n",
                 whole(sum->closes_n[CLOSE_AUTOMATIC]), whole(sum->closes_n[CLOSE_DECLARED]),
                 whole(sum->closes_n[CLOSE_PLANNED]), whole(sum->members_n[1]),
                 whole(sum->members_n[3]), whole(sum->members_n[5]));
    (void)printf("member keys stolen in %llu seeds (there: honest-members-do-not-lag, wait_from = "
                 "close), lying agents or stolen agent keys in %llu; %llu lies\n",
                 whole(sum->thieves_n), whole(sum->rogues_n), whole(sum->lies_n));
    (void)printf("stores promoted %llu times, %llu of them handed over; %llu acknowledged writes "
                 "lost with the tail, %llu losses compared with what was told\n",
                 whole(sum->promotions_n), whole(sum->planned_n), whole(sum->lost_n),
                 whole(sum->losses_told_n));
    (void)printf("faults, and how many hit a host that held the lease:");
    for (unsigned f = 0; f < FAULTS_N; f++) {
        (void)printf("%s %s %llu/%llu", f == 0 ? "" : ",", names[f], whole(sum->faults_n[f]),
                     whole(sum->faults_hit_n[f]));
    }
    (void)printf("\n");
}

static void print_totals(const struct totals *sum, uint64_t wall_ms) {
    uint64_t cpu_ms = sum->cpu_ms == 0 ? 1 : sum->cpu_ms;
    (void)printf("%llu seeds, %llu events, %llu s of virtual time; the lease moved %llu times, "
                 "%llu extensions by promises, %llu waits ended by proofs, %llu runs ended waiting "
                 "for people; %llu seeds and %llu failovers a CPU second, %llu s; hash %016llx\n",
                 (unsigned long long)sum->seeds_n, (unsigned long long)sum->events_n,
                 (unsigned long long)(sum->virtual_us / 1000000), (unsigned long long)sum->moves_n,
                 (unsigned long long)sum->promises_n, (unsigned long long)sum->proofs_n,
                 (unsigned long long)sum->waiting_n,
                 (unsigned long long)(sum->seeds_n * 1000 / cpu_ms),
                 (unsigned long long)(sum->moves_n * 1000 / cpu_ms),
                 (unsigned long long)(wall_ms / 1000), (unsigned long long)sum->hash);
}

int runs_many(const struct options *options) {
    unsigned workers_n = (unsigned)options->workers_n;
    struct many many = {options, workers_share(sizeof(struct totals) * WORKERS_MAX)};
    struct totals sum = {0};
    uint64_t started_ms = workers_wall_ms();
    bool ok = workers_run(workers_n, run_share, &many);
    for (unsigned i = 0; i < workers_n; i++) {
        add_totals(&sum, &many.totals[i]);
    }
    uint64_t wall_ms = workers_wall_ms() - started_ms;
    if (!ok) {
        (void)printf("a worker died\n");
    }
    if (sum.broken) {
        run_world(sum.broken_seed, options->mutant, false);
        print_broken();
        keep_story(options);
    }
    print_coverage(&sum);
    print_totals(&sum, wall_ms);
    ok = (options->totals == NULL || keep_totals(options->totals, &sum, wall_ms)) && ok;
    return !ok || sum.broken != (options->mutant != MUTANT_NONE_);
}

/* ------------------------------------------------------------ kept stories */

int runs_replay(const struct options *options, char **paths, int paths_n) {
    int wrong_n = 0;
    (void)options;
    for (int i = 0; i < paths_n; i++) {
        struct trace_source source;
        enum trace_replay result = trace_file_replay(paths[i], &sim_world, run_world, &source);
        const char *slash = strrchr(paths[i], '/'), *name = slash == NULL ? paths[i] : slash + 1;
        if (result == TRACE_UNREADABLE) {
            (void)printf("wrong %s: not a trace file\n", name);
        } else if (sim_world.judge.failed != (source.mutant != MUTANT_NONE_)) {
            (void)printf("wrong %s: ", name);
            (void)printf(sim_world.judge.failed ? "it still breaks %s\n"
                                                : "the mutant is not noticed%s\n",
                         sim_world.judge.rule);
        } else if (result == TRACE_SAME) {
            (void)printf("same %s: seed %llu, %s\n", name, (unsigned long long)source.seed,
                         mutant_option(source.mutant));
            continue;
        }
        wrong_n++;
    }
    return wrong_n > 0;
}

int runs_write_trace(const struct options *options) {
    struct trace_source source = {
        .seed = options->seed, .mutant = options->mutant, .last_n = (uint32_t)options->last_n};
    if (!trace_file_write(options->write_trace, &source, &sim_world, run_world)) {
        (void)fprintf(stderr, "drover-sim: %s: %s\n", options->write_trace, strerror(errno));
        return 1;
    }
    return sim_world.judge.failed != (options->mutant != MUTANT_NONE_);
}
