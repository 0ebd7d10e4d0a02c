// The dashboard: settings, what Redis tells (feed), what HTTP asks (http), one loop.
#include <stdlib.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/loop.h"
#include "common/start.h"
#include "feed.h"
#include "files.h"
#include "http.h"
#include "stream.h"

#define ALIVE_MS 2000

static void on_state(void *arg) {
    streams_state(arg);
}

static void on_event(void *arg, const struct event_record *event) {
    streams_event(arg, event);
}

static void on_history(void *arg) {
    streams_history(arg);
}

static void on_line(void *arg, enum service service, const char *line) {
    streams_line(arg, service, line);
}

static void on_alive(void *arg) {
    service_alive_touch();
    http_tick(arg);
}

static struct files *open_files(const struct settings *settings) {
    struct err err = {0};
    struct files *files = files_load(settings->static_dir, &err);
    if (files == NULL) {
        LOG_ERROR(MSG_DASHBOARD_NO_STATIC, KV("dir", settings->static_dir), KV("error", err.text));
    } else if (files_find(files, "swagger/swagger-ui-bundle.js") == NULL) {
        LOG_WARN(MSG_DASHBOARD_NO_SWAGGER, KV("dir", settings->static_dir));
    }
    return files;
}

static int serve(const struct settings *settings, const struct files *files) {
    struct loop *loop = loop_new();
    struct snapshot *snapshot = snapshot_new((struct moment){.mono_ms = clock_mono_ms(), .wall_ms = clock_wall_ms()});
    struct feed *feed = feed_open(loop_base(loop), settings, snapshot);
    struct http_parts parts = {loop_base(loop), settings, snapshot, files, feed};
    struct err err = {0};
    struct http *http = http_open(&parts, &err);
    if (http == NULL) {
        LOG_ERROR(MSG_DASHBOARD_CANNOT_LISTEN, KV("host", settings->http_host), KVI("port", settings->http_port),
                  KV("error", err.text));
    } else {
        LOG_INFO(MSG_DASHBOARD_LISTENING, KV("host", settings->http_host), KVI("port", settings->http_port));
        if (settings->api_token[0] == '\0') {
            LOG_WARN(MSG_DASHBOARD_ACTIONS_OFF);
        }
        feed_listen(feed, &(struct feed_listener){on_state, on_history, on_event, on_line, http_streams(http)});
        on_alive(http);
        loop_every(loop, ALIVE_MS, on_alive, http);
        loop_run(loop);
        LOG_INFO(MSG_DASHBOARD_STOPPED);
    }
    bool served = http != NULL;
    feed_listen(feed, &(struct feed_listener){0});
    http_close(http);
    feed_close(feed);
    snapshot_free(snapshot);
    loop_free(loop);
    return served ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
    static struct settings settings;
    int exit_code;
    if (!service_start(SERVICE_DASHBOARD, argc, argv, &settings, &exit_code)) {
        return exit_code;
    }
    struct files *files = open_files(&settings);
    if (files == NULL) {
        return EXIT_SETTINGS;
    }
    exit_code = serve(&settings, files);
    files_free(files);
    return exit_code;
}
