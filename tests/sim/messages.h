/* messages: what is on its way, between processes and in time. */
#ifndef DROVER_SIM_MESSAGES_H
#define DROVER_SIM_MESSAGES_H

#include "coordinator/core/core.h"
#include "judge_decisions.h"

/* P is the first owner; E, a third data region, is there in some seeds. */
enum { REGION_P = 0, REGION_D = 1, REGION_M = 2, REGION_E = 3, SIM_REGIONS };

enum sim_message_kind {
    MSG_QUESTION,    /* agent -> member */
    MSG_ANSWER,      /* member -> agent, or to the carrier, who passes it on */
    MSG_RELAY,       /* agent -> carrier: a question for `member` */
    MSG_REPORT,      /* agent -> member */
    MSG_ACK,         /* member -> agent */
    MSG_COMMAND,     /* member -> agent */
    MSG_OUTCOME,     /* agent -> member */
    MSG_PROMISE_ASK, /* agent -> agent of the standby */
    MSG_PROMISE,     /* and back */
    MSG_CALL,        /* agent -> its guard */
    MSG_REPLY,       /* and back */
    MSG_REQUEST,     /* operator -> member */
    MSG_APPEND,      /* member -> engine */
    MSG_APPENDED,    /* and back */
    MSG_HEAD_ASK,
    MSG_HEAD
};

struct sim_question {
    uint8_t agent, member, carrier; /* host indexes; carrier NONE: asked directly */
    uint8_t said_region;            /* 0: its own; else one more than that region */
    uint8_t purpose;                /* enum attest_purpose */
    uint8_t numbers;                /* a slot of config.c: the asker's lease numbers */
    bool thief;                     /* asked with a stolen key: the answer goes to the thief */
    uint64_t nonce, epoch;
    struct command_name command;
};

struct sim_answer {
    struct sim_question question;
    uint8_t no; /* enum attest_no */
    uint64_t newest_epoch;
    bool newest_open;
    uint32_t left_ms;
};

struct sim_report {
    uint8_t agent;
    uint32_t config_version;
    uint64_t boot, seq, guard_epoch, promised_epoch;
    uint64_t fenced_epoch; /* as the agent says */
    uint64_t proved_epoch; /* as its guard signed */
    uint8_t gate, leased, no_guard;
    bool thief; /* sent with a stolen key, from elsewhere */
    bool written;
    uint64_t position, position_ms; /* of the store; 0: none */
    uint8_t seen[SIM_REGIONS];      /* enum check status of the other data regions, from outside */
};

struct sim_ack {
    uint8_t member;
    uint32_t config_version;
    uint64_t epoch;
    bool open, ours, caught_up;
};

struct sim_outcome {
    struct command_name command;
    uint8_t state, err;
    bool observed;
    uint64_t position;
};

struct sim_promise {
    uint8_t asker, giver; /* hosts */
    uint8_t numbers;      /* the asker's */
    uint64_t nonce, epoch;
    bool given;
};

enum guard_call_kind {
    CALL_STATUS,
    CALL_BEGIN_LEASE,
    CALL_BEGIN_PROMISE,
    CALL_CERTIFICATE,
    CALL_PROMISES,
    CALL_DENIAL,
    CALL_FENCE,
    CALL_PROMISE
};

struct sim_call {
    uint8_t kind;    /* enum guard_call_kind */
    uint8_t numbers; /* of the question that the certificate answers */
    uint64_t nonce, epoch, signers;
    struct sim_promise promise;
};

struct sim_reply {
    struct sim_call call;
    uint8_t verdict; /* enum holder_verdict */
    uint64_t nonce, accepted_epoch, fenced_epoch, promised_epoch, lease_epoch;
    uint32_t left_ms;
    bool gate_open, fence_proved;
};

/* The identity of a fact: the log takes each only once. */
struct fact_key {
    uint8_t kind;
    uint64_t a, b, c;
};

struct sim_append {
    uint8_t member, slot;
    struct fact_key key;
    uint64_t token, history, index; /* the last two: as the log answers */
};

struct sim_message {
    uint8_t kind, from, to; /* processes */
    uint32_t incarnation;   /* of the receiver, for calls over a local socket */
    union {
        struct sim_question question;
        struct sim_answer answer;
        struct sim_report report;
        struct sim_ack ack;
        struct want_command command;
        struct sim_outcome outcome;
        struct sim_promise promise;
        struct sim_call call;
        struct sim_reply reply;
        struct event_request request;
        struct sim_append append;
        struct {
            uint64_t index, history;
        } head;
    };
};

enum sim_event_kind {
    SIM_MESSAGE,
    SIM_TICK,
    SIM_DISK,
    SIM_ACTION,
    /* Of the world: */
    SIM_FAULT,
    SIM_STORY,
    SIM_CLIENT,
    SIM_HEAL,
    SIM_CONFIG,
    SIM_ANEW,
    SIM_KILL,
    SIM_STOP
};

struct sim_event {
    uint64_t at_us, order;
    uint8_t kind, to;     /* enum sim_event_kind; process */
    uint32_t incarnation; /* SIM_TICK, SIM_DISK, SIM_ACTION: only for that life of the process */
    uint32_t arg;
    struct sim_message message;
};

#endif
