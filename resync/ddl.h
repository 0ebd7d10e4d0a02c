// Small rewrites of the statements that SHOW CREATE gives. Pure.
#pragma once

// The statement of an ENABLED event as a replica must have it: DISABLE ON REPLICA. Others come back unchanged. Heap.
char *ddl_event_for_replica(const char *create);
