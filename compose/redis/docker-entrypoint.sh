#!/bin/sh
# Entry point of the stand-in Redis image: bare options and *.conf mean redis-server; root becomes redis.
set -eu
case ${1:-} in -* | *.conf) set -- redis-server "$@" ;; esac
if [ "${1:-}" = redis-server ]; then
    umask 0077
    if [ "$(id -u)" = 0 ]; then
        find /data ! -user redis -exec chown redis:redis {} +
        exec setpriv --reuid=redis --regid=redis --clear-groups -- "$0" "$@"
    fi
    # The image serves a container network, where protected mode would refuse everybody; the official image turns it off.
    [ $# -gt 1 ] || set -- redis-server --protected-mode no
fi
exec "$@"
