/* PostgreSQL's replication tree, as its servers tell it: each server that a check looks at, the
 * connections that it sends to or receives by, and, under it, who says that it follows it.
 *
 * A server is an address that checks name. Whom a standby follows is its own word, in its
 * pg_replication check's detail ("streaming from HOST:PORT, .."); what nobody told, or told too
 * long ago, is "unknown" or "stale", with no lag. */
#include <string.h>

#include "coordinator/status_parts.h"

#define SENDER_SIZE 48 /* of HOST:PORT in a detail, with the end */

/* From the best to the worst word. */
enum told { TOLD_NEVER = 0, TOLD_STALE, TOLD_NOW };

struct server {
    uint8_t component, region;
    enum told told;
    uint8_t role; /* enum store_role of the best word */
    bool writable;
    bool disagree; /* two fresh words name two roles */
    bool drawn;
    enum told follows_told;
    char follows[SENDER_SIZE]; /* "": not told */
    char address[VALUE_SIZE];
};

struct tree {
    uint8_t servers_n;
    struct server servers[CHECKS_MAX];
    uint8_t server_of[CHECKS_MAX]; /* NONE: of none */
};

/* One agent's word on one check. */
struct word {
    const struct check_report *seen; /* NULL: none */
    enum told told;
    uint64_t ago_ms;
};

static struct word word_of(const struct answering *answering, uint8_t check, uint8_t agent) {
    struct word word = {.ago_ms = heard_ago_ms(answering->member, agent)};
    word.seen = check_report_of(report_of(answering->member, agent), check);
    if (word.seen != NULL && word.seen->status != CHECK_UNKNOWN) {
        bool fresh = listen_agent_heard(answering->member, agent) &&
                     word.seen->status != CHECK_STALE && word.ago_ms != UINT64_MAX;
        word.told = fresh ? TOLD_NOW : TOLD_STALE;
    }
    return word;
}

static bool looks(const struct topology *topology, uint8_t check, uint8_t agent) {
    const struct check *declared = &topology->checks[check];
    return declared->outside ? topology->agents[agent].region != declared->region
                             : declared->agent == agent;
}

static const char *end_declared(const struct check *check) {
    const char *end = arguments_get(&check->arguments, "end");
    return end == NULL ? "auto" : end;
}

static const char *end_text(const struct check *check, uint8_t role) {
    if (check->kind == CHECK_POSTGRESQL) {
        return "server";
    }
    if (text_equal(end_declared(check), "cascade") || role == STORE_PRIMARY) {
        return "sends";
    }
    return role == STORE_STANDBY ? "receives" : "unknown";
}

/* Whom the receiving end says that it follows. */
static void follows_take(struct server *server, const struct check *check,
                         const struct word *word) {
    static const char streams[] = "streaming from ";
    const char *detail = word->seen->detail;
    bool receives = text_equal(end_text(check, word->seen->role), "receives");
    if (!receives || word->told <= server->follows_told || !text_starts(detail, streams)) {
        return;
    }
    const char *from = detail + sizeof streams - 1;
    size_t size = strcspn(from, ",");
    if (size > 0 && size < SENDER_SIZE && from[size] == ',') {
        (void)memcpy(server->follows, from, size);
        server->follows[size] = '\0';
        server->follows_told = word->told;
    }
}

static void server_hear(struct server *server, const struct check *check, const struct word *word) {
    if (word->told == TOLD_NEVER) {
        return;
    }
    follows_take(server, check, word);
    if (word->seen->role == STORE_UNKNOWN || word->told < server->told) {
        return; /* an answer that never came says nothing of the role */
    }
    if (word->told == TOLD_NOW && server->told == TOLD_NOW && server->role != word->seen->role) {
        server->disagree = true;
    }
    if (word->told > server->told) {
        server->writable = false;
    }
    server->writable = server->writable || word->seen->writable;
    server->role = word->seen->role;
    server->told = word->told;
}

static uint8_t server_at(struct tree *tree, const struct check *check, const char *address) {
    for (uint8_t i = 0; i < tree->servers_n; i++) {
        struct server *server = &tree->servers[i];
        if (server->component == check->component && text_equal(server->address, address)) {
            return i;
        }
    }
    struct server *server = &tree->servers[tree->servers_n];
    *server = (struct server){.component = check->component, .region = check->region};
    (void)text_copy(server->address, sizeof server->address, address);
    return tree->servers_n++;
}

static void tree_make(const struct answering *answering, struct tree *ret_tree) {
    const struct topology *topology = answering->topology;
    struct arguments arguments;
    ret_tree->servers_n = 0;
    for (uint8_t c = 0; c < topology->checks_n; c++) {
        const struct check *check = &topology->checks[c];
        bool ours = check->kind == CHECK_PG_REPLICATION || check->kind == CHECK_POSTGRESQL;
        const char *address = NULL;
        ret_tree->server_of[c] = NONE;
        if (ours && topology_check_arguments(topology, check, &arguments) == ERR_OK) {
            address = arguments_get(&arguments, "address");
        }
        if (address == NULL) {
            continue;
        }
        uint8_t at = server_at(ret_tree, check, address);
        ret_tree->server_of[c] = at;
        for (uint8_t a = 0; a < topology->agents_n; a++) {
            if (looks(topology, c, a)) {
                struct word word = word_of(answering, c, a);
                server_hear(&ret_tree->servers[at], check, &word);
            }
        }
    }
    for (uint8_t i = 0; i < ret_tree->servers_n; i++) {
        struct server *server = &ret_tree->servers[i];
        if (server->told == TOLD_NOW && server->role == STORE_PRIMARY && !server->disagree) {
            server->follows[0] = '\0'; /* what it followed before it was promoted */
        }
    }
}

/* The server that this one says it follows, as far as a check looks at it; NONE: no such. */
static uint8_t parent_of(const struct tree *tree, uint8_t at) {
    const struct server *server = &tree->servers[at];
    for (uint8_t i = 0; i < tree->servers_n; i++) {
        if (i != at && tree->servers[i].component == server->component &&
            server->follows[0] != '\0' && text_equal(tree->servers[i].address, server->follows)) {
            return i;
        }
    }
    return NONE;
}

static void put_look(const struct answering *answering, json_t *list, uint8_t check,
                     uint8_t agent) {
    const struct check *declared = &answering->topology->checks[check];
    struct word word = word_of(answering, check, agent);
    uint8_t status = word.seen == NULL ? (uint8_t)CHECK_UNKNOWN : word.seen->status;
    const char *standby = arguments_get(&declared->arguments, "standby");
    const char *end = end_text(declared, word.seen == NULL ? 0 : word.seen->role);
    bool lag = word.told == TOLD_NOW && declared->kind == CHECK_PG_REPLICATION &&
               (status == CHECK_OK || status == CHECK_WARN) && word.seen->value >= 0;
    json_t *object = list_add(list);
    put_text(object, "check", declared->name);
    put_text(object, "from", name_agent(answering->topology, agent));
    put_text(object, "end", end);
    put_text(object, "standby", standby == NULL ? "" : standby);
    put_text(object, "status", text_check_status(status));
    put_yes(object, "stale", word.told == TOLD_STALE);
    if (word.seen == NULL || word.ago_ms == UINT64_MAX) {
        put_null(object, "age_ms");
    } else {
        put_count(object, "age_ms", word.ago_ms);
    }
    if (lag) {
        put_number(object, "lag_ms", word.seen->value);
    } else {
        put_null(object, "lag_ms");
    }
    put_text(object, "detail", word.seen == NULL ? "" : word.seen->detail);
}

static const char *role_word(const struct server *server) {
    return server->disagree ? "disagreed" : text_store_role(server->role);
}

static void put_server(const struct answering *answering, json_t *list, struct tree *tree,
                       uint8_t at, unsigned depth) {
    static const char *const tolds[] = {"never", "stale", "now"};
    const struct topology *topology = answering->topology;
    struct server *server = &tree->servers[at];
    uint8_t parent = parent_of(tree, at);
    json_t *object = list_add(list), *all = json_array();
    server->drawn = true;
    put_text(object, "component", name_component(topology, server->component));
    put_text(object, "region", name_region(topology, server->region));
    put_text(object, "address", server->address);
    put_count(object, "depth", depth);
    put_text(object, "role", role_word(server));
    put_text(object, "told", tolds[server->told]);
    put_yes(object, "writable", server->told == TOLD_NOW && server->writable);
    put_text(object, "follows", server->follows);
    put_yes(object, "follows_stale",
            server->follows[0] != '\0' && server->follows_told != TOLD_NOW);
    put_yes(object, "follows_watched", parent != NONE);
    for (uint8_t c = 0; c < topology->checks_n; c++) {
        for (uint8_t a = 0; tree->server_of[c] == at && a < topology->agents_n; a++) {
            if (looks(topology, c, a)) {
                put_look(answering, all, c, a);
            }
        }
    }
    put_object(object, "looks", all);
}

/* This one, and everybody who follows it, each under whom it follows. Each is drawn once, so that a
 * ring of stale words ends too. */
static void put_branch(const struct answering *answering, json_t *list, struct tree *tree,
                       uint8_t root) {
    uint8_t path[CHECKS_MAX] = {root};
    unsigned depth = 0;
    put_server(answering, list, tree, root, 0);
    for (;;) {
        uint8_t child = 0;
        while (child < tree->servers_n &&
               (tree->servers[child].drawn || parent_of(tree, child) != path[depth])) {
            child++;
        }
        if (child < tree->servers_n) {
            path[++depth] = child;
            put_server(answering, list, tree, child, depth);
        } else if (depth-- == 0) {
            return;
        }
    }
}

/* Primaries first, then who follows nobody that is watched, then what is left of rings. */
json_t *trees_list(struct answering *answering) {
    struct tree tree;
    json_t *list = json_array();
    tree_make(answering, &tree);
    for (unsigned pass = 0; pass < 3; pass++) {
        for (uint8_t i = 0; i < tree.servers_n; i++) {
            const struct server *server = &tree.servers[i];
            bool primary = server->told == TOLD_NOW && server->role == STORE_PRIMARY;
            bool begins = parent_of(&tree, i) == NONE && (pass > 0 || primary);
            if (!server->drawn && (begins || pass == 2)) {
                put_branch(answering, list, &tree, i);
            }
        }
    }
    return list;
}
