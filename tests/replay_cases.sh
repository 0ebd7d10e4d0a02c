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
# A history that was copied while it was written: the line that is cut off is left out, all before it is decided as ever.
if ! said=$(head -c -9 kill.jsonl | RELEVO_LANG=en "$watcher" --replay - 2>&1) || [[ $said != *"cut off"*"rule 210"* && $said != *"rule 210"*"cut off"* ]]; then
    echo "FAILED a history whose last line is cut off: $said"
    failed=1
fi
# One that is wrong further up is refused.
if sed '5s/.$//' kill.jsonl | "$watcher" --replay - >/dev/null 2>&1; then
    echo "FAILED a history with a line that is no JSON is played as if it were right"
    failed=1
fi
[[ $failed == 0 ]] && echo "cases: $(find . -name '*.jsonl' | wc -l) incidents decided as before"
exit "$failed"
