"""cospeech: speech in, gestures out.

Names are imported when they are first used; ``__init__.pyi`` is their table, for type checkers too.

>>> import cospeech
>>> "generate" in dir(cospeech)
True
"""

import lazy_loader

__version__ = "0.2.0.dev0"

_RENAMED = {
    "add_to_base": "add_to_library",
    "base_info": "library_info",
    "build_base": "build_library",
    "build_people": "build_synthetic_people",
    "check_base": "check_library",
    "merge_bases": "merge_libraries",
    "open_base": "open_library",
}

_load, _names, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> object:
    if name in _RENAMED:
        from .core.deprecation import renamed_attribute

        return renamed_attribute(__name__, name, _RENAMED[name], _load(_RENAMED[name]))
    return _load(name)


def __dir__() -> list[str]:
    return sorted([*_names(), "__version__"])
