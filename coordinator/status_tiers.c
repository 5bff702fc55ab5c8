/* What each tier was promised and what it got in one execution: its recovery time and the loss of
 * each link of its stores (SEED-84 to SEED-87). */
#include "coordinator/status_parts.h"

/* Nothing that is judged, or all of it was kept. */
static bool time_is_kept(const char *course) {
    return !text_equal(course, "missed") && !text_equal(course, "breached");
}

static const json_t *of_tier(const json_t *list, unsigned tier) {
    size_t i;
    json_t *object;
    json_array_foreach(list, i, object) {
        if (json_integer_value(json_object_get(object, "tier")) == tier) {
            return object;
        }
    }
    return NULL;
}

/* Of the tier's links: how many, and were all losses borne. */
static json_t *losses_of(const struct topology *topology, const json_t *losses, unsigned tier,
                         bool *ret_met) {
    json_t *mine = json_array(), *loss;
    size_t i;
    *ret_met = true;
    json_array_foreach(losses, i, loss) {
        const char *name = json_string_value(json_object_get(loss, "component"));
        uint8_t component = name == NULL ? NONE : topology_component(topology, name);
        if (component == NONE || topology->components[component].tier != tier) {
            continue;
        }
        (void)json_array_append(mine, loss);
        bool judged = json_integer_value(json_object_get(loss, "rpo_ms")) > 0;
        *ret_met = *ret_met && (!judged || json_is_true(json_object_get(loss, "met")));
    }
    return mine;
}

/* NULL: the plan brings nothing of the tier, and nothing of it is judged. */
static const char *put_time(json_t *object, const json_t *time) {
    const char *course = time == NULL ? NULL : json_string_value(json_object_get(time, "course"));
    if (course == NULL) {
        put_null(object, "rto_actual_ms");
        put_text(object, "rto", "not-in-the-plan");
        return NULL;
    }
    put_object(object, "rto_actual_ms", json_incref(json_object_get(time, "used_ms")));
    put_text(object, "rto", course);
    return course;
}

json_t *tiers_list(const struct answering *answering, const struct execution *execution,
                   const json_t *losses, bool *ret_all_met) {
    json_t *times = rto_list(answering, execution), *list = json_array();
    *ret_all_met = true;
    for (unsigned tier = 1; tier <= OBJECTIVES_MAX; tier++) {
        const struct objective *objective = &answering->topology->objectives[tier - 1];
        bool borne;
        json_t *mine = losses_of(answering->topology, losses, tier, &borne);
        bool declared = objective->rto_ms > 0 || objective->rpo_ms > 0;
        if ((!declared && json_array_size(mine) == 0) || json_array_size(times) == 0) {
            json_decref(mine);
            continue;
        }
        json_t *object = list_add(list);
        put_count(object, "tier", tier);
        put_count(object, "rto_ms", objective->rto_ms);
        const char *course = put_time(object, of_tier(times, tier));
        bool met = borne && (course == NULL || time_is_kept(course));
        put_count(object, "rpo_ms", objective->rpo_ms);
        put_yes(object, "rpo_met", borne);
        put_object(object, "losses", mine);
        put_yes(object, "met", met);
        *ret_all_met = *ret_all_met && met;
    }
    json_decref(times);
    return list;
}
