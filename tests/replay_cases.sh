#!/bin/bash
# Plays every incident of tests/cases through the decision code as it is now and compares what it decides with what is
# written beside it. --bless: write it.
#
#     tests/replay_cases.sh build/debug/bin/watcher [--bless]
set -euo pipefail
cd "$(dirname "$0")/cases"
watcher=$OLDPWD/$1 failed=0
for incident in *.jsonl; do
    expected=${incident%.jsonl}.txt
    decided=$(RELEVO_LANG=en "$watcher" --replay "$incident")
    if [[ ${2:-} == --bless ]]; then
        printf '%s\n' "$decided" >"$expected"
    elif ! diff -u "$expected" <(printf '%s\n' "$decided"); then
        echo "FAILED case $incident: it is decided otherwise than before (right now? --bless)"
        failed=1
    fi
done
[[ $failed == 0 ]] && echo "cases: $(find . -name '*.jsonl' | wc -l) incidents decided as before"
exit "$failed"
