#include "stream.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "common/clock.h"
#include "common/mem.h"

#define FIRST_EVENTS 100

struct stream {
    struct streams *streams;
    struct bufferevent *bev;
    enum lang lang;
    bool early;  // came before the history was known
    int64_t resume_seq;
    TAILQ_ENTRY(stream) link;
};

struct streams {
    struct event_base *base;
    stream_world_fn *world;
    void *arg;
    size_t count;
    int64_t state_mono_ms;  // when the state was last sent to all
    struct event *heartbeat, *state_due;
    TAILQ_HEAD(stream_list, stream) list;
};

static void drop(struct stream *stream) {
    TAILQ_REMOVE(&stream->streams->list, stream, link);
    stream->streams->count--;
    bufferevent_free(stream->bev);
    free(stream);
}

static bool is_slow(struct stream *stream) {
    return evbuffer_get_length(bufferevent_get_output(stream->bev)) > STREAM_BACKLOG_BYTES_MAX;
}

static void send_state(struct stream *stream, const char *json) {
    evbuffer_add_printf(bufferevent_get_output(stream->bev), "event: state\ndata: %s\n\n", json);
}

static void send_event(struct stream *stream, int64_t seq, const char *json) {
    evbuffer_add_printf(bufferevent_get_output(stream->bev), "id: %lld\nevent: event\ndata: %s\n\n", (long long)seq,
                        json);
}

// One text per language, made only if somebody listens in it.
struct told {
    char *text[2];
};

static void told_drop(struct told *told) {
    free(told->text[0]);
    free(told->text[1]);
}
#define AUTO_TOLD __attribute__((cleanup(told_drop)))

static void state_now(struct streams *streams) {
    AUTO_TOLD struct told told = {0};
    struct api_world world = streams->world(streams->arg);
    streams->state_mono_ms = world.now.mono_ms;
    for (struct stream *stream = TAILQ_FIRST(&streams->list), *next; stream != NULL; stream = next) {
        next = TAILQ_NEXT(stream, link);
        if (is_slow(stream)) {
            drop(stream);
            continue;
        }
        char **text = &told.text[stream->lang == LANG_EN];
        if (*text == NULL) {
            *text = api_stream_state(&world, stream->lang);
        }
        send_state(stream, *text);
    }
}

void streams_state(struct streams *streams) {
    int64_t wait_ms = streams->state_mono_ms + STREAM_STATE_GAP_MS - clock_mono_ms();
    if (wait_ms <= 0) {
        state_now(streams);
    } else if (!evtimer_pending(streams->state_due, NULL)) {
        event_add(streams->state_due, &(struct timeval){.tv_usec = wait_ms * 1000});
    }
}

static void on_state_due(evutil_socket_t fd, short events, void *arg) {
    (void)fd;
    (void)events;
    state_now(arg);
}

void streams_event(struct streams *streams, const struct event_record *event) {
    AUTO_TOLD struct told told = {0};
    struct api_world world = streams->world(streams->arg);
    for (struct stream *stream = TAILQ_FIRST(&streams->list), *next; stream != NULL; stream = next) {
        next = TAILQ_NEXT(stream, link);
        char **text = &told.text[stream->lang == LANG_EN];
        if (*text == NULL) {
            *text = api_stream_event(&world, event, stream->lang);
        }
        if (is_slow(stream)) {
            drop(stream);
        } else {
            send_event(stream, event->seq, *text);
        }
    }
}

void streams_line(struct streams *streams, enum service service, const char *line) {
    if (TAILQ_EMPTY(&streams->list)) {
        return;
    }
    json_t *json = json_pack("{s:s, s:s}", "service", service_name(service), "line", line);
    AUTO_TEXT char *text = json_dumps(json, JSON_COMPACT);
    json_decref(json);
    struct stream *stream;
    TAILQ_FOREACH(stream, &streams->list, link) {
        if (!is_slow(stream)) {
            evbuffer_add_printf(bufferevent_get_output(stream->bev), "event: log\ndata: %s\n\n", text);
        }
    }
}

static void on_heartbeat(evutil_socket_t fd, short events, void *arg) {
    (void)fd;
    (void)events;
    struct streams *streams = arg;
    struct api_world world = streams->world(streams->arg);
    AUTO_TEXT char *ages = api_stream_ages(&world);
    for (struct stream *stream = TAILQ_FIRST(&streams->list), *next; stream != NULL; stream = next) {
        next = TAILQ_NEXT(stream, link);
        if (is_slow(stream)) {
            drop(stream);
        } else {
            evbuffer_add_printf(bufferevent_get_output(stream->bev), ": still here\nevent: tick\ndata: %s\n\n", ages);
        }
    }
}

static void on_read(struct bufferevent *bev, void *arg) {
    (void)arg;
    evbuffer_drain(bufferevent_get_input(bev), SIZE_MAX);  // a listener has nothing more to say
}

static void on_gone(struct bufferevent *bev, short events, void *arg) {
    (void)bev;
    (void)events;
    drop(arg);
}

struct streams *streams_new(struct event_base *base, stream_world_fn *world, void *arg) {
    struct streams *streams = mem_zero(1, sizeof *streams);
    streams->base = base;
    streams->world = world;
    streams->arg = arg;
    TAILQ_INIT(&streams->list);
    streams->heartbeat = event_new(base, -1, EV_PERSIST, on_heartbeat, streams);
    streams->state_due = evtimer_new(base, on_state_due, streams);
    event_add(streams->heartbeat, &(struct timeval){.tv_sec = STREAM_HEARTBEAT_MS / 1000});
    return streams;
}

void streams_free(struct streams *streams) {
    if (streams == NULL) {
        return;
    }
    for (struct stream *stream = TAILQ_FIRST(&streams->list), *next; stream != NULL; stream = next) {
        next = TAILQ_NEXT(stream, link);
        drop(stream);
    }
    event_free(streams->heartbeat);
    event_free(streams->state_due);
    free(streams);
}

bool streams_room(const struct streams *streams) {
    return streams->count < STREAMS_MAX;
}

// What a listener missed: all after resume_seq that is still known, or the last ones if it knows nothing, or if its
// number lies ahead of ours (the history was wiped).
static void catch_up(struct stream *stream, const struct api_world *world) {
    int64_t resume_seq = stream->resume_seq;
    const struct snapshot_ring *ring = &world->snapshot->events;
    bool fresh = resume_seq < 0 || resume_seq > world->snapshot->newest_seq;
    for (size_t i = 0; i < ring->count; i++) {
        const struct event_record *event = snapshot_event(ring, i);
        if (fresh ? i + FIRST_EVENTS >= ring->count : event->seq > resume_seq) {
            AUTO_TEXT char *json = api_stream_event(world, event, stream->lang);
            send_event(stream, event->seq, json);
        }
    }
}

void streams_adopt(struct streams *streams, struct bufferevent *bev, int64_t resume_seq, enum lang lang) {
    struct stream *stream = mem_zero(1, sizeof *stream);
    *stream = (struct stream){.streams = streams, .bev = bev, .lang = lang, .resume_seq = resume_seq};
    TAILQ_INSERT_TAIL(&streams->list, stream, link);
    streams->count++;
    bufferevent_setcb(bev, on_read, NULL, on_gone, stream);
    bufferevent_setwatermark(bev, EV_READ, 0, 4096);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
    struct api_world world = streams->world(streams->arg);
    evbuffer_add_printf(bufferevent_get_output(bev), "retry: 1000\n\n");
    AUTO_TEXT char *json = api_stream_state(&world, lang);
    send_state(stream, json);
    stream->early = !world.snapshot->loaded;
    catch_up(stream, &world);
}

void streams_history(struct streams *streams) {
    struct api_world world = streams->world(streams->arg);
    struct stream *stream;
    TAILQ_FOREACH(stream, &streams->list, link) {
        if (stream->early) {
            stream->early = false;
            catch_up(stream, &world);
        }
    }
}
