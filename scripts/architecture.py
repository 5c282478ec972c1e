"""The architecture of the package, read from the imports of its source, and drawn as an SVG image.

A part is a folder of `polyai_data`, or some of its modules. Each part is drawn above all parts that
it imports, so a circle of imports cannot be drawn: it is an error. Imports for type checkers, and
those that only help to report a missing extra, are left out.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from html import escape
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = (ROOT / "facade", ROOT / "generated")
# The modules that are not in a folder, by the part that they belong to.
PARTS = {
    "pytest_polyai_data": "pytest plugin",
    "polyai_data": "public names",
    "polyai_data.models": "_models",
    "polyai_data.__main__": "cli",
    "polyai_data._auth": "settings",
    "polyai_data._config": "settings",
    "polyai_data._regions": "settings",
    "polyai_data._version": "settings",
    "polyai_data._files": "_files",
    "polyai_data.errors": "errors",
}
Graph = Mapping[str, set[str]]
"""Which other parts each part imports."""

BOX_WIDTH, BOX_HEIGHT, COLUMN, ROW = 132, 44, 168, 88  # in pixels


def part_of(module: str) -> str:
    """Return the part that a module belongs to."""
    if module in PARTS:
        return PARTS[module]
    if module.startswith("polyai_data_generated"):
        return "generated"
    return module.split(".")[1]


def modules() -> dict[str, Path]:
    """Return the source file of each module."""
    found = {}
    for source in SOURCES:
        for file in sorted(source.rglob("*.py")):
            name = ".".join(file.relative_to(source).with_suffix("").parts)
            found[name.removesuffix(".__init__")] = file
    return found


def imports(module: str, file: Path, known: Mapping[str, Path]) -> Iterator[str]:
    """Yield the modules of this project that a module imports."""
    package = module if file.stem == "__init__" else module.rpartition(".")[0]
    pending: list[ast.AST] = list(ast.parse(file.read_text(encoding="utf-8")).body)
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*(above if node.level else []), *filter(None, [node.module])])
            for alias in node.names:
                name = f"{base}.{alias.name}"
                if name in known or base in known:
                    yield name if name in known else base
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        elif not isinstance(node, ast.ExceptHandler):
            pending += ast.iter_child_nodes(node)


def graph() -> Graph:
    """Return which other parts each part imports."""
    known = modules()
    found: dict[str, set[str]] = {part_of(module): set() for module in known}
    for module, file in known.items():
        part = part_of(module)
        found[part] |= {part_of(imported) for imported in imports(module, file, known)} - {part}
    return found


def rows(parts: Graph) -> list[list[str]]:
    """Return the parts in rows. Each part is in the row after the last part that imports it.

    Raises:
        ValueError: if parts import each other in a circle.
    """
    done: list[list[str]] = []
    left = set(parts)
    while left:
        row = sorted(left - {imported for part in left for imported in parts[part]})
        if not row:
            raise ValueError(f"imports in a circle: {', '.join(sorted(left))}")
        done.append(row)
        left -= set(row)
    return done


def direct(parts: Graph) -> dict[str, set[str]]:
    """Return the imports that no other path of imports implies."""
    reached: dict[str, set[str]] = {}
    for row in reversed(rows(parts)):
        for part in row:
            reached[part] = parts[part].union(*(reached[other] for other in parts[part]))
    return {
        part: others - {far for other in others for far in reached[other]}
        for part, others in parts.items()
    }


def draw() -> str:
    """Return the picture as SVG, in the colours of the page that it is in."""
    parts = graph()
    arrows = direct(parts)
    grid: list[list[str]] = rows(parts)
    depth = {part: index for index, row in enumerate(grid) for part in row}
    # An arrow across rows gets a place in each of them, so that it passes beside the boxes.
    paths: list[list[str]] = []
    for part, others in sorted(arrows.items()):
        for other in sorted(others):
            between = [f"{part}→{other}:{index}" for index in range(depth[part] + 1, depth[other])]
            for index, name in enumerate(between, depth[part] + 1):
                grid[index].append(name)
            paths.append([part, *between, other])
    columns = max(map(len, grid))
    middle: dict[str, float] = {}
    for index, row in enumerate(grid):
        above: dict[str, list[float]] = {name: [] for name in row}
        for path in paths:
            for upper, lower in pairwise(path):
                if lower in above and index:
                    above[lower].append(middle[upper])
        row.sort(key=lambda name: sum(above[name]) / max(1, len(above[name])))
        for position, name in enumerate(row):
            middle[name] = (columns / 2 + position - (len(row) - 1) / 2) * COLUMN
    top = {name: 8 + index * ROW for index, row in enumerate(grid) for name in row}
    counts = Counter(map(part_of, modules()))
    lines = [_arrow(path, middle, top) for path in paths]
    lines += [_box(part, counts[part], middle[part], top[part]) for part in sorted(parts)]
    return (
        f'<svg class="architecture" xmlns="http://www.w3.org/2000/svg" role="img" '
        f'viewBox="0 0 {columns * COLUMN} {len(grid) * ROW - ROW + BOX_HEIGHT + 16}" '
        f'aria-label="The parts of the package, each above the parts that it imports">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" fill="currentColor"/></marker>'
        "</defs>"
        f"{''.join(lines)}</svg>"
    )


def _arrow(path: list[str], middle: Mapping[str, float], top: Mapping[str, int]) -> str:
    start = (middle[path[0]], top[path[0]] + BOX_HEIGHT)
    line = f"M{start[0]:g} {start[1]}"
    for name in path[1:]:
        x, y = middle[name], top[name]
        half = (start[1] + y) / 2
        line += f"C{start[0]:g} {half:g} {x:g} {half:g} {x:g} {y - (name == path[-1])}"
        start = (x, y)
        if name != path[-1]:
            start = (x, y + BOX_HEIGHT)
            line += f"V{start[1]}"
    return f'<path d="{line}" fill="none" stroke="currentColor" marker-end="url(#tip)"/>'


def _box(part: str, count: int, middle: float, top: int) -> str:
    files = f"{count} file{'s' if count > 1 else ''}"
    return (
        f'<rect x="{middle - BOX_WIDTH / 2:g}" y="{top}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" '
        'rx="6" fill="none" stroke="currentColor"/>'
        f'<text x="{middle:g}" y="{top + 19}" text-anchor="middle" fill="currentColor" '
        f'font-size="14" font-weight="600">{escape(part)}</text>'
        f'<text x="{middle:g}" y="{top + 35}" text-anchor="middle" fill="currentColor" '
        f'font-size="11">{files}</text>'
    )
