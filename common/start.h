// What the three main() have in common: options, settings, log, and the sign of life that the container's health check
// asks for.
#pragma once
#include <stdbool.h>

#include "settings.h"

// As in sysexits.h.
#define EXIT_USAGE 64
#define EXIT_SETTINGS 78

// Options: --check (print the effective settings), --health, --help; none: run. true: go on with *ret, the log is
// open and SIGPIPE ignored. false: leave with *ret_exit; what there was to say has been said.
bool service_start(enum service service, int argc, char **argv, struct settings *ret, int *ret_exit);

// Says "alive": to be called at least every few seconds while the service does its work. --health succeeds for 10 s
// after the last call. From one thread only.
void service_alive_touch(void);
