#!/usr/bin/env python3
"""Documentation that names things which are not there misleads more than none. Holds every README.md to the tree:

- every link and every file name between backticks exists, as seen from that folder or from the top of the checkout;
- every module that a "Files" section names exists, and every source file of a folder is named in its README;
- `make X`, `make -f build.mk X`: the target exists;
- the settings table at the top is that of common/settings.c, defaults included, nothing missing on either side;
- every HTTP route that is named is in static/openapi.json;
- every test that tests/README.md names is there.

Prints what is wrong, one line each, and ends with 1.
"""
import fnmatch
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
SUFFIXES = "c|h|def|sh|py|md|yml|js|css|html|json|sql|cnf|conf|mk|svg|ini|example|Dockerfile"
FILE = re.compile(rf"[\w.*{{}},-]+(?:/[\w.*{{}},-]+)*\.(?:{SUFFIXES})|[\w.*-]+(?:/[\w.*-]+)*/")
FOLDERS = {"common": ".c", "watcher": ".c", "resync": ".c", "dashboard": ".c", "static": ".js", "compose": ".sh"}
# Files that are not in the checkout but on a server or in an image.
ELSEWHERE = {"50-DB.sql", "auto.cnf", "build/logs/", "swagger/"}
problems = []


def braces(name):
    """test_{a,b}.c names test_a.c and test_b.c."""
    found = re.search(r"\{([^{}]*)\}", name)
    if not found:
        return [name]
    return [n for part in found[1].split(",") for n in braces(name[:found.start()] + part + name[found.end():])]


def exists(folder, name):
    return all(any(any(base.glob(one.rstrip("/"))) for base in (folder, ROOT)) for one in braces(name))


def spans(text):
    """What stands between single backticks; fenced blocks are left out."""
    text = re.sub(r"```.*?```", "", text, flags=re.S)
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)


def check_files(readme, text):
    folder = readme.parent
    for link in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if "://" not in link and not (folder / link).exists():
            yield f"links to {link}, which does not exist"
    anchors = {re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)$", text, re.M)}
    for anchor in re.findall(r"\]\(#([^)]+)\)", text):
        if anchor not in anchors:
            yield f"links to #{anchor}, which is no heading here"
    for span in spans(text):
        relative = span.removeprefix("../")
        if FILE.fullmatch(relative) and relative not in ELSEWHERE and not exists(folder, relative):
            yield f"names `{span}`, which does not exist"


def named_modules(text):
    """The names in the first column, or before the first colon or period, of what stands below a heading "Files…"."""
    for section in re.findall(r"^## Files[^\n]*\n(.*?)(?=^## |\Z)", text, flags=re.S | re.M):
        for line in section.splitlines():
            if line.startswith("|"):
                yield from spans(line.split("|")[1])
        for item in re.findall(r"^- (.*?)(?=^- |^\n|\Z)", section, flags=re.S | re.M):
            for sentence in re.split(r"[.;] ", item):
                yield from spans(sentence.split(":")[0])


def check_modules(readme, text):
    folder = readme.parent
    modules = list(named_modules(text))
    for name in modules:
        if re.fullmatch(r"[\w*]+", name) and not any(folder.glob(name + ".*")) and not any(folder.glob(name)):
            yield f"its files section names `{name}`, and there is no such module"
    kind = FOLDERS.get(folder.name if folder.parent == ROOT else "")
    if kind:
        mentioned = {span.removesuffix(kind).removesuffix(".h") for span in spans(text)}
        for source in sorted(folder.glob("*" + kind)):
            if not any(fnmatch.fnmatchcase(source.stem, name) for name in mentioned):
                yield f"does not name {source.name}, which is in its folder"


def targets(makefile):
    text = (ROOT / makefile).read_text()
    return {name for line in re.findall(r"^([a-z][\w -]*):(?!=)", text, flags=re.M) for name in line.split()}


def check_targets(text):
    known = {name: targets(name) for name in ("Makefile", "build.mk", "lint.mk")}
    for makefile, target in re.findall(r"(?:^ {4}|`)make (?:-f (\S+) )?([a-z][a-z-]+)\b", text, flags=re.M):
        if target not in known.get(makefile or "Makefile", set()):
            yield f"says make {target}, which is no target of {makefile or 'Makefile'}"


def check_settings(text):
    source = (ROOT / "common/settings.c").read_text()
    given = {}
    for entry in re.findall(r"\{\.name = .*?\},\n", source, flags=re.S):
        name, fallback = re.search(r'"(RELEVO_\w+)"', entry)[1], re.search(r'\.fallback = "([^"]*)"', entry)
        services = re.search(r"\.services = ([\w| ]+)", entry)[1]
        letters = "WRD" if services == "ALL" else "".join(w[0] for w in services.split(" | "))
        given[name] = (fallback[1] if fallback else "", letters)
    told = {cells[0]: cells[1:] for cells in re.findall(
        r"^\| `(RELEVO_\w+)` \| .*? \| ([^|]*) \| [^|]* \| (\w*) \|$", text, flags=re.M)}
    for name in given.keys() - told.keys():
        yield f"the table of settings lacks {name}"
    for name in told.keys() - given.keys():
        yield f"the table of settings has {name}, which is none"
    for name in told.keys() & given.keys():
        default, services = given[name]
        said = re.match("`([^`]*)`|", told[name][0])[1] or ""
        if said != default:
            yield f"the default of {name} is {default or 'empty'}, not {told[name][0]}"
        if services != told[name][1]:
            yield f"{name} is read by {services}, not {told[name][1]}"


def check_routes(text):
    known = json.loads((ROOT / "static/openapi.json").read_text())["paths"]
    patterns = [re.compile(re.sub(r"\{\w+\}", r"[^/?\\s`]+", path)) for path in known]
    begin = "api/v1/\\w|primary|replica|status|metrics|healthz|readyz"
    for route in re.findall(rf"(?:GET |POST |`|localhost:8000)(/(?:{begin})[^\s`'?,…]*)", text):
        if not any(pattern.fullmatch(route) for pattern in patterns):
            yield f"names the route {route}, which static/openapi.json does not have"


def check_tests(text):
    """Tests of pytest that are named: `file.py::test_x`, `::test_x` or `test_x`, with or without [parameter]."""
    for span in spans(text):
        found = re.fullmatch(r"(?:([\w/]+\.py)?::)?(test_\w+)(?:\[\w+\])?", span)
        if found:
            files = [ROOT / "tests" / found[1]] if found[1] else sorted(ROOT.glob("tests/*/test_*.py"))
            if not any(f.exists() and f"def {found[2]}(" in f.read_text() for f in files):
                yield f"names the test `{span}`, which does not exist"


def main():
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "*README.md"],
                            capture_output=True, text=True, check=False)
    readmes = ([ROOT / name for name in listed.stdout.split()] if listed.returncode == 0 else
               [r for r in ROOT.glob("**/README.md") if "build" not in r.relative_to(ROOT).parts])
    for folder in (".", *FOLDERS, "tests"):
        if ROOT / folder / "README.md" not in readmes:
            problems.append(f"{folder}: has no README.md")
    for readme in readmes:
        text = readme.read_text()
        found = [*check_files(readme, text), *check_modules(readme, text), *check_targets(text), *check_routes(text),
                 *(check_tests(text) if readme.parent.name == "tests" else ())]
        if readme.parent == ROOT:
            found += check_settings(text)
        problems.extend(f"{readme.relative_to(ROOT)}: {line}" for line in found)
    print("\n".join(problems) if problems else f"docs: {len(readmes)} README files name only what is there")
    return 1 if problems else 0


sys.exit(main())
