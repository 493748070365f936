"""Measure how the package is built, and end with status 1 where a limit is exceeded.

``python scripts/check_structure.py`` prints one line per figure; ``--list`` adds the places behind each, the
worst first; ``--only NAME`` measures one. Figures: circles of imports between files and imports that run up the
layers (imports within functions and those for type checkers count as well), top-level packages and modules, lines
of Python, the longest function, the highest cyclomatic complexity, and pairs of places with six or more like lines.
"""

from __future__ import annotations

import argparse
import ast
import io
import keyword
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "cospeech"

# From the top down. A module imports from lines below its own and from its own part.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("__init__", "__main__"),
    ("cli",),
    ("api",),
    ("video", "evaluation"),
    ("loading",),
    ("gesture_library",),
    ("methods",),
    ("training", "data", "avatar", "metrics"),
    ("sampling", "nn"),
    ("motion",),
    ("speech",),
    ("core",),
)

RUN_LINES = 6  # like lines that make a pair of places
COMMON = 8  # a run that stands in more places is an idiom, such as a list of fields
THIN_TOKENS = 4  # a line with no more tokens says little
TELLING = 1 / 6  # of like lines, more than this share must say more than that
Functions = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Figure:
    """One measured number, the largest that is accepted, and what it consists of, worst first."""

    name: str
    value: int
    limit: int
    places: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return self.value <= self.limit


@dataclass(frozen=True)
class Import:
    """One import statement."""

    module: str  # the importing module, without "cospeech."
    target: str  # the imported module, "cospeech." cut off
    inside: bool  # of this package
    lazy: bool  # within a function, or for type checkers only
    line: int


def module_name(path: Path) -> str:
    """Dotted name within the package; the package itself is ``__init__``."""
    parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    return ".".join(parts)


def part(module: str) -> str:
    """The first name: the member of a layer."""
    return module.split(".")[0]


@cache
def sources() -> dict[str, Path]:
    """Every module of the package and its file."""
    return {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def tree(path: Path) -> ast.Module:
    """The syntax tree of a file."""
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def resolve(node: ast.Import | ast.ImportFrom, path: Path) -> Iterator[str]:
    """Full dotted names that a statement imports, modules where they are modules."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    base = node.module or ""
    if node.level:
        package = ["cospeech", *path.relative_to(PACKAGE).parts[:-1]]
        package = package[: len(package) - node.level + 1]
        base = ".".join([*package, *([node.module] if node.module else [])])
    for alias in node.names:
        whole = f"{base}.{alias.name}"
        if whole in ("cospeech.__version__", "cospeech.__name__"):
            continue  # the package's name and version are plain facts that any module may state
        yield whole if whole.removeprefix("cospeech.") in sources() else base


@cache
def imports() -> tuple[Import, ...]:
    """Every import statement of the package."""
    found = []
    for module, path in sources().items():
        lazy: set[ast.AST] = set()
        for node in ast.walk(tree(path)):
            checking = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            if checking or isinstance(node, Functions | ast.Lambda):
                lazy.update(ast.walk(node))
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                for name in resolve(node, path):
                    inside = name == "cospeech" or name.startswith("cospeech.")
                    target = "__init__" if name == "cospeech" else name.removeprefix("cospeech.")
                    found.append(Import(module, target, inside, node in lazy, node.lineno))
    return tuple(found)


def level(module: str) -> int:
    """Line of LAYERS, 0 the top.

    Raises:
        LookupError: the module stands in no layer.
    """
    for number, names in enumerate(LAYERS):
        if part(module) in names:
            return number
    raise LookupError(f"{module} stands in no layer; add it to LAYERS")


def upward_imports() -> list[str]:
    """Imports of a module of the same layer in another part, or of a higher layer."""
    return [
        f"{found.module}:{found.line} imports {found.target}"
        for found in imports()
        if found.inside
        and part(found.module) != part(found.target)
        and part(found.module) not in LAYERS[0]
        and level(found.module) >= level(found.target)
    ]


def reachable(start: str, edges: dict[str, set[str]]) -> set[str]:
    """Nodes that a walk of one edge or more from ``start`` comes to."""
    seen: set[str] = set()
    waiting = [start]
    while waiting:
        for target in edges.get(waiting.pop(), set()) - seen:
            seen.add(target)
            waiting.append(target)
    return seen


def import_circles() -> list[str]:
    """Groups of files each of which imports, in some steps, every other of its group."""
    edges: dict[str, set[str]] = defaultdict(set)
    for found in imports():
        if found.inside and found.module != found.target:
            edges[found.module].add(found.target)
    reach = {module: reachable(module, edges) for module in sources()}
    groups = {
        tuple(sorted({module} | {other for other in reach[module] if module in reach.get(other, ())}))
        for module in sources()
        if module in reach[module]
    }
    return [" <-> ".join(group) for group in sorted(groups, key=lambda group: (-len(group), group))]


def top_level() -> list[str]:
    """Packages and modules that stand directly in the package, ``__init__`` and ``__main__`` not counted."""
    return sorted({part(module) for module in sources()} - set(LAYERS[0]))


def functions() -> Iterator[tuple[str, Functions]]:
    """Every function and method with its place."""
    for path in sources().values():
        for node in ast.walk(tree(path)):
            if isinstance(node, Functions):
                yield f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", node


def function_lines() -> list[tuple[int, str]]:
    """Lines of each function, from ``def`` to its end, the longest first."""
    return sorted(((node.end_lineno - node.lineno + 1, place) for place, node in functions()), reverse=True)


def decisions(node: ast.AST) -> int:
    """Decisions that one node of the tree makes by itself."""
    match node:
        case ast.If() | ast.IfExp() | ast.Assert() | ast.ExceptHandler() | ast.match_case():
            return 1
        case ast.For() | ast.AsyncFor() | ast.While():
            return 1 + bool(node.orelse)
        case ast.Try() | ast.TryStar():
            return bool(node.orelse)
        case ast.BoolOp():
            return len(node.values) - 1
        case ast.comprehension():
            return 1 + len(node.ifs)
    return 0


def complexities() -> list[tuple[int, str]]:
    """Cyclomatic complexity (McCabe, TSE 1976) of each function, the highest first.

    One and the number of decisions, those within expressions, comprehensions and inner functions included.
    """
    return sorted(((1 + sum(map(decisions, ast.walk(node))), place) for place, node in functions()), reverse=True)


@dataclass(frozen=True)
class CodeLine:
    """A line that says something: not blank, no import, no docstring, no lone bracket."""

    number: int
    text: str  # white space folded, comments cut
    shape: str  # names, strings and numbers replaced by one letter each
    says_little: bool  # few tokens, or part of a declaration: a field, a parameter, a constant


def passed_over(path: Path) -> set[int]:
    """Lines of imports and docstrings."""
    lines: set[int] = set()
    for node in ast.walk(tree(path)):
        text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        if text or isinstance(node, ast.Import | ast.ImportFrom):
            lines.update(range(node.lineno, node.end_lineno + 1))
    return lines


def declarations(path: Path) -> set[int]:
    """Lines of fields, parameters and constants."""
    lines: set[int] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.AnnAssign):
            lines.update(range(node.lineno, node.end_lineno + 1))
        elif isinstance(node, Functions):
            lines.update(range(node.lineno, node.body[0].lineno))
        elif isinstance(node, ast.Module | ast.ClassDef):
            for statement in node.body:
                if isinstance(statement, ast.Assign):
                    lines.update(range(statement.lineno, statement.end_lineno + 1))
    return lines


def token_shape(token: tokenize.TokenInfo) -> str:
    if token.type == tokenize.NAME and not keyword.iskeyword(token.string):
        return "N"
    return {tokenize.STRING: "S", tokenize.NUMBER: "0"}.get(token.type, token.string)


@cache
def code_lines(path: Path) -> tuple[CodeLine, ...]:
    """The lines of a file that are compared."""
    skipped, declared = passed_over(path), declarations(path)
    by_line: dict[int, list[tokenize.TokenInfo]] = defaultdict(list)
    for token in tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline):
        if token.string.strip() and token.type != tokenize.COMMENT and token.start[0] not in skipped:
            by_line[token.start[0]].append(token)
    lines = []
    for number, tokens in sorted(by_line.items()):
        if any(token.type in (tokenize.NAME, tokenize.NUMBER, tokenize.STRING) for token in tokens):
            text = " ".join(token.string for token in tokens)
            little = len(tokens) <= THIN_TOKENS or number in declared
            lines.append(CodeLine(number, text, " ".join(map(token_shape, tokens)), little))
    return tuple(lines)


@dataclass(frozen=True)
class Run:
    """Lines of one file that stand again, equal or like, in another place."""

    left: Path
    left_lines: tuple[CodeLine, ...]
    right: Path
    right_lines: tuple[CodeLine, ...]

    @property
    def counts(self) -> bool:
        """Whether enough lines in a row are equal to the letter or, being only like, say enough."""
        row = 0
        for one, other in zip(self.left_lines, self.right_lines, strict=True):
            row = row + 1 if one.text == other.text else 0
            if row == RUN_LINES:
                return True
        pairs = zip(self.left_lines, self.right_lines, strict=True)
        telling = sum(not (one.says_little or other.says_little) for one, other in pairs)
        return telling > TELLING * len(self.left_lines)

    def __str__(self) -> str:
        sides = ((self.left, self.left_lines), (self.right, self.right_lines))
        return " ~ ".join(f"{path.relative_to(ROOT)}:{at[0].number}-{at[-1].number}" for path, at in sides)


Position = tuple[Path, int]  # a file and the index among its code lines


def like_windows() -> Iterator[tuple[Position, Position]]:
    """Pairs of places from which RUN_LINES lines are of the same shape."""
    windows: dict[tuple[str, ...], list[Position]] = defaultdict(list)
    for path in sources().values():
        shapes = [line.shape for line in code_lines(path)]
        for start in range(len(shapes) - RUN_LINES + 1):
            windows[tuple(shapes[start : start + RUN_LINES])].append((path, start))
    for places in windows.values():
        if len(places) <= COMMON:
            yield from combinations(places, 2)


def like_runs() -> Iterator[Run]:
    """The longest runs of like lines; those of one file do not overlap."""
    diagonals: dict[tuple[Path, Path, int], list[int]] = defaultdict(list)
    for (left, one), (right, other) in like_windows():
        if left != right or other - one >= RUN_LINES:
            diagonals[left, right, other - one].append(one)
    for (left, right, offset), starts in diagonals.items():
        starts = sorted(set(starts))
        first = previous = starts[0]
        for start in [*starts[1:], None]:
            if start is None or start > previous + 1:
                end = previous + RUN_LINES
                if left == right:
                    end = min(end, first + offset)
                yield Run(left, code_lines(left)[first:end], right, code_lines(right)[first + offset : end + offset])
                first = start
            previous = start


def repetitions() -> list[Run]:
    """One run for each pair of files that share any, the longest first."""
    longest: dict[tuple[Path, Path], Run] = {}
    for run in like_runs():
        pair = (run.left, run.right)
        if run.counts and (pair not in longest or len(run.left_lines) > len(longest[pair].left_lines)):
            longest[pair] = run
    return sorted(longest.values(), key=lambda run: -len(run.left_lines))


def line_count() -> int:
    """Lines of Python in the package."""
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in sources().values())


def maximum(name: str, found: list[tuple[int, str]], limit: int) -> Figure:
    """The largest of some values, with all that exceed the limit."""
    return Figure(name, found[0][0], limit, tuple(f"{value} {place}" for value, place in found if value > limit))


def count(name: str, found: Iterable[object], limit: int) -> Figure:
    """The number of some places."""
    places = tuple(str(place) for place in found)
    return Figure(name, len(places), limit, places)


FIGURES = {
    "circles": lambda: count("circles of imports", import_circles(), 0),
    "upward": lambda: count("upward imports", upward_imports(), 0),
    "top-level": lambda: count("top-level packages and modules", top_level(), 19),
    "lines": lambda: Figure("lines of Python", line_count(), 43_600),
    "longest": lambda: maximum("longest function", function_lines(), 80),
    "complexity": lambda: maximum("highest cyclomatic complexity", complexities(), 15),
    "repeated": lambda: count("pairs of places with like lines", repetitions(), 25),
}


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure how the package is built.")
    parser.add_argument("--list", action="store_true", help="name the places behind each figure")
    parser.add_argument("--only", choices=FIGURES, help="measure one figure")
    arguments = parser.parse_args()
    names = [arguments.only] if arguments.only else list(FIGURES)
    found = [FIGURES[name]() for name in names]
    for figure in found:
        print(f"{figure.name}: {figure.value} (at most {figure.limit}){'' if figure.holds else ' EXCEEDED'}")
        if arguments.list:
            print(*(f"  {place}" for place in figure.places), sep="\n")
    return 0 if all(figure.holds for figure in found) else 1


if __name__ == "__main__":
    sys.exit(main())
