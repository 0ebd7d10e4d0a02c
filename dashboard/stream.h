// /api/v1/stream: server-sent events. Each listener gets the state at once and whenever it changes, each event once and
// in order (resuming by Last-Event-ID; of those that were appended while Redis was out of reach the last 500), new log
// lines, and a heartbeat with the ages. Who cannot keep up is dropped.
// Loop's thread.
#pragma once
#include "api.h"

struct bufferevent;
struct event_base;
struct streams;

#define STREAMS_MAX 64
#define STREAM_BACKLOG_BYTES_MAX (512 << 10)
#define STREAM_HEARTBEAT_MS 5000
#define STREAM_STATE_GAP_MS 100  // the state is sent at most this often

// Fills what an answer is made from, now.
typedef struct api_world stream_world_fn(void *arg);

struct streams *streams_new(struct event_base *base, stream_world_fn *world, void *arg);
void streams_free(struct streams *streams);  // NULL is fine

bool streams_room(const struct streams *streams);
// Takes over bev, with the HTTP headers not yet sent. resume_seq -1: a new listener, it gets the last 100 events.
void streams_adopt(struct streams *streams, struct bufferevent *bev, int64_t resume_seq, enum lang lang);

void streams_state(struct streams *streams);
void streams_history(struct streams *streams);  // it is known now: who came before that catches up
void streams_event(struct streams *streams, const struct event_record *event);
void streams_line(struct streams *streams, enum service service, const char *line);
