"""The structure that the package keeps: imports point downward, and generating needs no torch."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

sys.path.insert(0, str(ROOT / "scripts"))
import check_structure  # noqa: E402
from check_structure import imports, part, sources  # noqa: E402

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
    "methods.options",
    "methods.registry",
    "methods.conditioning",
    "methods.editing",
    "methods.postprocessing",
    "gesture_library",
    "video",
    "speech",
)
LIGHT_IN_METHODS = ("model", "sampling", "graphs", "keypoint_model", "token_model", "options")
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


def test_every_module_stands_in_a_layer():
    for module in sources():
        check_structure.level(module)


def test_imports_point_downward():
    assert check_structure.upward_imports() == []


def test_no_file_imports_itself_in_a_circle():
    """Neither when it is imported, nor within functions, nor for type checkers."""
    assert check_structure.import_circles() == []


@pytest.mark.parametrize("name", ["top-level", "longest", "complexity", "repeated"])
def test_the_structure_stays_simple(name):
    """Few parts, functions that fit a screen, few places that repeat one another."""
    figure = check_structure.FIGURES[name]()
    assert figure.holds, f"{figure.name}: {figure.value}, at most {figure.limit}: {figure.places[:10]}"


def test_lazy_imports_of_torch_are_still_needed():
    assert {(found.module, found.target) for found in imports() if found.lazy} >= set(ON_REQUEST)


def is_light(module: str) -> bool:
    if any(module == name or module.startswith(f"{name}.") for name in TORCH):
        return False
    if module.startswith("methods.") and module.rsplit(".", 1)[-1] in LIGHT_IN_METHODS:
        return True
    return any(module == name or module.startswith(f"{name}.") for name in LIGHT)


def test_the_generate_path_never_imports_torch():
    """Neither at once nor within functions, neither itself nor by what it imports."""
    heavy = {found.module for found in imports() if part(found.target) in HEAVY and not found.inside}
    wrong = [f"{module} imports torch" for module in sorted(heavy) if is_light(module)]
    for found in imports():
        if found.inside and is_light(found.module) and (found.target in heavy or part(found.target) == "nn"):
            if part(found.module) == "cli" and found.lazy:
                continue  # the commands that train
            if found.lazy and (found.module, found.target) in ON_REQUEST:
                continue
            wrong.append(f"{found.module}:{found.line} imports {found.target}, which imports torch")
    assert not wrong, "\n".join(wrong)
    assert any(module.startswith("training.") for module in heavy)  # the test sees torch where it is


def test_torch_stays_out_of_a_running_program():
    code = (
        "import sys\n"
        "heavy = ('torch', 'onnx', 'onnxscript', 'transformers', 'huggingface_hub', 'scipy', 'matplotlib')\n"
        "for name in heavy: sys.modules[name] = None\n"
        "import cospeech, cospeech.cli, cospeech.api, cospeech.loading\n"
        "import cospeech.methods.contextual.model, cospeech.data.prepare, cospeech.data.readers\n"
        "import cospeech.avatar.page, cospeech.avatar.glb, cospeech.speech.forced_alignment\n"
        "import cospeech.gesture_library.search, cospeech.gesture_library.merge\n"
        "import cospeech.gesture_library.check, cospeech.speech.encoders.frames\n"
        "import cospeech.speech.encoders.inputs, cospeech.speech.encoders.settings\n"
        "for name in cospeech.__all__:\n"
        "    if name not in ('train', 'train_phones', 'train_video', 'export'): getattr(cospeech, name)\n"
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
