// The HTTP interface without HTTP: a request and the snapshot go in, status and body come out. What needs hands (a
// static file, the event stream, publishing a command) is named in the answer and done by http.c. Pure.
#pragma once
#include <jansson.h>

#include "common/settings.h"
#include "snapshot.h"
#include "tries.h"

enum api_method { API_GET, API_POST, API_OTHER };  // HEAD is answered as GET, without the body

struct api_request {
    enum api_method method;
    const char *path;   // "/api/v1/cluster", as sent
    const char *query;  // "limit=5&lang=en", as sent; NULL or "" if none
    const char *body;
    size_t body_bytes;
    const char *address;  // whose it is, as a number; NULL: nobody knows
    // Headers, NULL if not sent.
    const char *host, *origin, *fetch_site, *authorization, *content_type, *accept_language, *last_event_id;
};

// A part of the rescued directory, newest first.
struct api_rescued {
    json_t *files;     // array of {file, bytes, modified_ms, summary}; NULL: the directory cannot be read
    bool more;         // there are older ones
    bool before_gone;  // the file after which it was to begin is not there
};

struct api_world {
    const struct snapshot *snapshot;
    const struct settings *settings;
    struct api_rescued rescued;
    struct moment now;
    struct tries *tries;     // wrong tokens are counted there; NULL: nowhere, and nobody is turned away
    const char *command_id;  // a fresh random one
    const char *version;
};

enum api_kind {
    API_BODY,     // send body
    API_FILE,     // send the static file `file`
    API_RESCUED,  // send the file `file` of the rescued directory
    API_STREAM,   // turn the connection into an event stream from `resume_seq` on
    API_COMMAND,  // publish `command`; then send body, or what api_unpublished(), api_unanswered() say
};

struct api_answer {
    enum api_kind kind;
    int status;
    const char *type;  // Content-Type
    char *body;        // heap
    char *command;     // heap
    char file[160];
    char allow[24];      // Allow, for 405
    char location[64];   // for redirects
    bool challenge;      // WWW-Authenticate: Bearer
    int retry_s;         // Retry-After, 0: none. 1 for a 503 that says no more than "not now"
    int64_t age_ms;      // of the state it was answered from; -1: not from the state
    int64_t resume_seq;  // -1: the client has seen nothing
    enum lang lang;
};

struct api_route {
    enum api_method method;
    const char *pattern;  // the last part may be {name}
    bool token;           // needs the API token
};

const struct api_route *api_routes(size_t *ret_count);
// Whether the rescued directory has to be listed first, and after which file; "": from the newest on.
bool api_needs_rescued(const struct api_request *request, char *ret_before, size_t size_bytes);

struct api_answer api_answer(const struct api_world *world, const struct api_request *request);
void api_answer_done(struct api_answer *answer);

// RFC 9457. detail_msg may be MSG_NONE.
struct api_answer api_problem(int status, enum lang lang, enum msg detail_msg, const struct kv *values);
// What a command's sender hears when nobody could be told: receivers 0 or, if Redis is away, -1.
struct api_answer api_unpublished(enum lang lang, int receivers);
// ... and when it was sent and nobody knows whether Redis passes it on. accepted: what would have been answered.
struct api_answer api_unanswered(const struct api_answer *accepted);

// The messages of the event stream, as JSON on one line (heap).
char *api_stream_state(const struct api_world *world, enum lang lang);
char *api_stream_ages(const struct api_world *world);
char *api_stream_event(const struct api_world *world, const struct event_record *event, enum lang lang);

enum lang api_lang(const struct api_request *request, enum lang fallback);
