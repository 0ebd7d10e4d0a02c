// The release that --help, /metrics and the page name.
#pragma once
#define RELEVO_VERSION "1.0.0"
