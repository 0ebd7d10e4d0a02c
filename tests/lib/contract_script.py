"""Reading the scripts of tests/contract, and the statements that they name. The language is in tests/contract/README.md."""
import pathlib

SCRIPTS = pathlib.Path(__file__).resolve().parents[1] / "contract"


def script_steps(path):
    """[(line number, step, expected answer or "")]"""
    steps = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("    "):
            steps[-1] = (*steps[-1][:2], line[4:])
        elif line and not line.startswith("#"):
            steps.append((number, line, ""))
    return steps


def statements():
    """{name: ([parameters], text)} of statements.sql"""
    found, name = {}, None
    for line in (SCRIPTS / "statements.sql").read_text().splitlines():
        if line.startswith("-- ["):
            name, *parameters = line[4:line.index("]")].split()
            found[name] = (parameters, "")
        elif name and line and not line.startswith("--"):
            found[name] = (found[name][0], f"{found[name][1]} {line.strip().removesuffix(';')}".strip())
    return found
