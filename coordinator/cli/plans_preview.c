/* What a plan would do now and what it would cost, and the digest of both. Changes nothing. */
#include <string.h>

#include "common/base/bits.h"
#include "common/plan/preview.h"
#include "common/topology/duration.h"
#include "common/topology/roles.h"
#include "coordinator/cli/plans.h"
#include "coordinator/cli/show_parts.h"

struct preview {
    const struct topology *topology;
    const struct plan *plan;
    struct order order;
    struct preview_facts facts;
    char digest[2 * DIGEST_SIZE + 1];
    json_t *told;      /* the member's own preview */
    unsigned unrun_n;  /* steps that nobody who was heard can run, and that may not fail */
    unsigned breach_n; /* links above their RPO, or not known */
};

/* ------------------------------------------------------------------ what is asked */

static void take_links(struct preview *preview, const json_t *list) {
    size_t i;
    json_t *link;
    json_array_foreach(list, i, link) {
        uint8_t index = topology_link(preview->topology, text_in(link, "name"));
        if (index != NONE) {
            preview->facts.links[index].known = yes_in(link, "known");
            preview->facts.links[index].lag_ms = (uint64_t)number_in(link, "lag_ms");
        }
    }
}

static void take_regions(struct preview *preview, const json_t *list) {
    size_t i;
    json_t *region;
    json_array_foreach(list, i, region) {
        uint8_t index = topology_region(preview->topology, text_in(region, "name"));
        if (index != NONE) {
            (void)text_copy(preview->facts.classes[index], NAME_SIZE, text_in(region, "class"));
        }
    }
}

static void take_agents(struct preview *preview, const json_t *list) {
    size_t i;
    json_t *agent;
    json_array_foreach(list, i, agent) {
        uint8_t index = topology_agent(preview->topology, text_in(agent, "name"));
        if (index != NONE && yes_in(agent, "heard")) {
            preview->facts.heard |= bit(index);
        }
    }
}

/* Of one topology only: what was read before it changed is no fact of the one in force. */
static int ask(struct session *session, const struct query *query, uint32_t version,
               json_t **ret_json) {
    struct client_reply reply = client_ask(session, query);
    const char *error = json_string_value(json_object_get(reply.json, "error"));
    int code = reply.json == NULL ? say_nobody(session) : (int)reply.exit_code;
    if (reply.json != NULL && error != NULL) {
        (void)fprintf(stderr, "drover plan preview: %s\n", error);
    } else if (code == EXIT_OK && number_in(reply.json, "config_version") != version) {
        (void)fprintf(stderr, "drover plan preview: the topology changed meanwhile; look again\n");
        code = EXIT_CHANGED;
    }
    if (code != EXIT_OK) {
        json_decref(reply.json);
        return code;
    }
    *ret_json = reply.json;
    return EXIT_OK;
}

static int facts_ask(struct session *session, struct preview *preview) {
    struct query query = {.what = "preview"}, agents = {.what = "agents"};
    json_t *json = NULL;
    bool back = preview->plan->kind == PLAN_REPROTECT;
    uint8_t region = back ? preview->facts.source : preview->facts.target;
    (void)text_format(query.argument, sizeof query.argument, "%s %s %s",
                      plan_kind_text((enum plan_kind)preview->plan->kind),
                      preview->topology->regions[region].name, preview->plan->name);
    int code = ask(session, &query, preview->facts.version, &json);
    if (code != EXIT_OK) {
        return code;
    }
    preview->facts.epoch = (uint64_t)number_in(json, "epoch");
    (void)text_copy(preview->digest, sizeof preview->digest, text_in(json, "digest"));
    take_links(preview, json_object_get(json, "links"));
    take_regions(preview, json_object_get(json, "regions"));
    preview->told = json;
    code = ask(session, &agents, preview->facts.version, &json);
    if (code == EXIT_OK) {
        take_agents(preview, json_object_get(json, "agents"));
        json_decref(json);
    }
    return code;
}

/* ------------------------------------------------------------------ what it means */

static bool step_is_unrun(const struct preview *preview, const struct step *step) {
    return !step_is_a_persons(step) &&
           preview_agent(preview->topology, step, &preview->facts) == NONE;
}

static void preview_judge(struct preview *preview) {
    for (uint8_t i = 0; i < preview->plan->steps_n; i++) {
        const struct step *step = &preview->plan->steps[i];
        preview->unrun_n += !step->may_fail && step_is_unrun(preview, step);
    }
    for (uint8_t l = 0; l < preview->topology->links_n; l++) {
        enum lag_side side = preview_lag(preview->topology, &preview->facts, l);
        preview->breach_n += side == LAG_UNKNOWN || side == LAG_BREACH;
    }
}

/* ------------------------------------------------------------------ what is shown */

static const json_t *link_told(const struct preview *preview, uint8_t index) {
    size_t i;
    json_t *link;
    json_array_foreach(json_object_get(preview->told, "links"), i, link) {
        if (text_equal(text_in(link, "name"), preview->topology->links[index].name)) {
            return link;
        }
    }
    return NULL;
}

static void say_links(const struct preview *preview) {
    (void)printf("\nLOST AT MOST, as of now\n");
    for (uint8_t l = 0; l < preview->topology->links_n; l++) {
        enum lag_side side = preview_lag(preview->topology, &preview->facts, l);
        struct duration rpo = duration_text(preview_rpo_ms(preview->topology, l));
        (void)printf("  %-20s %-10s %s%s%s%s\n", preview->topology->links[l].name,
                     side == LAG_UNKNOWN ? "-"
                                         : span_text((long long)preview->facts.links[l].lag_ms).at,
                     lag_side_text(side), side == LAG_UNKNOWN || side == LAG_BREACH ? ", RPO " : "",
                     side == LAG_UNKNOWN || side == LAG_BREACH ? rpo.at : "",
                     moved_text(link_told(preview, l)).at);
    }
}

static void say_steps(const struct preview *preview) {
    (void)printf("\nSTEPS\n");
    bool fenced = !plan_fences(preview->plan);
    char locks[PLAN_LOCKS_MAX * (NAME_SIZE + 2)];
    for (uint8_t i = 0; i < preview->order.n; i++) {
        const struct step *step = &preview->plan->steps[preview->order.at[i].step];
        uint8_t agent = preview_agent(preview->topology, step, &preview->facts);
        if (!fenced && !preview->order.at[i].before_fence) {
            (void)printf("  -- the fence: point of no return\n");
            fenced = true;
        }
        plan_locks_text(preview->plan, step, locks, sizeof locks);
        (void)printf("  %2u %-24s %s%s%s%s%s%s\n", i + 1u, step->name,
                     step_is_a_persons(step) ? "a person"
                     : agent == NONE         ? "NOBODY: no agent that can run it is heard"
                                             : preview->topology->agents[agent].name,
                     step->may_fail ? ", may fail" : "",
                     step->approval == NONE ? "" : ", needs approval of ",
                     step->approval == NONE ? "" : role_text((enum role)step->approval),
                     locks[0] == '\0' ? "" : ", lock ", locks);
    }
}

static void preview_say(const struct preview *preview) {
    const struct topology *topology = preview->topology;
    const struct preview_facts *facts = &preview->facts;
    (void)printf(
        "%s plan %s: %s (%s) -> %s (%s)\npolicy %s of %s (%s), topology version %u\nepoch %llu%s\n",
        plan_kind_text((enum plan_kind)preview->plan->kind), preview->plan->name,
        topology->regions[facts->source].name, facts->classes[facts->source],
        topology->regions[facts->target].name, facts->classes[facts->target],
        topology->document.version, topology->document.date, topology->document.status,
        facts->version, (unsigned long long)facts->epoch,
        plan_fences(preview->plan) ? " ends" : " stays");
    if (plan_fences(preview->plan)) {
        say_links(preview);
    }
    say_steps(preview);
    show_stakes(preview->told);
    (void)printf(
        "\ndigest %s\nIt changes with the plan, the topology, the epoch, a region's "
        "class, whether a step has anybody\nwho can run it, and when a lag crosses its target or "
        "RPO. drover declare --digest %.8s\nis refused when it is another one by then.\n",
        preview->digest, preview->digest);
}

/* As the member tells it, with the side of its target that it is on. */
static json_t *links_json(const struct preview *preview) {
    json_t *list = json_array();
    for (uint8_t l = 0; l < preview->topology->links_n; l++) {
        enum lag_side side = preview_lag(preview->topology, &preview->facts, l);
        const json_t *told = link_told(preview, l);
        json_t *object = told == NULL ? json_object() : json_deep_copy(told);
        (void)json_object_set_new(object, "name", json_string(preview->topology->links[l].name));
        (void)json_object_set_new(object, "lag_ms",
                                  preview->facts.links[l].known
                                      ? json_integer((json_int_t)preview->facts.links[l].lag_ms)
                                      : json_null());
        (void)json_object_set_new(object, "side", json_string(lag_side_text(side)));
        (void)json_array_append_new(list, object);
    }
    return list;
}

static json_t *preview_json(const struct preview *preview) {
    const struct topology *topology = preview->topology;
    json_t *steps = json_array();
    for (uint8_t i = 0; i < preview->order.n; i++) {
        const struct step *step = &preview->plan->steps[preview->order.at[i].step];
        uint8_t agent = preview_agent(topology, step, &preview->facts);
        (void)json_array_append_new(
            steps, json_pack("{s:s,s:s,s:s}", "name", step->name, "agent",
                             agent == NONE ? "" : topology->agents[agent].name, "approval",
                             step->approval == NONE ? "" : role_text((enum role)step->approval)));
    }
    json_t *document = json_pack("{s:s,s:s,s:s,s:s}", "name", topology->document.name, "version",
                                 topology->document.version, "date", topology->document.date,
                                 "status", topology->document.status);
    json_t *stakes = json_object_get(preview->told, "stakes");
    return json_pack(
        "{s:s,s:s,s:s,s:s,s:I,s:I,s:o,s:o,s:o,s:i,s:i,s:s,s:o}", "plan", preview->plan->name,
        "kind", plan_kind_text((enum plan_kind)preview->plan->kind), "source",
        topology->regions[preview->facts.source].name, "target",
        topology->regions[preview->facts.target].name, "epoch", (json_int_t)preview->facts.epoch,
        "version", (json_int_t)preview->facts.version, "document", document, "links",
        links_json(preview), "steps", steps, "steps_without_agent", (int)preview->unrun_n,
        "links_not_met", (int)preview->breach_n, "digest", preview->digest, "stakes",
        stakes == NULL ? json_null() : json_incref(stakes));
}

static int preview_show(const struct session *session, struct preview *preview) {
    if (!plan_order(preview->plan, &preview->order)) {
        (void)fprintf(stderr, "drover plan preview: the plan cannot run; see drover plan lint\n");
        return EXIT_REFUSED;
    }
    preview_judge(preview);
    if (session->line->json) {
        json_t *json = preview_json(preview);
        show_json(json);
        json_decref(json);
    } else {
        preview_say(preview);
    }
    bool lossy = plan_fences(preview->plan) && preview->breach_n > 0;
    return preview->unrun_n > 0 || lossy ? EXIT_OBJECTIVE_MISSED : EXIT_OK;
}

int plan_preview_run(struct session *session) {
    static struct preview preview;
    struct plans_source source;
    int code = plans_read(session, 1, &source);
    const struct plan *plan = code == EXIT_OK ? plans_find(session, &source) : NULL;
    if (plan == NULL) {
        return code == EXIT_OK ? EXIT_USAGE : code;
    }
    preview.topology = source.topology;
    preview.plan = plan;
    preview.facts.version = source.version;
    if (!plans_way(session, &source, plan, &preview.facts.source, &preview.facts.target)) {
        return EXIT_USAGE;
    }
    code = facts_ask(session, &preview);
    code = code == EXIT_OK ? preview_show(session, &preview) : code;
    json_decref(preview.told);
    return code;
}
