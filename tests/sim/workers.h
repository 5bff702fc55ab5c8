/* workers: the same program forked several times, each with a place in shared memory for what it
 * found. A run needs nothing but its seed, so there is nothing else to share. */
#ifndef DROVER_SIM_WORKERS_H
#define DROVER_SIM_WORKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORKERS_MAX 64

/* Zeroed memory that forked workers share; never given back. */
void *workers_share(size_t size);

/* Calls work(worker, workers_n, owner) in each of workers_n processes, in this one when it is one.
 * False when one of them ended by a signal or with an exit code. */
bool workers_run(unsigned workers_n, void (*work)(unsigned worker, unsigned workers_n, void *owner),
                 void *owner);

/* CPU time of this process, in ms. */
uint64_t workers_cpu_ms(void);
uint64_t workers_wall_ms(void);

#endif
