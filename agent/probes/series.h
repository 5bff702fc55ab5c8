/* series: what is really there of a backup, held against what was declared: age, gaps, sizes, the
 * sequence of WAL segments, the second location. Pure: a list of items in, findings out. */
#ifndef DROVER_PROBES_SERIES_H
#define DROVER_PROBES_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SERIES_ITEMS_MAX 32768
#define SERIES_NAME_SIZE 128

/* One object or file, or (after series_group) all those of one folder. */
struct series_item {
    char name[SERIES_NAME_SIZE]; /* below the prefix: "20260103-020000F/backup.info" */
    char etag[48];               /* "": not known; with '-' it is of parts and not comparable */
    char storage_class[20];      /* "": STANDARD or not known */
    uint64_t modified_wall_ms;
    uint64_t at_wall_ms; /* the backup's time: by its name, else modified_wall_ms */
    uint64_t bytes;
};

struct series {
    struct series_item *items;
    uint32_t items_n, items_max;
    uint32_t unread_n; /* left out: a name too long */
    bool cut;          /* there were more than were looked at */
};

/* False when there is no room: cut is set then. A name too long is counted and left out. */
bool series_add(struct series *series, const struct series_item *item);

/* Joins the items of one first folder into one: sizes added, the latest time, no ETag. */
void series_group(struct series *series);

/* Fills in at_wall_ms (names: by the date in the name where it has one) and sorts by it. */
void series_by_time(struct series *series, bool names);
void series_by_name(struct series *series);

/* The name's WAL segment: 24 hex digits after the last '/', then an end, '.' or '-'; ".history",
 * ".backup" and ".partial" are none. */
bool series_wal_parse(const char *name, uint32_t *ret_timeline, uint32_t *ret_log,
                      uint32_t *ret_segment);
/* Leaves only WAL segments, sorted by their names; *name is then the bare 24 digits. */
void series_wal_keep(struct series *series);

struct series_limits {
    uint64_t now_wall_ms;
    uint64_t every_ms;         /* of the schedule: an hour, a day, a week; 0: none */
    uint64_t max_age_ms;       /* of the newest; 0: any */
    uint64_t keep_ms;          /* the oldest is at least as old, less one of every_ms; 0: any */
    uint64_t min_bytes;        /* of the newest */
    unsigned max_shrink;       /* per cent against the one before; 0: any */
    uint64_t segment_bytes;    /* WAL: 16 MiB unless initdb was told otherwise */
    uint64_t grace_ms;         /* what is younger need not be at the second location yet */
    uint64_t archive_ms;       /* what is older has archive_class; with archive_class */
    const char *archive_class; /* "GLACIER"; NULL: any */
};

enum series_fault {
    SERIES_FINE = 0,
    SERIES_NONE,      /* nothing is there */
    SERIES_OLD,       /* the newest is too old */
    SERIES_SMALL,     /* the newest is too small */
    SERIES_SHRUNK,    /* much smaller than the one before */
    SERIES_GAP,       /* one of the schedule is missing */
    SERIES_WAL_GAP,   /* a segment is missing */
    SERIES_SHORT,     /* they are not kept for as long as declared */
    SERIES_CLASS,     /* an old one is not in the archive class */
    SERIES_NOT_THERE, /* not at the second location */
    SERIES_DIFFERS    /* another size or checksum there */
};

#define SERIES_FINDINGS_MAX 8
struct series_finding {
    uint8_t fault; /* enum series_fault */
    uint32_t n;    /* how many of this kind; the text names the first */
    char text[80];
};

struct series_view {
    int64_t newest_age_ms; /* -1: none is there */
    uint32_t findings_n;   /* the graver first */
    struct series_finding findings[SERIES_FINDINGS_MAX];
};

/* Sorted by series_by_time. */
void series_judge(const struct series *series, const struct series_limits *limits,
                  struct series_view *view);
/* After series_wal_keep: gaps, and the age of the newest by its time of writing. */
void series_judge_wal(const struct series *series, const struct series_limits *limits,
                      struct series_view *view);
/* Both sorted by name: each of ours is there, and is the same. */
void series_judge_peer(const struct series *ours, const struct series *theirs,
                       const struct series_limits *limits, struct series_view *view);

bool series_fault_is_grave(uint8_t fault);

#endif
