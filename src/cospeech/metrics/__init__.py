"""Figures on motion and on how it goes with speech.

Every metric takes clips one by one (``update(..., clip=id)``) and gives a ``Value``: a number with its
name, unit, sample count, convention, extractor and bootstrap interval. Real motion measured alike belongs
beside it. Names are imported when they are first used; ``__init__.pyi`` is their table.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
