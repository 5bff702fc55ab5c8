/* mutants: rules that can be broken on purpose, one at a time; the judge must notice each. */
#ifndef DROVER_SIM_MUTANTS_H
#define DROVER_SIM_MUTANTS_H

#define MUTANT_LIST(X)                                                                             \
    X(NONE_, "none", "the rules as they ship")                                                     \
    X(WAIT_ZERO, "wait-zero", "members do not wait after a close")                                 \
    X(WAIT_THIS_EPOCH, "wait-this-epoch-only", "the wait counts only yeses to the closed epoch")   \
    X(YES_NOT_NOTED, "yes-not-noted", "the wait runs from the member's start, whatever it said")   \
    X(WAIT_FROM_LAST_START, "no-restart-grace", "a restarted member believes its wait is over")    \
    X(NO_CLOSE_NO_CATCHUP, "no-durable-close",                                                     \
      "a close is not noted on disk, and a restarted member speaks before it has caught up")       \
    X(NO_CLOSED_NO_CATCHUP, "no-catch-up",                                                         \
      "a restarted member speaks before it has caught up, and forgets what it closed")             \
    X(MINORITY, "minority-certificate", "one yes is enough for a certificate")                     \
    X(NO_NONCE, "no-nonce", "a yes to an older question counts for the newest one")                \
    X(FROM_RECEIPT, "lease-from-receipt", "the lease counts from the certificate's arrival")       \
    X(NO_PROMISE, "no-promise-kept", "a guard forgets its promise at once")                        \
    X(PROMISE_SHORT, "promise-too-short", "a promise binds for a quarter of a lease")              \
    X(PROMISE_VOLATILE, "promise-not-durable", "a restart forgets the promise")                    \
    X(PROMISE_ONE, "promise-of-one", "one of the standby's gate agents is enough")                 \
    X(GATE_USER_SPACE, "gate-not-in-kernel", "the gate stays open until the guard shuts it")       \
    X(PROOF_OPEN, "proof-gate-open", "the fence is proved while the gate is open")                 \
    X(PROOF_ONE, "proof-of-one", "one guard's proof ends the wait for all")                        \
    X(PROOF_VOLATILE, "proof-not-durable", "a restarted guard forgets what it refused")            \
    X(DRIFT, "drift-beyond-rho", "clocks run up to 20 % apart from true time")                     \
    X(NO_OWNER, "no-owner-check", "a member attests the open epoch to any region")                 \
    X(BOOT_OPEN, "boot-open", "a host comes up with its gate open")                                \
    X(NO_LEDGER, "no-ledger", "an agent runs a command again after a restart")                     \
    X(RERUN_INTENT, "rerun-intent", "an intent without a result is run again")                     \
    X(NO_NOTE, "no-wait-note", "the end of a wait is not noted on disk")                           \
    X(NOTE_EARLY, "wait-note-early", "the end of a wait is noted when it begins")                  \
    X(PROOF_SKIPS, "proof-skips-older", "a proof ends the waits of older epochs too")              \
    X(HOLD_WAITS, "hold-waits-only", "under hold, time ends a wait as elsewhere")                  \
    X(DRIFT_MARGIN, "no-drift-margin", "members wait T, without the margin for drift")             \
    X(FENCE_ONE_CLOCK, "fence-by-one-clock", "guards read BOOTTIME alone")                         \
    X(WAIT_ONE_CLOCK, "wait-by-one-clock", "members read BOOTTIME alone")                          \
    X(NO_EPOCH, "no-epoch-check", "a member attests whatever epoch is asked, to whoever asks")     \
    X(NO_GUARD, "no-guard", "only the agent shuts the gate, when it lives to do so")               \
    X(PROOF_LATE, "proof-late-certificate", "a certificate after the fence's proof counts")        \
    X(PROMISE_NEWER_REVIVES, "promise-newer-revives",                                              \
      "promises revive an ended lease, and a guard of a newer epoch promises too")                 \
    X(PROMISE_UNCHECKED, "promise-nothing-checked",                                                \
      "promises revive an ended lease, and a guard that takes writes promises too")                \
    X(EPOCH_VOLATILE_REVIVES, "epoch-not-durable",                                                 \
      "a restarted guard forgets its accepted epoch, and promises revive an ended lease")          \
    X(COMMAND_MINORITY, "command-minority", "one yes is enough for a command")                     \
    X(COMMAND_DIGEST, "command-any-digest", "a member's yes names the execution and step alone")   \
    X(COMMAND_NOT_WANTED, "command-not-wanted", "a member says yes to a command it does not want") \
    X(COMMAND_ANY_AGENT, "command-any-agent", "an agent runs the commands of another")             \
    X(INTENT_LATE, "intent-late", "the intent is written after the action")                        \
    X(NO_ALLOW_LIST, "no-allow-list", "an agent runs what its own list does not allow")            \
    X(GATE_AUTOMATIC, "gate-automatic-off", "automatic failover whatever the policy says")         \
    X(GATE_NOT_HELD, "gate-held-off", "automatic failover while automation is held")               \
    X(GATE_LATCH, "gate-latch-off", "a second automatic failover without a release")               \
    X(GATE_BLOCK, "gate-block-off", "automatic failover within the anti-flap block")               \
    X(GATE_IDLE, "gate-idle-off", "automatic failover while an execution runs")                    \
    X(GATE_SETTLED, "gate-settled-off", "automatic failover before the members have settled")      \
    X(GATE_ATTEST, "gate-attest-off", "automatic failover while the lease is attested")            \
    X(GATE_HOLD_DOWN, "gate-hold-down-off", "automatic failover at the first suspicion")           \
    X(GATE_STANDBY, "gate-standby-off", "automatic failover to a region that is not ready")        \
    X(OWN_VOICE_ALONE, "own-voice-alone", "silence alone is enough: no look from outside")         \
    X(OUTSIDE_ALONE, "outside-alone", "the look from outside alone is enough")                     \
    X(LIAR_AND_LAGGARD, "liar-and-laggard", "one member key stolen, honest members as they are")   \
    X(LIAR_FROM_LAST_YES, "liar-from-last-yes",                                                    \
      "one member key stolen, and the default: waits run from the last yes")                       \
    X(GUARD_TRUSTS_AGENT, "guard-trusts-agent", "a guard takes its agent's word for who signed")   \
    X(PROOF_UNSIGNED, "proof-unsigned", "members take an agent's word for its guard's proof")      \
    X(PROMISE_UNSIGNED, "promise-unsigned", "an agent's word counts as its guard's promise")       \
    X(REGION_AS_SAID, "region-as-said", "a member believes the region that a question names")      \
    X(OUTCOME_ANY_AGENT, "outcome-any-agent", "a member takes an outcome from any agent")          \
    X(CHANGE_SHORTER, "change-wait-shorter", "a new topology may make the wait shorter")           \
    X(CHANGE_HOLD, "change-hold-left", "a new topology may leave hold")                            \
    X(NUMBERS_UNCHECKED, "numbers-unchecked", "nobody compares the numbers that a question has")   \
    X(SET_BACK_UNNOTICED, "set-back-unnoticed", "members go on with a log that went back")         \
    X(SET_BACK_FORGOTTEN, "set-back-forgotten",                                                    \
      "a restarted member does not remember how far the log had come")                             \
    X(NO_FIRST_WAIT, "first-wait-off",                                                             \
      "members that lost their notes and their log speak at once")                                 \
    X(NOTE_REFUSED_COUNTS, "refused-note-counts",                                                  \
      "a note that the disk refused counts, and a restarted member does not catch up")             \
    X(GUARD_REFUSED_COUNTS, "refused-write-counts", "what a guard's disk refused counts")          \
    X(GUARD_EARLY, "told-before-durable", "a guard tells before its disk has it")                  \
    X(LEDGER_REFUSED_RUNS, "refused-intent-runs", "a command runs though its intent was refused")  \
    X(LEDGER_EARLY, "run-before-intent", "a command runs while its intent is being written")       \
    X(CLOSE_KEPT, "stale-close-kept", "an automatic CLOSE is kept while the log is away")          \
    X(GATE_RPO, "gate-rpo-off", "automatic failover whatever would be lost")                       \
    X(LAG_ALWAYS_NOTHING, "lag-always-nothing", "members tell a lag of nothing, known or not")     \
    X(HANDOFF_WRITES, "handoff-writes-go-on", "a hand-off does not stop the writes")               \
    X(HANDOFF_UNAWAITED, "handoff-not-awaited", "a hand-off does not wait for the standby")        \
    X(NO_NEEDS_LEASE, "no-needs-lease",                                                            \
      "an agent opens a store whether it holds the lease or not")                                  \
    X(LEASE_ASKED_EARLY, "lease-asked-early",                                                      \
      "the lease is not asked for again before a store opens")                                     \
    X(TICK_LATE_IS_NEW, "late-tick-is-new",                                                        \
      "a member takes the moment of applying a TICK for its age: a decision looks new")            \
    X(NO_LOCKS, "no-locks", "steps that share a lock do not wait for each other")                  \
    X(DRILL_KEEPS, "drill-keeps", "a drill gives way to no move")                                  \
    X(OWN_APPROVAL, "own-approval", "who declared an execution may approve its steps")

enum mutant {
#define MUTANT_ENUM(name, option, text) MUTANT_##name,
    MUTANT_LIST(MUTANT_ENUM)
#undef MUTANT_ENUM
        MUTANTS_N
};

const char *mutant_option(enum mutant mutant);
const char *mutant_text(enum mutant mutant);
/* MUTANTS_N when there is none of that name. */
enum mutant mutant_find(const char *option);

#endif
