// dashboard/gate: what may reach the HTTP library, byte by byte.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "unit.h"

#include "common/mem.h"
#include "dashboard/gate.h"

#define GET "GET / HTTP/1.1\r\nHost: localhost\r\n"

static int status_of(const char *request) {
    struct gate gate = {0};
    switch (gate_check(&gate, request, strlen(request))) {
        case GATE_MORE:
            return 0;
        case GATE_READY:
            return 200;
        case GATE_REFUSED:
            assert_int_not_equal(gate.why, MSG_NONE);
            break;
    }
    return gate.status;
}

static void passes_ordinary_requests(void **unused) {
    (void)unused;
    assert_int_equal(status_of(GET "\r\n"), 200);
    assert_int_equal(status_of("GET / HTTP/1.0\r\n\r\n"), 200);
    assert_int_equal(status_of("HEAD /a/b.c?x=1&y=%20 HTTP/1.1\r\nhost:a\r\nAccept: */*\r\nX-Empty:\r\n\r\n"), 200);
    assert_int_equal(status_of("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"), 200);
}

static void refuses_malformed_requests(void **unused) {
    (void)unused;
    static const struct {
        const char *request;
        int status;
    } cases[] = {
        {"\r\n" GET "\r\n", 400},
        {"\x16\x03\x01\x02", 400},  // TLS
        {"GET /\r\n\r\n", 400},
        {"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
        {"GET / http/1.1\r\nHost: a\r\n\r\n", 400},
        {"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        {"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501},
        {"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /# HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /% HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /%4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /\xc3\xb1 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /\t HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET / HTTP/1.1\nHost: a\n\n", 400},
        {GET "A: b\nC: d\r\n\r\n", 400},
        {GET "A: b\rC: d\r\n\r\n", 400},
        {GET " folded\r\n\r\n", 400},
        {GET "A : b\r\n\r\n", 400},
        {GET ": b\r\n\r\n", 400},
        {GET "no colon\r\n\r\n", 400},
        {GET "A: \x01\r\n\r\n", 400},
        {GET "Host: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nAccept: a\r\n\r\n", 400},
        {GET "Transfer-Encoding: chunked\r\n\r\n", 501},
        {GET "Content-Length: 1\r\nContent-Length: 1\r\n\r\n", 400},
        {GET "Content-Length: +1\r\n\r\n", 400},
        {GET "Content-Length: 1, 1\r\n\r\n", 400},
        {GET "Content-Length: 0x1\r\n\r\n", 400},
        {GET "Content-Length:\r\n\r\n", 400},
        {GET "Content-Length: 99999999999999999999999\r\n\r\n", 400},
        {GET "Content-Length: 65537\r\n\r\n", 413},
        {GET "Expect: cake\r\n\r\n", 417},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (status_of(cases[i].request) != cases[i].status) {
            fail_msg("case %zu: %d instead of %d for %s", i, status_of(cases[i].request), cases[i].status,
                     cases[i].request);
        }
    }
}

static char *repeated(const char *before, char c, size_t times, const char *after) {
    char *text = mem_zero(strlen(before) + times + strlen(after) + 1, 1);
    strcpy(text, before);
    memset(text + strlen(before), c, times);
    strcat(text, after);
    return text;
}

static void limits_what_it_takes(void **unused) {
    (void)unused;
    AUTO_TEXT char *query = repeated("GET /?", 'a', GATE_QUERY_BYTES_MAX, " HTTP/1.1\r\nHost: a\r\n\r\n");
    AUTO_TEXT char *long_query = repeated("GET /?", 'a', GATE_QUERY_BYTES_MAX + 1, " HTTP/1.1\r\nHost: a\r\n\r\n");
    AUTO_TEXT char *path = repeated("GET /", 'a', GATE_TARGET_BYTES_MAX, " HTTP/1.1\r\nHost: a\r\n\r\n");
    AUTO_TEXT char *endless = repeated("GET /?", 'a', 1 << 20, "");
    AUTO_TEXT char *header = repeated(GET "A: ", 'a', GATE_LINE_BYTES_MAX, "\r\n\r\n");
    AUTO_TEXT char *head = repeated(GET "A: ", 'a', GATE_HEAD_BYTES_MAX, "");
    assert_int_equal(status_of(query), 200);
    assert_int_equal(status_of(long_query), 414);
    assert_int_equal(status_of(path), 414);
    assert_int_equal(status_of(endless), 414);
    assert_int_equal(status_of(header), 431);
    assert_int_equal(status_of(head), 431);
    char many[4096] = GET;
    for (int i = 0; i < GATE_HEADERS_MAX; i++) {
        strcat(many, "a: b\r\n");
    }
    strcat(many, "\r\n");
    assert_int_equal(status_of(many), 431);
}

// However the bytes arrive, the verdict is the same, and it comes no earlier than the last byte.
static void waits_for_the_whole(void **unused) {
    (void)unused;
    const char *request = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\nabcd";
    struct gate gate = {0};
    size_t length = strlen(request);
    for (size_t i = 1; i < length; i++) {
        assert_int_equal(gate_check(&gate, request, i), GATE_MORE);
    }
    assert_int_equal(gate_check(&gate, request, length), GATE_READY);
    assert_true(gate.expects_continue);
    assert_int_equal(gate.head_bytes + gate.body_bytes, length);
    // What follows belongs to the next request.
    AUTO_TEXT char *two = mem_format("%s%s", request, request);
    struct gate both = {0};
    assert_int_equal(gate_check(&both, two, strlen(two)), GATE_READY);
    assert_int_equal(both.head_bytes + both.body_bytes, length);
}

// Any bytes at all: never more taken than was given, and a refusal always has a reason.
static void survives_noise(void **unused) {
    (void)unused;
    srand(1);
    static const char alphabet[] = "GET /HTPOS1.0:?%&= \r\n\r\nabc\t\x01\xff";
    for (int round = 0; round < 200000; round++) {
        char noise[96];
        size_t length = (size_t)rand() % sizeof noise;
        for (size_t i = 0; i < length; i++) {
            noise[i] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
        }
        char *exact = malloc(length ? length : 1);  // so that a sanitizer sees one byte too many
        memcpy(exact, noise, length);
        struct gate gate = {0};
        enum gate_verdict verdict = gate_check(&gate, exact, length);
        if (verdict == GATE_READY) {
            assert_true(gate.head_bytes + gate.body_bytes <= length);
        } else if (verdict == GATE_REFUSED) {
            assert_int_not_equal(gate.status, 0);
        }
        free(exact);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_ordinary_requests), cmocka_unit_test(refuses_malformed_requests),
        cmocka_unit_test(limits_what_it_takes),     cmocka_unit_test(waits_for_the_whole),
        cmocka_unit_test(survives_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
