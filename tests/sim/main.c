/* drover-sim: what can be asked of the simulator. */
#include <getopt.h>
#include <stdio.h>

#include "runs.h"
#include "trace.h"
#include "workers.h"

static const char help[] =
    "drover-sim: the world simulator\n"
    "\n"
    "  drover-sim --seeds N [--from S]      runs seeds S .. S+N-1, stops at the first that breaks\n"
    "  drover-sim --seed S [--trace]        runs one; --trace tells its story\n"
    "  drover-sim --seed S --twice          runs it twice and compares the stories\n"
    "  drover-sim --mutant NAME ...         with a rule broken: 0 when the judge noticed, else 1\n"
    "  drover-sim --mutants --seeds N       every mutant in turn, at most N seeds each\n"
    "  drover-sim --list-mutants            their names, and what each breaks\n"
    "  drover-sim --replay FILE...          tells kept stories again, byte for byte\n"
    "  drover-sim --write-trace FILE --seed S [--mutant NAME] [--last N]\n"
    "                                       keeps the story of a seed\n"
    "  drover-sim --cuts N|all [--from S]   static directed cuts of two regions and three "
    "members:\n"
    "                                       N of them drawn from seed S, or every one of 2^20\n"
    "  drover-sim --cut I [--trace]         one of them\n"
    "\n"
    "  --jobs J       in so many processes at once (1)\n"
    "  --trace        log lines as an operator sees them, with simulated time\n"
    "  --notes        with --trace: also what the simulated processes do unlogged\n"
    "  --last N       only the last N lines of a story that is kept (0: all)\n"
    "  --traces DIR   where the story of a failing seed is kept (\"\": nowhere)\n"
    "  --totals FILE  adds what this run did to the totals in FILE\n"
    "\n"
    "Exit: 0 as it should be, 1 not, 2 wrong arguments.\n";

static bool read_number(const char *text, uint64_t max, uint64_t *ret_value) {
    if (!text_to_u64(text, max, ret_value)) {
        (void)fprintf(stderr, "drover-sim: \"%s\" is not a number from 0 to %llu\n", text,
                      (unsigned long long)max);
        return false;
    }
    return true;
}

static bool read_mutant(const char *text, struct options *options) {
    options->mutant = mutant_find(text);
    if (options->mutant == MUTANTS_N) {
        (void)fprintf(stderr, "drover-sim: no mutant \"%s\"; see --list-mutants\n", text);
        return false;
    }
    return true;
}

static bool read_cuts(const char *text, struct options *options) {
    options->cuts = true;
    if (text_equal(text, "all")) {
        options->cuts_n = UINT64_MAX;
        return true;
    }
    return read_number(text, 1u << 20, &options->cuts_n);
}

static bool read_option(int option, struct options *options) {
    const uint64_t most = UINT64_MAX / 2;
    switch (option) {
    case 'n': return read_number(optarg, most, &options->seeds_n);
    case 'f': return read_number(optarg, most, &options->from);
    case 's': options->one = true; return read_number(optarg, most, &options->seed);
    case 'm': return read_mutant(optarg, options);
    case 't': options->trace = true; return true;
    case 'o': options->notes = true; return true;
    case '2': options->twice = true; return true;
    case 'l': options->list = true; return true;
    case 'a': options->all_mutants = true; return true;
    case 'j':
        return read_number(optarg, WORKERS_MAX, &options->workers_n) && options->workers_n > 0;
    case 'k': return read_number(optarg, 1000000, &options->last_n);
    case 'd': options->traces = optarg; return true;
    case 'w': options->write_trace = optarg; return true;
    case 'u': options->totals = optarg; return true;
    case 'c': return read_cuts(optarg, options);
    case 'i': options->one_cut = true; return read_number(optarg, (1u << 20) - 1, &options->cut);
    case 'r':
    case 'h': options->help = option == 'h'; return true;
    default: return false;
    }
}

static bool read_options(int argc, char **argv, struct options *ret_options, bool *ret_replay) {
    static const struct option known[] = {{"seeds", required_argument, NULL, 'n'},
                                          {"from", required_argument, NULL, 'f'},
                                          {"seed", required_argument, NULL, 's'},
                                          {"mutant", required_argument, NULL, 'm'},
                                          {"trace", no_argument, NULL, 't'},
                                          {"notes", no_argument, NULL, 'o'},
                                          {"twice", no_argument, NULL, '2'},
                                          {"list-mutants", no_argument, NULL, 'l'},
                                          {"mutants", no_argument, NULL, 'a'},
                                          {"jobs", required_argument, NULL, 'j'},
                                          {"last", required_argument, NULL, 'k'},
                                          {"traces", required_argument, NULL, 'd'},
                                          {"write-trace", required_argument, NULL, 'w'},
                                          {"totals", required_argument, NULL, 'u'},
                                          {"replay", no_argument, NULL, 'r'},
                                          {"cuts", required_argument, NULL, 'c'},
                                          {"cut", required_argument, NULL, 'i'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
    int option;
    *ret_options = (struct options){
        .seeds_n = 1000, .from = 1, .workers_n = 1, .last_n = 0, .traces = DROVER_SIM_TRACES};
    *ret_replay = false;
    while ((option = getopt_long(argc, argv, "", known, NULL)) != -1) {
        if (!read_option(option, ret_options)) {
            return false;
        }
        *ret_replay = *ret_replay || option == 'r';
    }
    return *ret_replay ? optind < argc : optind == argc;
}

int main(int argc, char **argv) {
    struct options options;
    bool replay;
    if (!read_options(argc, argv, &options, &replay)) {
        (void)fputs(help, stderr);
        return 2;
    }
    if (options.help) {
        (void)fputs(help, stdout);
        return 0;
    }
    trace_to(stdout, options.notes);
    if (options.list) {
        return runs_list_mutants();
    }
    if (replay) {
        return runs_replay(&options, argv + optind, argc - optind);
    }
    if (options.write_trace != NULL) {
        return runs_write_trace(&options);
    }
    if (options.all_mutants) {
        return runs_mutants(&options);
    }
    if (options.one_cut) {
        return runs_one_cut(&options);
    }
    if (options.cuts) {
        return runs_cuts(&options);
    }
    return options.one ? runs_one(&options) : runs_many(&options);
}
