/* What the documents promise, held against itself: objectives, backups, drills, monitoring. */
#include "common/topology/topology_check_parts.h"

static void check_document(const struct topology *topology, struct findings *findings) {
    const struct document *document = &topology->document;
    if (document->name[0] == 0 || document->version[0] == 0 || document->date[0] == 0) {
        FOUND(findings, FINDING_DOCUMENT, "document",
              "reports, plans and approvals cite its name, version and date (SEED-1)");
    }
}

static void check_objectives(const struct topology *topology, struct findings *findings) {
    for (unsigned i = 1; i < OBJECTIVES_MAX; i++) {
        const struct objective *upper = &topology->objectives[i - 1];
        const struct objective *lower = &topology->objectives[i];
        if (upper->rto_ms == 0 || lower->rto_ms == 0) {
            continue;
        }
        if (lower->rto_ms < upper->rto_ms || lower->rpo_ms < upper->rpo_ms) {
            FOUND(findings, FINDING_OBJECTIVE_ORDER, "objectives",
                  "tier %u (rto %s, rpo %s) is stricter than tier %u (rto %s, rpo %s)", i + 1,
                  duration_text(lower->rto_ms).at, duration_text(lower->rpo_ms).at, i,
                  duration_text(upper->rto_ms).at, duration_text(upper->rpo_ms).at);
        }
    }
}

/* ---- stores and their copies ---- */

static bool component_is_store(const struct component *component) {
    return component->kind == COMPONENT_POSTGRESQL || component->kind == COMPONENT_REDIS ||
           component->kind == COMPONENT_CLICKHOUSE || component->kind == COMPONENT_S3;
}

static bool component_has_link(const struct topology *topology, uint8_t component) {
    for (uint8_t i = 0; i < topology->links_n; i++) {
        if (topology->links[i].component == component) {
            return true;
        }
    }
    return false;
}

static void check_store(const struct topology *topology, uint8_t index, struct findings *findings) {
    const struct component *component = &topology->components[index];
    bool has_backup = false;
    for (uint8_t i = 0; i < topology->backups_n; i++) {
        has_backup = has_backup || topology->backups[i].component == index;
    }
    if (!has_backup) {
        FOUND(findings, FINDING_NO_BACKUP, where("components.%s", component->name).at,
              "no backup is declared for this store");
    }
    if (!component_has_link(topology, index)) {
        FOUND(findings, FINDING_NO_LINK, where("components.%s", component->name).at,
              "no replication link is declared for this store: a failover would lose all since the "
              "last backup");
    }
}

/* ---- backups ---- */

static struct where backup_where(const struct topology *topology, const struct backup *backup) {
    return where("backups.%s.%s", topology->components[backup->component].name, backup->type);
}

static const char *every_text(uint64_t ms, struct duration *buffer) {
    *buffer = duration_text(ms);
    return ms == 0 ? "continuously" : buffer->at;
}

static const char *keep_text(uint64_t ms, struct duration *buffer) {
    *buffer = duration_text(ms);
    return ms == 0 ? "for ever or undeclared" : buffer->at;
}

/* A component whose only way back is its backup can lose as much as lies between two of them. The
 * shortest interval among its backups counts. */
static void check_backup_rpo(const struct topology *topology, uint8_t component,
                             struct findings *findings) {
    uint64_t finest_ms = UINT64_MAX;
    const struct backup *finest = NULL;
    for (uint8_t i = 0; i < topology->backups_n; i++) {
        const struct backup *backup = &topology->backups[i];
        if (backup->component == component && backup->every_ms < finest_ms) {
            finest_ms = backup->every_ms;
            finest = backup;
        }
    }
    uint8_t by = NONE;
    uint8_t tier = component_served_tier(topology, component, &by);
    if (finest == NULL || tier == 0 || tier > OBJECTIVES_MAX ||
        component_has_link(topology, component)) {
        return;
    }
    uint64_t rpo_ms = topology->objectives[tier - 1].rpo_ms;
    if (rpo_ms != 0 && finest_ms > rpo_ms) {
        FOUND(findings, FINDING_BACKUP_RPO, backup_where(topology, finest).at,
              "every %s, but %s of tier %u, which stands on it, may lose %s at most",
              duration_text(finest_ms).at, topology->components[by].name, tier,
              duration_text(rpo_ms).at);
    }
}

static void check_backup_twins(const struct topology *topology, struct findings *findings) {
    for (uint8_t i = 0; i < topology->backups_n; i++) {
        for (uint8_t j = 0; j < i; j++) {
            const struct backup *a = &topology->backups[j], *b = &topology->backups[i];
            if (a->component != b->component || !text_equal(a->type, b->type) ||
                (a->every_ms == b->every_ms && a->keep_ms == b->keep_ms &&
                 text_equal(a->location, b->location) &&
                 text_equal(a->second_location, b->second_location))) {
                continue;
            }
            struct duration every[2], keep[2];
            FOUND(findings, FINDING_BACKUP_DIFFERS, backup_where(topology, b).at,
                  "%.31s: every %s, kept %s, in %.40s; %.31s: every %s, kept %s, in %.40s%s%.40s",
                  a->source, every_text(a->every_ms, &every[0]), keep_text(a->keep_ms, &keep[0]),
                  a->location, b->source, every_text(b->every_ms, &every[1]),
                  keep_text(b->keep_ms, &keep[1]), b->location,
                  b->second_location[0] == 0 ? "" : " and ", b->second_location);
        }
    }
}

/* Point-in-time recovery needs the WAL since a full backup: an older full one restores to its own
 * end only, and only if its own WAL was stored with it. */
static void check_wal_window(const struct topology *topology, struct findings *findings) {
    for (uint8_t i = 0; i < topology->backups_n; i++) {
        const struct backup *wal = &topology->backups[i];
        if (!text_equal(wal->type, "wal") || wal->keep_ms == 0) {
            continue;
        }
        for (uint8_t j = 0; j < topology->backups_n; j++) {
            const struct backup *full = &topology->backups[j];
            if (full->component == wal->component && text_equal(full->type, "full") &&
                (full->keep_ms == 0 || full->keep_ms > wal->keep_ms)) {
                struct duration keep;
                FOUND(findings, FINDING_WAL_WINDOW, backup_where(topology, wal).at,
                      "WAL is kept %s, full backups %s: older ones restore to one point each, and "
                      "only if their own WAL was stored with them",
                      duration_text(wal->keep_ms).at, keep_text(full->keep_ms, &keep));
                return;
            }
        }
    }
}

static void check_drills(const struct topology *topology, struct findings *findings) {
    for (uint8_t i = 0; i < topology->drills_n; i++) {
        for (uint8_t j = 0; j < i; j++) {
            const struct drill *a = &topology->drills[j], *b = &topology->drills[i];
            if (text_equal(a->type, b->type) && a->every_ms != b->every_ms) {
                FOUND(findings, FINDING_DRILL_DIFFERS, where("drills.%s", b->name).at,
                      "a %s drill every %s (%s) and every %s (%s)", b->type,
                      duration_text(a->every_ms).at, a->source, duration_text(b->every_ms).at,
                      b->source);
            }
        }
    }
}

/* What stands only in monitoring regions is what drover itself decides by. */
static void check_monitoring(const struct topology *topology, uint8_t component,
                             struct findings *findings) {
    uint8_t tier = topology->components[component].tier;
    bool watches = false;
    for (uint8_t i = 0; i < topology->endpoints_n; i++) {
        const struct endpoint *endpoint = &topology->endpoints[i];
        watches = watches || (endpoint->component == component &&
                              topology->regions[endpoint->region].kind == REGION_MONITORING);
    }
    if (watches && tier > 1 && tier <= OBJECTIVES_MAX) {
        FOUND(findings, FINDING_MONITORING_TIER,
              where("components.%s.tier", topology->components[component].name).at,
              "it stands in the region that decides failovers, but tier %u allows it to be down "
              "for %s",
              tier, duration_text(topology->objectives[tier - 1].rto_ms).at);
    }
}

void check_promises(const struct topology *topology, struct findings *findings) {
    check_document(topology, findings);
    check_objectives(topology, findings);
    for (uint8_t i = 0; i < topology->components_n; i++) {
        const struct component *component = &topology->components[i];
        if (component->excluded || component->kind == COMPONENT_EXTERNAL) {
            continue;
        }
        if (component_is_store(component)) {
            check_store(topology, i, findings);
        }
        check_backup_rpo(topology, i, findings);
        if (!component->protected) {
            check_monitoring(topology, i, findings);
        }
    }
    check_backup_twins(topology, findings);
    check_wal_window(topology, findings);
    check_drills(topology, findings);
}
