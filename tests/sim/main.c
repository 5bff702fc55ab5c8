/* drover-sim: runs seeds, prints what broke and how to see it again. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

struct options {
    uint64_t seeds_n, from, seed;
    enum mutant mutant;
    bool one, trace, twice, list, all_mutants;
};

static struct sim sim;

static const char help[] =
    "drover-sim: the world simulator\n"
    "\n"
    "  drover-sim --seeds N [--from S]     runs seeds S .. S+N-1, stops at the first that breaks\n"
    "  drover-sim --seed S [--trace]       runs one; --trace tells its story\n"
    "  drover-sim --seed S --twice         runs it twice and compares the traces' hashes\n"
    "  drover-sim --mutant NAME ...        with a rule broken: 0 when the judge noticed, else 1\n"
    "  drover-sim --mutants --seeds N      every mutant in turn, at most N seeds each\n"
    "  drover-sim --list-mutants\n"
    "\n"
    "Exit: 0 as it should be, 1 not, 2 wrong arguments.\n";

static bool read_number(const char *text, uint64_t *ret_value) {
    if (!text_to_u64(text, UINT64_MAX / 2, ret_value)) {
        (void)fprintf(stderr, "drover-sim: \"%s\" is not a number\n", text);
        return false;
    }
    return true;
}

static bool read_option(int option, struct options *options) {
    switch (option) {
    case 'n': return read_number(optarg, &options->seeds_n);
    case 'f': return read_number(optarg, &options->from);
    case 's': options->one = true; return read_number(optarg, &options->seed);
    case 'm':
        options->mutant = mutant_find(optarg);
        if (options->mutant == MUTANTS_N) {
            (void)fprintf(stderr, "drover-sim: no mutant \"%s\"; see --list-mutants\n", optarg);
            return false;
        }
        return true;
    case 't': options->trace = true; return true;
    case '2': options->twice = true; return true;
    case 'l': options->list = true; return true;
    case 'a': options->all_mutants = true; return true;
    default: return false;
    }
}

static bool read_options(int argc, char **argv, struct options *ret_options) {
    static const struct option known[] = {{"seeds", required_argument, NULL, 'n'},
                                          {"from", required_argument, NULL, 'f'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"mutant", required_argument, NULL, 'm'},
                                          {"trace", no_argument, NULL, 't'},
                                          {"twice", no_argument, NULL, '2'},
                                          {"list-mutants", no_argument, NULL, 'l'},
                                          {"mutants", no_argument, NULL, 'a'},
                                          {NULL, 0, NULL, 0}};
    int option;
    *ret_options = (struct options){.seeds_n = 1000, .from = 1};
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (!read_option(option, ret_options)) {
            return false;
        }
    }
    return optind == argc;
}

static void print_broken(void) {
    (void)printf("seed %llu broke %s: %s\n  again: drover-sim --seed %llu%s%s --trace\n",
                 (unsigned long long)sim.seed, sim.judge.rule, sim.judge.what,
                 (unsigned long long)sim.seed, sim.mutant == 0 ? "" : " --mutant ",
                 sim.mutant == 0 ? "" : mutant_option((enum mutant)sim.mutant));
}

struct totals {
    uint64_t seeds_n, events_n, moves_n, promises_n, proofs_n, waiting_n, virtual_us, hash;
};

static void add_totals(struct totals *totals) {
    totals->seeds_n++;
    totals->events_n += sim.events_n;
    totals->moves_n += sim.judge.moves_n;
    totals->promises_n += sim.judge.promises_n;
    totals->proofs_n += sim.judge.proofs_n;
    totals->waiting_n += sim.judge.waits_for_people;
    totals->virtual_us += sim.now_us;
    totals->hash = (totals->hash ^ sim.hash) * UINT64_C(0x100000001B3);
}

/* True when a seed broke a rule; sim then holds that run. */
static bool run_seeds(struct topology *topology, const struct options *options, enum mutant mutant,
                      struct totals *totals) {
    for (uint64_t i = 0; i < options->seeds_n; i++) {
        world_run(&sim, topology, options->from + i, mutant, false);
        add_totals(totals);
        if (sim.judge.failed) {
            return true;
        }
    }
    return false;
}

static int run_mutants(struct topology *topology, const struct options *options) {
    int missed_n = 0;
    for (unsigned m = 1; m < MUTANTS_N; m++) {
        struct totals totals = {0};
        bool found = run_seeds(topology, options, (enum mutant)m, &totals);
        missed_n += !found;
        (void)printf("%-22s %s after %llu seeds%s%s\n", mutant_option((enum mutant)m),
                     found ? "found" : "MISSED", (unsigned long long)totals.seeds_n,
                     found ? ", by " : "", found ? sim.judge.rule : "");
        (void)fflush(stdout);
    }
    return missed_n > 0;
}

static int run_one(struct topology *topology, const struct options *options) {
    world_run(&sim, topology, options->seed, options->mutant, options->trace);
    uint64_t hash = sim.hash;
    (void)printf("seed %llu hash %016llx events %llu virtual %llu ms: %s\n",
                 (unsigned long long)options->seed, (unsigned long long)hash,
                 (unsigned long long)sim.events_n, (unsigned long long)(sim.now_us / 1000),
                 sim.judge.failed             ? "broken"
                 : sim.judge.waits_for_people ? "waits for people"
                                              : "serves");
    bool failed = sim.judge.failed;
    if (failed) {
        print_broken();
    }
    if (options->twice) {
        world_run(&sim, topology, options->seed, options->mutant, false);
        if (sim.hash != hash) {
            (void)printf("not deterministic: %016llx the second time\n",
                         (unsigned long long)sim.hash);
            return 1;
        }
    }
    return failed != (options->mutant != MUTANT_NONE_);
}

static int run_many(struct topology *topology, const struct options *options) {
    struct totals totals = {0};
    bool broke = run_seeds(topology, options, options->mutant, &totals);
    (void)printf("%llu seeds, %llu events, %llu s of virtual time; the lease moved %llu times, "
                 "%llu extensions by promises, %llu waits ended by proofs, %llu runs ended waiting "
                 "for people; hash %016llx\n",
                 (unsigned long long)totals.seeds_n, (unsigned long long)totals.events_n,
                 (unsigned long long)(totals.virtual_us / 1000000),
                 (unsigned long long)totals.moves_n, (unsigned long long)totals.promises_n,
                 (unsigned long long)totals.proofs_n, (unsigned long long)totals.waiting_n,
                 (unsigned long long)totals.hash);
    if (broke) {
        print_broken();
    }
    return broke != (options->mutant != MUTANT_NONE_);
}

/* A broken invariant of the core is a broken seed: the line names both before the abort. */
static void on_ensure(const char *expression, const char *file, int line) {
    (void)printf("seed %llu mutant %s: ensure(%s) at %s:%d\n", (unsigned long long)sim.seed,
                 mutant_option((enum mutant)sim.mutant), expression, file, line);
    (void)fflush(stdout);
}

int main(int argc, char **argv) {
    struct options options;
    if (!read_options(argc, argv, &options)) {
        (void)fputs(help, stderr);
        return 2;
    }
    ensure_hook = on_ensure;
    struct topology *topology = world_make();
    if (options.list) {
        for (unsigned m = 1; m < MUTANTS_N; m++) {
            (void)printf("%-22s %s\n", mutant_option((enum mutant)m), mutant_text((enum mutant)m));
        }
        return 0;
    }
    if (options.all_mutants) {
        return run_mutants(topology, &options);
    }
    return options.one ? run_one(topology, &options) : run_many(topology, &options);
}
