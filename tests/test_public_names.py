"""Public names: all load when they are used and not before, and old names still work."""

from __future__ import annotations

import subprocess
import sys

import pytest

import cospeech
from cospeech.core.deprecation import RenamedWarning


@pytest.mark.parametrize("old", ["build_base", "add_to_base", "base_info", "check_base", "merge_bases", "open_base"])
def test_old_names_still_work_with_a_notice(old):
    with pytest.warns(RenamedWarning, match=rf"cospeech\.{old} is now called cospeech\."):
        function = getattr(cospeech, old)
    assert callable(function)


def test_names_that_are_not_there():
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = cospeech.nothing_of_the_kind


def test_nothing_is_imported_before_it_is_used():
    code = (
        "import sys, cospeech\n"
        "heavy = ('numpy', 'onnxruntime', 'msgspec', 'tyro', 'torch')\n"
        "print([name for name in heavy if name in sys.modules], 'Motion' in dir(cospeech))\n"
        "from cospeech import Motion\n"
        "print('numpy' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[] True", "True"]
