"""The layout is the architecture: imports go down."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Lower may not import higher. `cli` starts the service and makes its keys: it alone may reach up.
ORDER = [
    "model",
    "evidence",
    "text",
    "markup",
    "loose",
    "bodies",
    "cache",
    "catalogue",
    "detectors",
    "masking",
    "policy",
    "agents",
    "engine",
    "streams",
    "evaluation",
    "cli",
]
ALLOWED = {("policy/examples.py", "engine")}


def imports(file):
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_imports_go_down():
    """No module of the library imports one above it, and none but the command line the service."""
    wrong = []
    for file in (ROOT / "guardrails").rglob("*.py"):
        name = str(file.relative_to(ROOT / "guardrails"))
        own = name.split("/", maxsplit=1)[0].removesuffix(".py")
        if own not in ORDER:
            continue
        for target in imports(file):
            parts = target.split(".")
            if parts[0] == "service" and own != "cli":
                wrong.append((name, target))
            if parts[0] == "guardrails" and len(parts) > 1 and parts[1] in ORDER:
                up = ORDER.index(parts[1]) > ORDER.index(own)
                if up and (name, parts[1]) not in ALLOWED:
                    wrong.append((name, target))

    assert wrong == []
