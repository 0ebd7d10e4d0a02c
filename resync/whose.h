// Whose the transactions of a binlog are: a user's, Relevo's own, or nobody's. In doubt a user's. Pure.
#pragma once
#include "resync/binlog.h"

enum whose {
    WHOSE_USERS,
    WHOSE_RELEVO,  // rows of the schemas `relevo` and `relevo_rebuild` and nothing else
    WHOSE_NOBODY,  // changes no data: empty, or a statement of idle.h
    WHOSE_COUNT,
};

struct whose_reader;
struct whose_reader *whose_new(void);
void whose_drop(struct whose_reader **reader);
#define AUTO_WHOSE __attribute__((cleanup(whose_drop)))

// In the order of the binlog.
void whose_feed(struct whose_reader *reader, const struct binlog_event *event);

// After the last event. i: from 0, in the binlog's order; behind the last one WHOSE_COUNT.
enum whose whose_transaction(const struct whose_reader *reader, uint64_t i);
uint64_t whose_count(const struct whose_reader *reader, enum whose whose);
