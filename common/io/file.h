/* file: whole small files, read bounded and written durably. */
#ifndef DROVER_FILE_H
#define DROVER_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/base/err.h"
#include "common/base/text.h"

/* Reads all of a regular file into out and puts a zero byte behind it. NOT_FOUND, DENIED, IO;
 * TOO_BIG when it has out_size bytes or more. On failure out holds nothing of the file. */
enum err file_read(const char *path, char *out, size_t out_size, size_t *ret_size,
                   struct text256 *reterr) ERR_CHECKED;

/* The same for a secret: DENIED unless it belongs to this user or root and nobody else may read it.
 * In the directory of systemd's credentials its group may read: systemd gives access that way. */
enum err file_read_private(const char *path, char *out, size_t out_size, size_t *ret_size,
                           struct text256 *reterr) ERR_CHECKED;

/* Seconds since a regular file was last written, by its own time and this machine's clock; negative
 * for one of the future. Nothing of it is read. UNSUPPORTED: in the directory of systemd's
 * credentials, whose copies are as old as the service's start. NOT_FOUND, DENIED, FORMAT, IO. */
enum err file_age(const char *path, int64_t *ret_age_s) ERR_CHECKED;

/* Makes a new file, durable with its name when this returns OK. EXISTS rather than overwriting; a
 * file that could not be written whole is taken away again. */
enum err file_write_new(const char *path, const void *bytes, size_t bytes_n, mode_t mode,
                        struct text256 *reterr) ERR_CHECKED;

/* Replaces a file, or makes it: after a crash at any point the old content is there, or the new
 * one. Durable when this returns OK. PATH.new is used on the way. */
enum err file_write_atomic(const char *path, const void *bytes, size_t bytes_n, mode_t mode,
                           struct text256 *reterr) ERR_CHECKED;

#endif
