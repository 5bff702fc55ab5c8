/* kubernetes, what=velero with s3_url: the newest completed backup is its objects, not its entry in
 * the cluster. Velero lays PREFIX/backups/NAME/velero-backup.json, NAME.tar.gz and more into the
 * bucket of the backup's location; with peer_url every one of them has to be in the other region's
 * bucket too, with the same size and, where it is a checksum, the same ETag. */
#include <string.h>

#include "agent/probes/kubernetes.h"
#include "agent/probes/reading.h"
#include "agent/probes/s3_client.h"
#include "common/io/clock.h"

#define PAGES 4
#define GRACE_S 900 /* the documents' 15 minutes for what a bucket's replication may take */

struct velero_walk {
    struct s3_walk here, there;
    const struct s3_object *ours, *theirs;
    const char *name;            /* of the backup */
    size_t root_n;               /* of a key: what stands before "NAME/" */
    bool has_entry, has_archive; /* velero-backup.json, NAME.tar.gz, with something in them */
    bool is_late;                /* beyond its grace: what lacks at the peer is lacking */
    unsigned objects_n, waits_n;
};

/* The S3 arguments without those for the API server: its ca and its token are not the buckets'. */
static enum err place_arguments(const struct arguments *from, struct arguments *ret_arguments) {
    static const char *const names[][2] = {{"s3_url", "url"},
                                           {"s3_user", "user"},
                                           {"s3_ca", "ca"},
                                           {"s3_region", "region"},
                                           {"peer_url", "peer_url"},
                                           {"peer_user", "peer_user"},
                                           {"peer_ca", "peer_ca"},
                                           {"peer_bucket", "peer_bucket"},
                                           {"peer_region", "peer_region"},
                                           {"peer_prefix", "peer_prefix"},
                                           {"s3_password_ref", "password_ref"},
                                           {"peer_password_ref", "peer_password_ref"}};
    *ret_arguments = (struct arguments){0};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = arguments_get(from, names[i][0]);
        enum err err = value != NULL ? arguments_set(ret_arguments, names[i][1], value) : ERR_OK;
        if (err != ERR_OK) {
            return err;
        }
    }
    return ERR_OK;
}

/* "PREFIX/backups/NAME/" into ret_prefix, which the place then borrows. */
static bool place_point(struct s3_place *place, const char *name, char *ret_prefix,
                        size_t prefix_size) {
    size_t n = strlen(place->prefix);
    bool slash = n > 0 && place->prefix[n - 1] != '/';
    bool fits = text_format(ret_prefix, prefix_size, "%s%sbackups/%s/", place->prefix,
                            slash ? "/" : "", name);
    place->prefix = ret_prefix;
    return fits;
}

static void told_of(const struct s3_place *place, bool peer, struct reading *reading) {
    char said[sizeof reading->detail];
    const char *bucket = reading->detail + (text_starts(reading->detail, "bucket ") ? 7 : 0);
    (void)text_copy(said, sizeof said, bucket);
    if (bucket != reading->detail) { /* the listing named it already */
        (void)text_format(reading->detail, sizeof reading->detail, "%sbucket %.80s",
                          peer ? "the second " : "", said);
        return;
    }
    (void)text_format(reading->detail, sizeof reading->detail, "%sbucket %.24s: %.50s",
                      peer ? "the second " : "", place->bucket, said);
}

/* False: the reading says what is wrong. */
static bool next(struct velero_walk *walk, bool peer, struct reading *ret_reading) {
    struct s3_walk *side = peer ? &walk->there : &walk->here;
    const struct s3_object **object = peer ? &walk->theirs : &walk->ours;
    if (!s3_walk_next(side, object, ret_reading)) {
        told_of(side->place, peer, ret_reading);
        return false;
    }
    if (*object != NULL && !text_starts((*object)->key, side->place->prefix)) {
        *ret_reading = reading_failed(ERR_FORMAT, "the listing has what was not asked for");
        return false;
    }
    if (*object == NULL && side->more) {
        *ret_reading =
            reading_failed(ERR_TOO_BIG, "more than %d objects of one backup", PAGES * S3_PAGE);
        return false;
    }
    return true;
}

/* Behind "backups/NAME/". */
static const char *file_of(const struct s3_walk *side, const struct s3_object *object) {
    return object->key + strlen(side->place->prefix);
}

static void own_take(struct velero_walk *walk) {
    char archive[KUBERNETES_NAME_SIZE + 8];
    const char *file = file_of(&walk->here, walk->ours);
    (void)text_format(archive, sizeof archive, "%s.tar.gz", walk->name);
    walk->objects_n++;
    walk->has_entry =
        walk->has_entry || (text_equal(file, "velero-backup.json") && walk->ours->bytes > 0);
    walk->has_archive = walk->has_archive || (text_equal(file, archive) && walk->ours->bytes > 0);
}

/* An upload in parts has an ETag that depends on the parts. */
static bool is_same(const struct s3_object *ours, const struct s3_object *theirs) {
    bool sums = strchr(ours->etag, '-') == NULL && strchr(theirs->etag, '-') == NULL;
    return ours->bytes == theirs->bytes && (!sums || text_equal(ours->etag, theirs->etag));
}

static struct reading lacks(const struct s3_place *place, bool peer, const char *name,
                            const char *file) {
    return reading_judged(false, "%sbucket %.24s lacks %.24s/%.24s", peer ? "the second " : "",
                          place->bucket, name, file);
}

/* One of ours against theirs, which stand in the order of their keys. False: as above. */
static bool peer_has(struct velero_walk *walk, struct reading *ret_reading) {
    const char *file = file_of(&walk->here, walk->ours);
    while (walk->theirs != NULL && strcmp(file_of(&walk->there, walk->theirs), file) < 0) {
        if (!next(walk, true, ret_reading)) {
            return false;
        }
    }
    bool there = walk->theirs != NULL && text_equal(file_of(&walk->there, walk->theirs), file);
    if (there && is_same(walk->ours, walk->theirs)) {
        return true;
    }
    walk->waits_n++;
    if (!walk->is_late) {
        return true;
    }
    *ret_reading = there ? reading_judged(false, "the second bucket %.24s has another %.24s/%.24s",
                                          walk->there.place->bucket, walk->name, file)
                         : lacks(walk->there.place, true, walk->name, file);
    return false;
}

static bool walk_all(struct velero_walk *walk, bool peer, struct reading *ret_reading) {
    bool done = next(walk, false, ret_reading) && (!peer || next(walk, true, ret_reading));
    while (done && walk->ours != NULL) {
        own_take(walk);
        done = (!peer || peer_has(walk, ret_reading)) && next(walk, false, ret_reading);
    }
    if (done && (!walk->has_entry || !walk->has_archive)) {
        *ret_reading = lacks(walk->here.place, false, walk->name,
                             walk->has_entry ? "*.tar.gz" : "velero-backup.json");
        done = false;
    }
    return done;
}

/* The good reading so far, and what of the objects is to be added. */
static void objects_say(struct kubernetes_run *run, const struct velero_walk *walk, bool peer) {
    char said[sizeof run->reading.detail];
    (void)text_copy(said, sizeof said, run->reading.detail);
    (void)text_format(run->reading.detail, sizeof run->reading.detail, "%.56s; %u objects%s", said,
                      walk->objects_n,
                      !peer               ? ""
                      : walk->waits_n > 0 ? ", not yet in both buckets"
                                          : " in both buckets");
}

static void places_compare(struct kubernetes_run *run, const struct s3_place *here,
                           const struct s3_place *there, struct velero_walk *walk) {
    struct reading wrong;
    enum err err = s3_walk_open(&walk->here, here, PAGES);
    if (s3_walk_open(&walk->there, there, PAGES) != ERR_OK || err != ERR_OK) {
        run->reading = reading_failed(ERR_NO_MEMORY, "out of memory");
    } else if (walk_all(walk, here != there, &wrong)) {
        objects_say(run, walk, here != there);
    } else {
        wrong.value = run->reading.value;
        run->reading = wrong;
    }
    s3_walk_close(&walk->here);
    s3_walk_close(&walk->there);
}

void kubernetes_velero_objects(struct kubernetes_run *run, const struct velero_sums *sums) {
    const struct arguments *arguments = run->input->arguments;
    bool peer = arguments_get(arguments, "peer_url") != NULL;
    uint64_t now_s = clock_wall_ms() / 1000;
    struct velero_location location;
    struct arguments of_places;
    struct probe_input input = *run->input;
    struct s3_place here, there;
    struct text256 why = {"too many arguments"};
    char prefixes[2][S3_KEY_SIZE];
    struct velero_walk walk = {
        .name = sums->newest,
        .is_late = now_s >= sums->newest_s + parameter_number(arguments, "grace", GRACE_S),
    };
    if (!kubernetes_velero_location(run, sums->location[0] != '\0' ? sums->location : "default",
                                    &location)) {
        return;
    }
    if (location.bucket[0] == '\0') {
        run->reading = reading_judged(false, "the backup's location names no bucket");
        return;
    }
    input.arguments = &of_places;
    enum err err = place_arguments(arguments, &of_places);
    err = err == ERR_OK ? arguments_set(&of_places, "bucket", location.bucket) : err;
    err = err == ERR_OK ? arguments_set(&of_places, "prefix", location.prefix) : err;
    err = err == ERR_OK ? s3_place_open(&input, false, &here, &why) : err;
    err = err == ERR_OK ? s3_place_open(&input, peer, &there, &why) : err;
    if (err != ERR_OK) {
        run->reading = reading_failed(ERR_CONFIG, "the backup's bucket: %s", why.at);
        return;
    }
    if (!place_point(&here, sums->newest, prefixes[0], sizeof prefixes[0]) ||
        !place_point(&there, sums->newest, prefixes[1], sizeof prefixes[1])) {
        run->reading = reading_failed(ERR_TOO_BIG, "the backup's name is too long for a key");
        return;
    }
    places_compare(run, &here, peer ? &there : &here, &walk);
}
