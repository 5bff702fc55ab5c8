/* status_world: one member of three in a state made by hand, and its answers to people. */
#ifndef DROVER_TESTS_STATUS_WORLD_H
#define DROVER_TESTS_STATUS_WORLD_H

#include <jansson.h>

#include "coordinator/member.h"

extern struct coordinator member;
extern struct topology topology;

/* Group set-up and its end: a history on disk, which every state shares. */
int status_world_open(void **state);
int status_world_close(void **state);
const char *status_world_directory(void); /* of that history */

uint8_t agent(const char *name);
/* East serves since 100 s; everybody hears everybody; the link is 300 ms behind. */
void make_serving(void);
/* East fell silent 20 s ago; the others see it dead from outside; nobody attests any more. */
void make_suspect(void);
/* That agent's newest word on that check. */
void see(const char *check, const char *from, uint8_t status);

/* The answer, parsed; the test fails unless it comes with that exit code. To be decref'd. */
json_t *ask_from(const char *what, const char *argument, uint8_t expected_code);
const char *text_of(const json_t *json, const char *key);
int64_t number_of(const json_t *json, const char *key);
const json_t *named(const json_t *list, const char *name);

#endif
