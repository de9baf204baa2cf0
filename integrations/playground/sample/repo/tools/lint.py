"""A small linter: syntax, imports that nobody uses, long lines, trailing space. Exit code 1 when it finds something."""

import ast
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
LONGEST = 120


def problems(path: Path) -> list[tuple[int, str]]:
    text = path.read_text(encoding="utf-8")
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if len(line) > LONGEST and path.suffix == ".py":
            found.append((number, f"line of {len(line)} characters (at most {LONGEST})"))
        if line != line.rstrip():
            found.append((number, "space at the end of the line"))
    if text and not text.endswith("\n"):
        found.append((text.count("\n") + 1, "no newline at the end of the file"))
    if path.suffix == ".py":
        try:
            found += unused_imports(ast.parse(text))
        except SyntaxError as error:
            found.append((error.lineno or 1, f"syntax: {error.msg}"))
    return found


def unused_imports(tree: ast.Module) -> list[tuple[int, str]]:
    imported = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                imported[(alias.asname or alias.name).split(".")[0]] = node.lineno
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return [(line, f"{name} is imported and not used") for name, line in imported.items() if name not in used]


def main() -> int:
    count = 0
    files = [path for pattern in ("*.py", "*.html", "*.css") for path in sorted(ROOT.rglob(pattern))]
    for path in files:
        relative = path.relative_to(ROOT)
        if any(part.startswith(".") for part in relative.parts):
            continue
        for line, message in problems(path):
            print(f"{relative}:{line}: {message}")
            count += 1
    print(f"{len(files)} files, {count} problems")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
