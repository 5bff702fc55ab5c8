/* limits: every bound of drover's state, in one place. Generous, fixed, and refused beyond with a
 * clear error by the config check. Changing one changes the snapshot format: bump CODEC_VERSION. */
#ifndef DROVER_LIMITS_H
#define DROVER_LIMITS_H

#define MEMBERS_MAX 5
#define REGIONS_MAX 4
#define AGENTS_MAX 60
#define GATE_AGENTS_MAX 8 /* of one region: all of them promise in one certificate (proto) */
#define COMPONENTS_MAX 48
#define ENDPOINTS_MAX 96 /* (component, region) pairs */
#define CHECKS_MAX 192
#define LINKS_MAX 24
#define PLANS_MAX 12
#define STEPS_MAX 48 /* of one plan */
#define STEP_NEEDS_MAX 8
#define PLAN_LOCKS_MAX 16  /* different ones of one plan */
#define ACTION_ARGS_MAX 24 /* of one step or check, with those of its endpoints */
#define OPERATORS_MAX 32
#define OBJECTIVES_MAX 4 /* tiers 1..4 */
#define BACKUPS_MAX 24
#define DRILLS_MAX 12
#define ENDPOINT_AGENTS_MAX 6

/* ---- of no array, and of no snapshot ---- */
#define INITIAL_EPOCH_MAX 1000000000 /* it is the number of a topology's version, too */
#define RETRY_AGAIN_MS 1000          /* a failed step is tried again this much later, */
#define PARITY_MAX 16                /* an array of the topology alone */
#define RETRY_AGAIN_MAX_MS                                                                         \
    60000 /* and after each further failure after twice as long, up to this */
#define FAILOVER_WITHIN_MS 30000  /* of an election inside a region, unless one is declared */
#define COMMAND_TIME_OLD_MS 60000 /* a TICK this old dates no command; half of the agents' grace */

#define NAME_SIZE 32      /* region, member, agent, component, plan, step, operator: with the end */
#define ADDRESS_SIZE 128  /* tcp://host:port, URLs without a path */
#define VALUE_SIZE 192    /* one action or check argument */
#define EVIDENCE_SIZE 320 /* what a person shows for a step done by hand */
#define SENTENCE_SIZE 160 /* reasons, comments */
#define KEY_SIZE 32       /* Curve25519 and Ed25519 public keys */
#define SIGNATURE_SIZE 64
#define NONCE_SIZE 16
#define DIGEST_SIZE 32 /* SHA-256 */

#define TOPOLOGY_BYTES_MAX (192 * 1024) /* the text of one topology.conf */
#define NONE 255                        /* "no such index" for 8-bit indexes */

#endif
