"""What users can set of the contextual method."""

from __future__ import annotations

from dataclasses import dataclass

from ..options import BodyOptions, GenerateOptions


@dataclass(frozen=True, kw_only=True)
class ContextualOptions(BodyOptions):
    """Those of all methods that generate bodies."""


@dataclass(frozen=True, kw_only=True)
class KeypointOptions(GenerateOptions):
    """Of models that generate keypoints in a picture: without a third dimension there is no pose and no seat."""
