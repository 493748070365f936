from .accuracy import LVD, MAJE, MPJPE, MPJRE, MSE, PCM, SRGR, DerivativeError
from .base import Bootstrap, Label, MeanMetric, Metric, MetricSet, Value, beside, paired_difference
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
from .contact import HandThrough
from .coupling import HandLead
from .diversity import FeatureDiversity, L1Div, Multimodality, PairwiseL1
from .emotion import EmotionAccuracy
from .extractors import Extractor, KinematicExtractor, load_extractor
from .figures import LivelinessFigures, SpeedDistance, SpeedHistogram
from .frechet import FrechetDistance, KernelDistance, Reference, frechet_distance, frechet_infinite
from .images import FVD, LPIPS, PSNR, SSIM, VideoScore, video_reference
from .liveliness import JointRanges, Liveliness
from .presence import PresenceFigures
from .quality import DerivativeSize, FootSkate, JointLimits, Sparc, sparc
from .repetition import NearestRepeat
from .retrieval import ranks, retrieval_scores
from .stroke_shapes import StrokeClusters, StrokeShapes
from .twosample import two_sample

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
    "HandLead",
    "HandThrough",
    "JointLimits",
    "JointRanges",
    "KernelDistance",
    "KinematicExtractor",
    "L1Div",
    "Label",
    "Liveliness",
    "LivelinessFigures",
    "MeanMetric",
    "Metric",
    "MetricSet",
    "Multimodality",
    "NearestRepeat",
    "PairwiseL1",
    "PresenceFigures",
    "Reference",
    "SelfIntersection",
    "Sparc",
    "SpeedDistance",
    "SpeedHistogram",
    "StrokeAccent",
    "StrokeClusters",
    "StrokeShapes",
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
