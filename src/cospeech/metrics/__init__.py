"""Figures on motion and on how it goes with speech.

Every metric takes clips one by one (``update(..., clip=id)``) and gives a ``Value``: a number with its
name, unit, sample count, convention, extractor and bootstrap interval. Real motion measured alike belongs
beside it. Names are imported when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .accuracy import LVD, MAJE, MPJPE, MPJRE, MSE, PCM, SRGR, DerivativeError
    from .base import Bootstrap, Metric, MetricSet, Value, beside, paired_difference
    from .beats import (
        BeatAlignment,
        BeatConstancy,
        EmotionGestureBeats,
        StrokeAccent,
        mean_speeds,
        offset_histogram,
        onsets,
        stroke_offsets,
    )
    from .collisions import SelfIntersection, intersections
    from .diversity import FeatureDiversity, L1Div, Multimodality, PairwiseL1
    from .emotion import EmotionAccuracy
    from .extractors import Extractor, KinematicExtractor, load_extractor
    from .figures import LivelinessFigures, SpeedDistance, SpeedHistogram
    from .frechet import FrechetDistance, KernelDistance, Reference, frechet_distance, frechet_infinite
    from .images import FVD, LPIPS, PSNR, SSIM, VideoScore, video_reference
    from .liveliness import JointRanges, Liveliness
    from .quality import DerivativeSize, FootSkate, JointLimits, Sparc, sparc
    from .retrieval import ranks, retrieval_scores
    from .twosample import two_sample

_WHERE = {
    "BeatAlignment": "beats",
    "BeatConstancy": "beats",
    "Bootstrap": "base",
    "DerivativeError": "accuracy",
    "DerivativeSize": "quality",
    "EmotionAccuracy": "emotion",
    "EmotionGestureBeats": "beats",
    "Extractor": "extractors",
    "FVD": "images",
    "FeatureDiversity": "diversity",
    "FootSkate": "quality",
    "FrechetDistance": "frechet",
    "JointLimits": "quality",
    "JointRanges": "liveliness",
    "KernelDistance": "frechet",
    "KinematicExtractor": "extractors",
    "L1Div": "diversity",
    "LPIPS": "images",
    "LVD": "accuracy",
    "Liveliness": "liveliness",
    "LivelinessFigures": "figures",
    "MAJE": "accuracy",
    "MPJPE": "accuracy",
    "MPJRE": "accuracy",
    "MSE": "accuracy",
    "Metric": "base",
    "MetricSet": "base",
    "Multimodality": "diversity",
    "PCM": "accuracy",
    "PSNR": "images",
    "PairwiseL1": "diversity",
    "Reference": "frechet",
    "SRGR": "accuracy",
    "SSIM": "images",
    "SelfIntersection": "collisions",
    "Sparc": "quality",
    "SpeedDistance": "figures",
    "SpeedHistogram": "figures",
    "StrokeAccent": "beats",
    "Value": "base",
    "VideoScore": "images",
    "beside": "base",
    "frechet_distance": "frechet",
    "frechet_infinite": "frechet",
    "intersections": "collisions",
    "load_extractor": "extractors",
    "mean_speeds": "beats",
    "offset_histogram": "beats",
    "onsets": "beats",
    "paired_difference": "base",
    "ranks": "retrieval",
    "retrieval_scores": "retrieval",
    "sparc": "quality",
    "stroke_offsets": "beats",
    "two_sample": "twosample",
    "video_reference": "images",
}

__all__ = [
    "FVD",
    "LPIPS",
    "LVD",
    "MAJE",
    "MPJPE",
    "MPJRE",
    "MSE",
    "PCM",
    "PSNR",
    "SRGR",
    "SSIM",
    "BeatAlignment",
    "BeatConstancy",
    "Bootstrap",
    "DerivativeError",
    "DerivativeSize",
    "EmotionAccuracy",
    "EmotionGestureBeats",
    "Extractor",
    "FeatureDiversity",
    "FootSkate",
    "FrechetDistance",
    "JointLimits",
    "JointRanges",
    "KernelDistance",
    "KinematicExtractor",
    "L1Div",
    "Liveliness",
    "LivelinessFigures",
    "Metric",
    "MetricSet",
    "Multimodality",
    "PairwiseL1",
    "Reference",
    "SelfIntersection",
    "Sparc",
    "SpeedDistance",
    "SpeedHistogram",
    "StrokeAccent",
    "Value",
    "VideoScore",
    "beside",
    "frechet_distance",
    "frechet_infinite",
    "intersections",
    "load_extractor",
    "mean_speeds",
    "offset_histogram",
    "onsets",
    "paired_difference",
    "ranks",
    "retrieval_scores",
    "sparc",
    "stroke_offsets",
    "two_sample",
    "video_reference",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'cospeech.metrics' has no attribute {name!r}")
    return getattr(import_module(f".{_WHERE[name]}", __name__), name)


def __dir__() -> list[str]:
    return list(__all__)
