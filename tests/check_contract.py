#!/usr/bin/env python3
"""The scripts of tests/contract prove something about Relevo only while they send what the watcher sends. Looks up each of
their statements, word for word, in the string constants of watcher/*.c, common/event_row.c, common/follow.c and resync/steps.c: what printf
puts in (%s, %llu) may be anything. Also: each name in brackets is one of statements.sql, and each of those is used.

Prints what is wrong, one line each, and ends with 1.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from lib.contract_script import SCRIPTS, script_steps, statements  # noqa: E402

SOURCES = [*sorted((ROOT / "watcher").glob("*.c")), ROOT / "common/event_row.c", ROOT / "common/follow.c", ROOT / "resync/steps.c"]
MACROS = {"REBUILD_SCHEMA": '"relevo_rebuild"',
          "LICENSED_SQL": '"UTC_TIMESTAMP(6) >= @relevo_since AND UTC_TIMESTAMP(6) <= @relevo_until"'}
WORLD = re.compile(r"SET SESSION timestamp = .*")  # what befalls a server: its clock is set
FORMAT = re.compile(r"%(?:llu|lld|\.3f|[sdu])")
VERB = re.compile(r"(?:SELECT|SET|INSERT|UPDATE|DO|START|STOP|RESET|CHANGE|KILL)\b")


def constants():
    """Every string constant of the sources, adjacent ones joined, as a pattern."""
    for source in SOURCES:
        text = re.sub(r"^\s*//.*$", "", source.read_text(), flags=re.M)
        for name, value in MACROS.items():
            text = text.replace(name, value)
        for found in re.finditer(r'"(?:[^"\\\n]|\\.)*"(?:\s*"(?:[^"\\\n]|\\.)*")*', text):
            joined = "".join(re.findall(r'"((?:[^"\\\n]|\\.)*)"', found[0]))
            plain = re.sub(r" +", " ", joined).replace('\\"', '"').replace("\\\\", "\\").replace("%%", "\0")
            yield "(?:.*)".join(re.escape(part) for part in FORMAT.split(plain)).replace("\0", "%")


def main():
    known = [re.compile(pattern) for pattern in constants() if VERB.match(pattern)]
    names, used, problems = statements(), set(), []

    def sent(text):
        return any(pattern.fullmatch(text) for pattern in known)

    for path in sorted(SCRIPTS.glob("*.txt")):
        for number, step, _ in script_steps(path):
            found = re.fullmatch(r"[abc]\d?: (.*)", step)
            bracket = found and re.fullmatch(r"\[(\w+)[^\]]*\]", found[1])
            if bracket:
                used.add(bracket[1])
                if bracket[1] not in names:
                    problems.append(f"{path.name}:{number}: statements.sql has no [{bracket[1]}]")
            elif found and not WORLD.fullmatch(found[1]) and not sent(found[1]):
                problems.append(f"{path.name}:{number}: the watcher sends no such statement: {found[1]}")
    for name, (_, text) in names.items():
        if not sent(text):
            problems.append(f"statements.sql: the watcher sends no such statement: [{name}] {text}")
        if name not in used and name != "blockers":
            problems.append(f"statements.sql: no script uses [{name}]")
    print("\n".join(problems) if problems else f"contract: {len(names)} statements are as the watcher sends them")
    return 1 if problems else 0


sys.exit(main())
