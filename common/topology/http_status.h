/* http_status: the expect_status argument: "200", "200-299", "200,204,301-302". */
#ifndef DROVER_TOPOLOGY_HTTP_STATUS_H
#define DROVER_TOPOLOGY_HTTP_STATUS_H

#include <stdbool.h>

/* Is it well formed? */
bool http_status_list(const char *list);
/* Is `status` in the list? False for a malformed list. */
bool http_status_is(const char *list, long status);

#endif
