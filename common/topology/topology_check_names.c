/* Who is who: names, keys, addresses, members, regions, agents, operators. */
#include <string.h>

#include "common/topology/topology_check_parts.h"

/* ---- names ---- */

/* One array of structs that begin with a name. */
static void check_names(struct findings *findings, const char *section, const void *array,
                        size_t entry_size, uint8_t n) {
    const char *at = array;
    for (uint8_t i = 0; i < n; i++) {
        const char *name = at + i * entry_size;
        if (!text_is_name(name, NAME_SIZE)) {
            FOUND(findings, FINDING_NAME, where("%s[%u].name", section, i).at,
                  "expected 1 to %d characters of a-z, 0-9, - _ and .", NAME_SIZE - 1);
        }
        for (uint8_t j = 0; j < i; j++) {
            if (text_equal(name, at + j * entry_size)) {
                FOUND(findings, FINDING_NAME_TWICE, where("%s[%u].name", section, i).at,
                      "\"%s\" is the name of %s[%u] too", name, section, j);
                break;
            }
        }
    }
}

static void check_all_names(const struct topology *topology, struct findings *findings) {
#define NAMES(field) #field, topology->field, sizeof(topology->field[0]), topology->field##_n
    if (!text_is_name(topology->cluster, NAME_SIZE)) {
        FOUND(findings, FINDING_CLUSTER_NAME, "cluster",
              "expected 1 to %d characters of a-z, 0-9, - _ and .", NAME_SIZE - 1);
    }
    check_names(findings, NAMES(regions));
    check_names(findings, NAMES(members));
    check_names(findings, NAMES(agents));
    check_names(findings, NAMES(components));
    check_names(findings, NAMES(checks));
    check_names(findings, NAMES(links));
    check_names(findings, NAMES(plans));
    check_names(findings, NAMES(operators));
    check_names(findings, NAMES(drills));
    check_names(findings, NAMES(parity));
#undef NAMES
    for (uint8_t i = 0; i < topology->plans_n; i++) {
        const struct plan *plan = &topology->plans[i];
        check_names(findings, where("plans.%s.steps", plan->name).at, plan->steps,
                    sizeof(plan->steps[0]), plan->steps_n);
    }
}

/* ---- keys ---- */

#define KEYS_MAX (2 * (2 * MEMBERS_MAX + 3 * AGENTS_MAX + 2 * OPERATORS_MAX))

struct keys_seen {
    unsigned n;
    const uint8_t *keys[KEYS_MAX];
    struct where at[KEYS_MAX];
};

/* One key has one owner and one use: a key shared is an identity shared, and a key that both signs
 * and encrypts is a key whose owner did not make it with drover keygen. */
static void key_see(struct keys_seen *seen, struct findings *findings, const uint8_t *key,
                    struct where at) {
    if (!key_is_set(key)) {
        FOUND(findings, FINDING_KEY_MISSING, at.at, "expected a public key, found only zeros");
        return;
    }
    for (unsigned i = 0; i < seen->n; i++) {
        if (memcmp(seen->keys[i], key, KEY_SIZE) == 0) {
            FOUND(findings, FINDING_KEY_TWICE, at.at, "the same key as %s", seen->at[i].at);
            return;
        }
    }
    ensure(seen->n < KEYS_MAX);
    seen->keys[seen->n] = key;
    seen->at[seen->n] = at;
    seen->n++;
}

/* drover keygen makes both at once, and one file holds both: an identity that had only one of them
 * anew could be started with neither file. */
static void next_keys_see(struct keys_seen *seen, struct findings *findings, const char *section,
                          const char *name, const uint8_t *curve_key, const uint8_t *sign_key) {
    bool curve = key_is_set(curve_key), sign = key_is_set(sign_key);
    if (curve != sign) {
        FOUND(findings, FINDING_KEY_NEXT, where("%s.%s", section, name).at,
              "expected curve_key_next and sign_key_next, found only %s",
              curve ? "curve_key_next" : "sign_key_next");
    } else if (curve) {
        key_see(seen, findings, curve_key, where("%s.%s.curve_key_next", section, name));
        key_see(seen, findings, sign_key, where("%s.%s.sign_key_next", section, name));
    }
}

static void agent_keys_see(struct keys_seen *seen, struct findings *findings,
                           const struct agent *agent) {
    key_see(seen, findings, agent->curve_key, where("agents.%s.curve_key", agent->name));
    key_see(seen, findings, agent->sign_key, where("agents.%s.sign_key", agent->name));
    if (agent->guarded != key_is_set(agent->guard_key)) {
        FOUND(findings, FINDING_GUARD_KEY, where("agents.%s.guard_key", agent->name).at,
              agent->guarded ? "guarded = true needs the guard's public signing key"
                             : "a guard's key, but guarded = false");
    } else if (agent->guarded) {
        key_see(seen, findings, agent->guard_key, where("agents.%s.guard_key", agent->name));
    }
    next_keys_see(seen, findings, "agents", agent->name, agent->curve_key_next,
                  agent->sign_key_next);
    if (key_is_set(agent->guard_key_next) && !key_is_set(agent->guard_key)) {
        FOUND(findings, FINDING_KEY_NEXT, where("agents.%s.guard_key_next", agent->name).at,
              "a guard's next key, but no guard_key");
    } else if (key_is_set(agent->guard_key_next)) {
        key_see(seen, findings, agent->guard_key_next,
                where("agents.%s.guard_key_next", agent->name));
    }
}

static void check_keys(const struct topology *topology, struct findings *findings) {
    struct keys_seen seen;
    seen.n = 0;
    for (uint8_t i = 0; i < topology->members_n; i++) {
        const struct member *member = &topology->members[i];
        key_see(&seen, findings, member->curve_key, where("members.%s.curve_key", member->name));
        key_see(&seen, findings, member->sign_key, where("members.%s.sign_key", member->name));
        next_keys_see(&seen, findings, "members", member->name, member->curve_key_next,
                      member->sign_key_next);
    }
    for (uint8_t i = 0; i < topology->agents_n; i++) {
        agent_keys_see(&seen, findings, &topology->agents[i]);
    }
    for (uint8_t i = 0; i < topology->operators_n; i++) {
        const struct operator_entry *one = &topology->operators[i];
        key_see(&seen, findings, one->curve_key, where("operators.%s.curve_key", one->name));
        key_see(&seen, findings, one->sign_key, where("operators.%s.sign_key", one->name));
        next_keys_see(&seen, findings, "operators", one->name, one->curve_key_next,
                      one->sign_key_next);
    }
}

/* ---- members, regions, agents ---- */

static void check_members(const struct topology *topology, struct findings *findings) {
    uint8_t n = topology->members_n;
    if (n != 1 && n != 3 && n != 5) {
        FOUND(findings, FINDING_MEMBERS_COUNT, "members",
              "expected 1, 3 or 5 members, found %u: an even number adds a member that can fail "
              "and tolerates no more",
              n);
    }
    if (n == 1) {
        FOUND(findings, FINDING_ONE_MEMBER, "members",
              "one member: while it is away nothing is decided, and its disk holds the only log");
    }
    for (uint8_t i = 0; i < n; i++) {
        const struct member *member = &topology->members[i];
        bool twice = text_equal(member->agents_address, member->operators_address);
        for (uint8_t j = 0; j < i; j++) {
            const struct member *other = &topology->members[j];
            twice = twice || text_equal(member->agents_address, other->agents_address) ||
                    text_equal(member->operators_address, other->operators_address) ||
                    text_equal(member->agents_address, other->operators_address) ||
                    text_equal(member->operators_address, other->agents_address);
        }
        if (twice) {
            FOUND(findings, FINDING_ADDRESS_TWICE, where("members.%s", member->name).at,
                  "%s or %s is listened on twice", member->agents_address,
                  member->operators_address);
        }
    }
}

static void check_regions(const struct topology *topology, struct findings *findings) {
    unsigned data_n = 0;
    for (uint8_t i = 0; i < topology->regions_n; i++) {
        data_n += region_is_data(topology, i);
    }
    if (data_n < 2) {
        FOUND(findings, FINDING_REGIONS_COUNT, "regions",
              "expected at least two regions of kind data, found %u: there is nowhere to go",
              data_n);
    }
    if (!region_is_data(topology, topology->initial_region)) {
        FOUND(findings, FINDING_INITIAL_REGION, "initial_region",
              "expected the data region that owns the first epoch, found %s",
              topology->initial_region < topology->regions_n
                  ? topology->regions[topology->initial_region].name
                  : "none");
    }
}

static void check_gate_agent(const struct topology *topology, const struct agent *agent,
                             struct findings *findings) {
    struct where at = where("agents.%s.gate", agent->name);
    if (!region_is_data(topology, agent->region)) {
        FOUND(findings, FINDING_GATE_AGENT, at.at,
              "a gate agent opens its own region's gate; region \"%s\" holds no data",
              topology->regions[agent->region].name);
    } else if (!agent->guarded && topology->policy.accept_soft_fence) {
        FOUND(findings, FINDING_SOFT_FENCE, at.at,
              "no guard stands beside this gate agent: its region can give no promises");
    } else if (!agent->guarded) {
        FOUND(findings, FINDING_GATE_AGENT, at.at,
              "a gate agent needs a guard beside it (guard_key): promises are the guard's word");
    }
    if (agent->peer_address[0] == 0 && topology->lease.on_quorum_loss == QUORUM_LOSS_FAILSAFE) {
        FOUND(findings, FINDING_PEER_ADDRESS, where("agents.%s.peer_address", agent->name).at,
              "no peer_address: the other region cannot ask this gate agent for its promise, and "
              "failsafe needs every gate agent's");
    }
}

/* Any guarded agent of a data region may be given the lease; a promise of the others binds only the
 * others, and the old region would live on beside it. */
static void check_promiser(const struct topology *topology, const struct agent *agent,
                           struct findings *findings) {
    if (agent->guarded && !agent->gate && region_is_data(topology, agent->region) &&
        topology->lease.on_quorum_loss == QUORUM_LOSS_FAILSAFE) {
        FOUND(findings, FINDING_GUARD_NO_GATE, where("agents.%s.gate", agent->name).at,
              "agent %s may hold the lease and gives no promise: on_quorum_loss = \"failsafe\" "
              "needs gate = true beside every guard",
              agent->name);
    }
}

/* Under failsafe the standby's gate agents promise not to open while the active region serves on;
 * all of them, in one certificate. */
static void check_gates(const struct topology *topology, struct findings *findings) {
    unsigned gates_n[REGIONS_MAX] = {0};
    for (uint8_t i = 0; i < topology->agents_n; i++) {
        check_promiser(topology, &topology->agents[i], findings);
        if (topology->agents[i].gate) {
            check_gate_agent(topology, &topology->agents[i], findings);
            gates_n[topology->agents[i].region]++;
        }
    }
    for (uint8_t i = 0; i < topology->regions_n; i++) {
        struct where at = where("regions.%s", topology->regions[i].name);
        if (!region_is_data(topology, i) ||
            topology->lease.on_quorum_loss != QUORUM_LOSS_FAILSAFE) {
            continue;
        }
        if (gates_n[i] == 0) {
            FOUND(findings, FINDING_NO_GATE_AGENT, at.at,
                  "on_quorum_loss = \"failsafe\" needs a gate agent (gate = true) in every data "
                  "region: as the standby it must be able to promise");
        } else if (gates_n[i] > GATE_AGENTS_MAX) {
            FOUND(findings, FINDING_GATE_AGENTS_MANY, at.at,
                  "%u gate agents; a certificate holds %d promises, and every one is needed",
                  gates_n[i], GATE_AGENTS_MAX);
        }
    }
}

static void check_peer_addresses(const struct topology *topology, struct findings *findings) {
    for (uint8_t i = 0; i < topology->agents_n; i++) {
        const struct agent *agent = &topology->agents[i];
        for (uint8_t j = 0; j < i && agent->peer_address[0] != 0; j++) {
            if (text_equal(agent->peer_address, topology->agents[j].peer_address)) {
                FOUND(findings, FINDING_ADDRESS_TWICE,
                      where("agents.%s.peer_address", agent->name).at, "%s is %s's too",
                      agent->peer_address, topology->agents[j].name);
            }
        }
    }
}

/* ---- operators ---- */

/* What a form left unfilled looks like: the documents' own "[Name]", and its cousins. */
static bool person_is_placeholder(const char *person) {
    static const char *const words[] = {"name",    "todo",   "tbd", "n/a", "none",
                                        "unknown", "nobody", "xxx", "?",   "-"};
    char lower[NAME_SIZE];
    size_t n = 0;
    for (; person[n] != 0 && n < sizeof(lower) - 1; n++) {
        char c = person[n];
        lower[n] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    lower[n] = 0;
    if (n == 0 || strpbrk(lower, "[]<>{}$") != NULL) {
        return true;
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (text_equal(lower, words[i])) {
            return true;
        }
    }
    return false;
}

static unsigned persons_count(const struct topology *topology,
                              bool (*counts)(enum role role, const void *owner),
                              const void *owner) {
    unsigned n = 0;
    for (uint8_t i = 0; i < topology->operators_n; i++) {
        bool known = !counts((enum role)topology->operators[i].role, owner);
        for (uint8_t j = 0; j < i && !known; j++) {
            known = counts((enum role)topology->operators[j].role, owner) &&
                    text_equal(topology->operators[i].person, topology->operators[j].person);
        }
        n += !known;
    }
    return n;
}

static bool role_is(enum role role, const void *owner) {
    return role == *(const enum role *)owner;
}

static bool role_overrides(enum role role, const void *owner) {
    (void)owner;
    return role_may(role, REQUEST_OVERRIDE);
}

/* The documents give each of these a primary and a backup (SEED-147). */
static void check_roles(const struct topology *topology, struct findings *findings) {
    static const enum role staffed[] = {ROLE_COMMANDER, ROLE_TECHNICAL_LEAD, ROLE_COMMUNICATIONS,
                                        ROLE_DATABASE_ADMIN, ROLE_NETWORK_ADMIN};
    for (size_t i = 0; i < sizeof(staffed) / sizeof(staffed[0]); i++) {
        unsigned n = persons_count(topology, role_is, &staffed[i]);
        if (n < 2) {
            FOUND(findings, FINDING_ROLE_THIN, "operators",
                  "%u person(s) hold the role %s: the documents want a primary and a backup", n,
                  role_text(staffed[i]));
        }
    }
    unsigned overriders_n = persons_count(topology, role_overrides, NULL);
    if (overriders_n < 2) {
        FOUND(findings, FINDING_TWO_PERSONS, "operators",
              "%u person(s) may override a rule; an override needs two", overriders_n);
    }
}

void check_identities(const struct topology *topology, struct findings *findings) {
    check_all_names(topology, findings);
    check_keys(topology, findings);
    check_members(topology, findings);
    check_regions(topology, findings);
    check_gates(topology, findings);
    check_peer_addresses(topology, findings);
    for (uint8_t i = 0; i < topology->operators_n; i++) {
        const struct operator_entry *one = &topology->operators[i];
        if (person_is_placeholder(one->person)) {
            FOUND(findings, FINDING_PERSON_PLACEHOLDER, where("operators.%s.person", one->name).at,
                  "\"%s\" is nobody's name, and holds the role %s", one->person,
                  role_text((enum role)one->role));
        }
    }
    if (topology->operators_n > 0) {
        check_roles(topology, findings);
    }
}
