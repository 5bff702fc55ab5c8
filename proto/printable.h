/* printable: text for people that came from somewhere else. Pure.
 *
 * Printable is valid UTF-8 without control characters and without the characters that turn the
 * direction of a line (a terminal would show another sentence than the one that was signed). */
#ifndef DROVER_PRINTABLE_H
#define DROVER_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>

/* lines: newline, carriage return and tab are allowed too (whole files, JSON, argument values). */
bool printable_is(const char *text, size_t text_size, bool lines);

/* Copies text into out (out_size >= 1) with '?' in place of every byte that is not printable,
 * cut at a character. What it returns is printable and cleaning it again changes nothing, so a
 * signer and a verifier that both clean see the same bytes. */
void printable_clean(const char *text, char *out, size_t out_size);

#endif
