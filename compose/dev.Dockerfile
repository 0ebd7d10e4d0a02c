# The workshop: everything that builds, lints and tests Relevo, and nothing that runs it.
# `make check` and `make test` mount the checkout into a container of this image.
ARG BASE_IMAGE=debian:sid-slim
FROM ${BASE_IMAGE}

# Debian mirrors lag behind sid's signed dates, hence Check-Valid-Until=false.
RUN apt-get -o Acquire::Check-Valid-Until=false update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        gcc libc6-dev make pkgconf \
        libmysqlclient-dev libevhtp-dev libevent-dev libjansson-dev libhiredis-dev zlib1g-dev libzstd-dev libssl-dev \
        libcmocka-dev clang clang-tidy clang-format cppcheck libclang-rt-dev \
        python3 python3-pytest python3-pytest-rerunfailures python3-selenium python3-redis python3-pymysql python3-cryptography \
        chromium chromium-driver fonts-dejavu-core fonts-noto-color-emoji \
        mysql-client redis-server redis-tools docker-cli docker-compose \
        iproute2 iptables procps util-linux git ca-certificates curl shellcheck \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*

# What people copy a database with today: `make bench-resync` measures Relevo beside it.
RUN apt-get -o Acquire::Check-Valid-Until=false update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends mydumper \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*
