/* The kinds of what goes wrong, for the totals: how often each was drawn, and how often it hit a
 * host that held the lease at that moment. */
#ifndef DROVER_SIM_FAULTS_H
#define DROVER_SIM_FAULTS_H

#define FAULT_LIST(X)                                                                              \
    X(CUT, "cuts")                                                                                 \
    X(CRASH, "crashes")                                                                            \
    X(STOP, "stops")                                                                               \
    X(DISASTER, "regions lost")                                                                    \
    X(CLOCK, "clock steps")                                                                        \
    X(DISK_FULL, "disks full or read-only")                                                        \
    X(DISK_UNSURE, "disks that fail to sync")                                                      \
    X(DISK_SLOW, "disks slow")                                                                     \
    X(LOG_AWAY, "logs away")                                                                       \
    X(SET_BACK, "logs set back")                                                                   \
    X(ALL_LOST, "everything lost")                                                                 \
    X(REPLACED, "members replaced")                                                                \
    X(CONFIG, "topologies changed")                                                                \
    X(PEOPLE, "people meddling")                                                                   \
    X(STORY, "stories told")                                                                       \
    X(MOMENT, "at a delicate moment")                                                              \
    X(LINK, "replication stalls")

enum fault {
#define FAULT_ENUM(name, text) FAULT_##name,
    FAULT_LIST(FAULT_ENUM)
#undef FAULT_ENUM
        FAULTS_N
};

#endif
