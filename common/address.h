// Where something listens, as text: "host", "host:port", "[v6]:port". Pure.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// One label of a host name, RFC 1123: the form of a node's name.
bool address_is_label(const char *text);

// In parts; host without brackets. A missing port becomes fallback_port, if that is not 0. False, and nothing of use
// written, for what is no host name, IPv4 address or IPv6 address in brackets, or a port out of 1 to 65535.
bool address_split(const char *text, uint16_t fallback_port, char *host, size_t host_size, uint16_t *ret_port);

// And back.
void address_print(const char *host, uint16_t port, char *out, size_t size_bytes);

bool address_is_v6(const char *host);
