// The input is lines of "field value", as if somebody had written the hash: what is believed must survive being written
// and read again; what is not must change nothing.
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/state.h"
#include "fuzz.h"

static void travel(const struct cluster_state *state) {
    struct state_field *fields = NULL;
    size_t count = state_encode(state, &fields);
    struct cluster_state again = {0};
    for (size_t i = 0; i < count; i++) {
        must(state_decode(&again, fields[i].name, fields[i].value, NULL));
    }
    for (size_t i = 0; i < state->job_count; i++) {
        struct state_field job;
        state_encode_job(&state->jobs[i], &job);
        must(state_decode_job(&again, job.name, job.value, NULL));
        free(job.value);
    }
    must(again.node_count == state->node_count && again.job_count == state->job_count);
    struct state_field *second = NULL;
    must(state_encode(&again, &second) == count);
    for (size_t i = 0; i < count; i++) {
        must(strcmp(fields[i].name, second[i].name) == 0 && strcmp(fields[i].value, second[i].value) == 0);
    }
    state_fields_free(fields, count);
    state_fields_free(second, count);
    state_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    AUTO_TEXT char *text = mem_zero(size + 1, 1);
    memcpy(text, data, size);
    struct cluster_state state = {0};
    char *rest = text;
    while (rest != NULL) {
        char *value = strsep(&rest, "\n");
        const char *name = strsep(&value, " ");
        size_t nodes = state.node_count;
        size_t jobs = state.job_count;
        bool job = state_names_job(name);
        const char *text_of_value = value != NULL ? value : "";
        if (!(job ? state_decode_job : state_decode)(&state, name, text_of_value, NULL)) {
            must(state.node_count == nodes && state.job_count == jobs);
        }
        struct cluster_state other = {0};  // what belongs to one hash says nothing in the other
        must((job ? state_decode : state_decode_job)(&other, name, text_of_value, NULL));
        must(other.job_count == 0 && other.node_count == 0 && other.epoch == 0 && *other.primary == '\0');
        state_done(&other);
    }
    travel(&state);
    state_done(&state);
    return 0;
}
