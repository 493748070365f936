"""The architecture, held: imports point downward, generating needs no torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
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

# Sideways or upward, each with its reason. The second name is the module that is imported.
EXCEPTIONS = {
    ("motion.formats.glb", "avatar.body"): "the file carries the skinned body; imported when one is written",
    ("motion.formats.glb", "avatar.skinning"): "likewise",
}

# What runs when somebody generates, edits, converts or renders. Importing torch takes seconds.
LIGHT = (
    "__init__",
    "__main__",
    "cli",
    "api",
    "loading",
    "avatar",
    "sampling",
    "motion",
    "data",
    "core",
    "methods.base",
    "methods.model_folder",
    "methods.conditioning",
    "methods.editing",
    "methods.postprocessing",
    "gesture_library",
    "video",
    "speech",
)
LIGHT_IN_METHODS = ("model", "sampling", "graphs", "keypoint_model")
# Within light packages, what needs torch and is imported only on request or by training.
TORCH = ("video.training", "speech.encoders.hub", "speech.encoders.speech_encoder", "speech.encoders.word_encoder")
HEAVY = ("torch", "onnx", "onnxscript", "transformers", "huggingface_hub")

# Lazy imports of what imports torch, each with its reason.
ON_REQUEST = {
    ("speech.encoders.inputs", "speech.encoders.speech_encoder"): (
        "a model that says so hears with a pretrained encoder"
    ),
    ("speech.encoders.inputs", "speech.encoders.word_encoder"): "likewise",
}


@dataclass(frozen=True)
class Import:
    """One import statement."""

    module: str  # the importing module, without "cospeech."
    target: str  # what it imports, "cospeech." cut off
    inside: bool  # of this package
    lazy: bool  # within a function, or for type checkers only
    line: int


def module_name(path: Path) -> str:
    parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
    if parts[-1] == "__init__" and len(parts) > 1:
        parts.pop()
    return ".".join(parts)


def part(module: str) -> str:
    """The first name: the layer's member."""
    return module.split(".")[0]


@cache
def sources() -> dict[str, Path]:
    return {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


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
    found = []
    for module, path in sources().items():
        tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        lazy: set[ast.AST] = set()
        for node in ast.walk(tree):
            checking = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            if checking or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                lazy.update(ast.walk(node))
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                for name in resolve(node, path):
                    inside = name == "cospeech" or name.startswith("cospeech.")
                    target = "__init__" if name == "cospeech" else name.removeprefix("cospeech.")
                    found.append(Import(module, target, inside, node in lazy, node.lineno))
    return tuple(found)


def level(module: str) -> int:
    """Line of LAYERS, 0 the top."""
    for number, names in enumerate(LAYERS):
        if part(module) in names:
            return number
    raise AssertionError(f"{module} stands in no layer; add it to LAYERS")


def allowed(item: Import) -> bool:
    if part(item.module) == part(item.target) or part(item.module) in LAYERS[0]:
        return True
    if level(item.module) < level(item.target):
        return True
    return any(
        item.module == module and (item.target == target or item.target.startswith(f"{target}."))
        for module, target in EXCEPTIONS
    )


def test_every_module_stands_in_a_layer():
    assert {level(module) for module in sources()} <= set(range(len(LAYERS)))


def test_imports_point_downward():
    wrong = [
        f"{item.module}:{item.line} imports {item.target}" for item in imports() if item.inside and not allowed(item)
    ]
    assert not wrong, "\n".join(wrong)


def test_exceptions_are_still_needed():
    for module, target in EXCEPTIONS:
        assert any(
            item.module == module and (item.target == target or item.target.startswith(f"{target}."))
            for item in imports()
            if item.inside
        ), f"{module} no longer imports {target}; delete the exception"
    assert {(item.module, item.target) for item in imports() if item.lazy} >= set(ON_REQUEST)


def test_upward_imports_are_lazy():
    """What looks upward does so when it is used, so that no import needs the whole package."""
    wrong = [
        f"{item.module}:{item.line} imports {item.target} at once"
        for item in imports()
        if item.inside and not item.lazy and level(item.module) > level(item.target)
    ]
    assert not wrong, "\n".join(wrong)


def is_light(module: str) -> bool:
    if any(module == name or module.startswith(f"{name}.") for name in TORCH):
        return False
    if module.startswith("methods.") and module.rsplit(".", 1)[-1] in LIGHT_IN_METHODS:
        return True
    return any(module == name or module.startswith(f"{name}.") for name in LIGHT)


def test_the_generate_path_never_imports_torch():
    """Neither at once nor within functions, neither itself nor by what it imports."""
    heavy = {item.module for item in imports() if part(item.target) in HEAVY and not item.inside}
    wrong = [f"{module} imports torch" for module in sorted(heavy) if is_light(module)]
    for item in imports():
        if item.inside and is_light(item.module) and (item.target in heavy or part(item.target) == "nn"):
            if part(item.module) == "cli" and item.lazy:
                continue  # the commands that train
            if item.lazy and (item.module, item.target) in ON_REQUEST:
                continue
            wrong.append(f"{item.module}:{item.line} imports {item.target}, which imports torch")
    assert not wrong, "\n".join(wrong)
    assert any(module.startswith("training.") for module in heavy)  # the test sees torch where it is


def test_torch_stays_out_of_a_running_program():
    code = (
        "import sys\n"
        "heavy = ('torch', 'onnx', 'onnxscript', 'transformers', 'huggingface_hub', 'scipy', 'matplotlib')\n"
        "for name in heavy: sys.modules[name] = None\n"
        "import cospeech, cospeech.cli, cospeech.api, cospeech.loading\n"
        "import cospeech.methods.contextual.model, cospeech.data.prepare, cospeech.data.readers\n"
        "import cospeech.avatar.page, cospeech.motion.formats.glb, cospeech.speech.forced_alignment\n"
        "import cospeech.gesture_library.search, cospeech.gesture_library.merge\n"
        "import cospeech.gesture_library.check, cospeech.speech.encoders.frames\n"
        "import cospeech.speech.encoders.inputs, cospeech.speech.encoders.settings\n"
        "for name in cospeech.__all__:\n"
        "    if name not in ('train', 'train_video', 'export'): getattr(cospeech, name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_no_print():
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources().values()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not wrong, f"print in {', '.join(wrong)}; use progress.note"
