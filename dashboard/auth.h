// Who may ask: the Host allow-list (against DNS rebinding), the same-origin rule for requests that change something
// (against cross-site forgery), and the Bearer token. Pure.
#pragma once
#include <stdbool.h>

// host is the Host header ("name", "name:port", "1.2.3.4:8000", "[::1]:8000"). localhost and IP literals are always
// right: a rebinding attack needs a name. allowed is a comma list of further names, compared without case or port.
bool auth_host_allowed(const char *host, const char *allowed);

// A browser tells where a request comes from: Sec-Fetch-Site same-origin or none, and Origin equal to the Host it
// talks to. Programs send neither (NULL) and are let through to the token check.
bool auth_same_origin(const char *host, const char *origin, const char *fetch_site);

enum auth_result {
    AUTH_OK,
    AUTH_OFF,      // no token is configured: actions are off
    AUTH_MISSING,  // no "Authorization: Bearer ..." was sent
    AUTH_WRONG,
};

// Takes the same time wherever the first difference is.
enum auth_result auth_token(const char *authorization, const char *token);
