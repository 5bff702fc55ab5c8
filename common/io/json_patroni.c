/* json_patroni: see json_patroni.h. */
#include "common/io/json_patroni.h"

bool patroni_never_elected(const json_t *tags) {
    const json_t *tag = json_object_get(tags, "nofailover");
    const json_t *priority = json_object_get(tags, "failover_priority");
    if (tag != NULL) {
        return json_is_true(tag);
    }
    return json_is_integer(priority) && json_integer_value(priority) <= 0;
}
