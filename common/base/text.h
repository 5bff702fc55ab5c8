/* text: bounded strings. Every function terminates its result and says when it had to cut. */
#ifndef DROVER_TEXT_H
#define DROVER_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A message for a human, passed as the last parameter `reterr` of functions that can fail in ways a
 * code alone does not explain. Always terminated. */
struct text256 {
    char at[256];
};

/* Formats into out (size out_size >= 1), cutting at the end. Returns true when nothing was cut. */
bool text_format(char *out, size_t out_size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* text_format() for a function with arguments of its own; the pure layers have no other door to
 * vsnprintf. */
bool text_format_list(char *out, size_t out_size, const char *format, va_list args)
    __attribute__((format(printf, 3, 0)));

/* Formats into reterr when reterr is not NULL. */
void text_say(struct text256 *reterr, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Copies a terminated string. Returns true when it fitted; on false out holds the cut string. */
bool text_copy(char *out, size_t out_size, const char *from);

/* 24 bits of a text (FNV-1a) in hexadecimal, so that texts too long for a place can be told apart
 * there. No protection against whoever chooses the texts. */
#define TEXT_DIGEST_SIZE 7
void text_digest(const char *text, char ret_digest[TEXT_DIGEST_SIZE]);

/* Appends a terminated string to a terminated string. Same result as text_copy. */
bool text_append(char *out, size_t out_size, const char *from);

bool text_equal(const char *a, const char *b);
bool text_starts(const char *text, const char *prefix);
/* True when it is not empty and holds ASCII letters, digits and bytes of `others` only. */
bool text_is_of(const char *text, const char *others);

/* Parses a whole decimal number (no sign, no spaces, nothing behind it). False when it is not
 * one or is larger than max; *ret_value is untouched then. */
bool text_to_u64(const char *text, uint64_t max, uint64_t *ret_value);

/* Lower-case hex. out_size must be at least 2 * bytes_n + 1. */
void text_from_bytes(const uint8_t *bytes, size_t bytes_n, char *out, size_t out_size);

/* Exactly 2 * bytes_n hex digits; false otherwise and *ret_bytes is untouched. */
bool text_to_bytes(const char *text, uint8_t *ret_bytes, size_t bytes_n);

/* A name: 1..size-1 characters of [a-z0-9-_.], starting with a letter or digit. */
bool text_is_name(const char *text, size_t size);

/* The word a person may have meant, or NULL when none of them is near. Borrowed. */
const char *text_nearest(const char *word, const char *const *words, size_t words_n);

#endif
