// Stands in for Pacemaker's crm_ticket, which boothd runs to write a ticket into the cluster: it
// notes each grant and each revoke with the moment, one line each, in the file that PEERS_TICKETS
// names, and keeps no ticket (a site that starts has none).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

int main(int argc, char **argv) {
    const char *path = getenv("PEERS_TICKETS");
    const char *what = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-g") == 0) {
            what = "granted";
        } else if (strcmp(argv[i], "-r") == 0) {
            what = "revoked";
        } else if (strcmp(argv[i], "-q") == 0 || strcmp(argv[i], "-G") == 0) {
            return 6; // "no such ticket"
        }
    }
    struct timespec now;
    if (!what || !path || clock_gettime(CLOCK_MONOTONIC_RAW, &now) != 0) {
        return 0;
    }
    FILE *file = fopen(path, "a");
    if (!file) {
        return 1;
    }
    fprintf(file, "%lld %s\n", (long long)now.tv_sec * 1000000000 + now.tv_nsec, what);
    return fclose(file) == 0 ? 0 : 1;
}
