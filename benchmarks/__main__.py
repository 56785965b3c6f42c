"""Run a measurement by its name, or list them all.

python -m benchmarks                    a line for each
python -m benchmarks throughput --help
"""

from __future__ import annotations

import ast
import sys
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
TORTURE = HERE.parent / "tests" / "torture" / "__main__.py"  # the tests share its trials


def programs() -> dict[str, Path]:
    """Find the program of every measurement, by the measurement's name."""
    found = {path.parent.name.replace("_", "-"): path for path in HERE.glob("*/measure.py")}
    return dict(sorted({**found, "torture": TORTURE}.items()))


def question(program: Path) -> str:
    """Read the question that a program answers, which is the first line of its docstring."""
    text = ast.get_docstring(ast.parse(program.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]


def main() -> None:
    """Run the measurement that the command line names; without a name, list all of them."""
    found, words = programs(), sys.argv[1:]
    if not words or words[0] in ("-h", "--help"):
        print("python -m benchmarks NAME [ARGS]\n")
        for name, program in found.items():
            print(f"{name:15} {question(program)}")
        return
    if words[0] not in found:
        sys.exit(f"There is no measurement {words[0]!r}; there are {', '.join(found)}.")
    module = ".".join(found[words[0]].relative_to(HERE.parent).with_suffix("").parts)
    sys.argv = [f"python -m benchmarks {words[0]}", *words[1:]]
    import_module(module).main()


if __name__ == "__main__":
    main()
