#!/bin/bash
# Makes, once, what the servers of docker-compose.yml prove their identity with: a CA of this checkout's own and one
# certificate per server, in tls/. What is there is never replaced. Ends with 1 if a server has none: `make up` then goes
# on without, and nobody checks who answers under a server's name.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=compose/lib.sh
. compose/lib.sh

NODES=(mysql-primary mysql-replica mysql-third)
DAYS=3650

ssl() {
    openssl "$@" 2>"$work/said" || {
        cat "$work/said" >&2
        return 1
    }
}

# Sections of a file instead of options: releases of openssl differ in what they make of both together.
write_config() {
    cat >"$work/config" <<END
[req]
distinguished_name = name
prompt = no
[name]
CN = $1
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:$1, DNS:localhost, IP:127.0.0.1
END
}

make_key() { ssl ecparam -name prime256v1 -genkey -noout -out "$1"; }

make_ca() {
    write_config "Relevo CA of $(hostname)"
    make_key "$work/ca.key" &&
        ssl req -x509 -new -sha256 -key "$work/ca.key" -days $DAYS -config "$work/config" -extensions ca -out "$work/ca.pem" &&
        mv "$work/ca.key" tls/ca.key && install -m 644 "$work/ca.pem" tls/ca/ca.pem
}

make_node() {
    write_config "$1"
    make_key "$work/key.pem" &&
        ssl req -new -sha256 -key "$work/key.pem" -config "$work/config" -out "$work/request" &&
        ssl x509 -req -sha256 -in "$work/request" -CA tls/ca/ca.pem -CAkey tls/ca.key -days $DAYS \
            -set_serial "0x$(openssl rand -hex 16)" -extfile "$work/config" -extensions server -out "$work/cert.pem" &&
        install -m 600 "$work/key.pem" "tls/$1/key.pem" && install -m 644 "$work/cert.pem" "tls/$1/cert.pem"
}

complete() { [[ -s tls/ca/ca.pem && -s tls/$1/key.pem && -s tls/$1/cert.pem ]]; }

missing=()
for node in "${NODES[@]}"; do complete "$node" || missing+=("$node"); done
((${#missing[@]})) || exit 0

if ! command -v openssl >/dev/null; then
    (step "Install openssl: it makes the servers' certificates" apt_install openssl) || exit 1
fi
umask 077
work=$(mktemp -d tls/.new.XXXXXX)
trap 'rm -rf "$work"' EXIT
if [[ ! -e tls/ca/ca.pem ]]; then make_ca; fi
if [[ ! -e tls/ca.key ]]; then
    say "tls/ca.key is not there: with your own CA put cert.pem and key.pem of ${missing[*]} into tls/NAME/ yourself"
    exit 1
fi
for node in "${missing[@]}"; do make_node "$node"; done
say "Made certificates of the MySQL servers, in tls/"
