"""Training presets: everything that a run needs, by name."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ..core.errors import UserError
from ..training.loop import TrainConfig
from .alignment.network import AlignConfig
from .contextual.network import GeneratorConfig
from .emotion.mining import MiningConfig
from .emotion.network import EmotionConfig
from .emotion.prior import PriorConfig
from .evaluators.network import EmotionNetConfig, ExtractorConfig
from .exges.network import DenoiserConfig
from .exges.retrieval_network import RetrievalConfig
from .tokenizer.network import TokenizerConfig


@dataclass(frozen=True)
class Preset:
    """Sizes and schedules of both stages of the contextual method, and of what measures motion."""

    tokenizer: TokenizerConfig = field(default_factory=TokenizerConfig)
    tokenizer_training: TrainConfig = field(default_factory=TrainConfig)
    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    generator_training: TrainConfig = field(default_factory=TrainConfig)
    extractor: ExtractorConfig = field(default_factory=ExtractorConfig)
    extractor_training: TrainConfig = field(default_factory=TrainConfig)
    classifier: EmotionNetConfig = field(default_factory=EmotionNetConfig)
    classifier_training: TrainConfig = field(default_factory=TrainConfig)
    alignment: AlignConfig = field(default_factory=AlignConfig)
    alignment_training: TrainConfig = field(default_factory=TrainConfig)
    retrieval: RetrievalConfig = field(default_factory=RetrievalConfig)
    retrieval_training: TrainConfig = field(default_factory=TrainConfig)
    denoiser: DenoiserConfig = field(default_factory=DenoiserConfig)
    denoiser_training: TrainConfig = field(default_factory=TrainConfig)
    mining: MiningConfig = field(default_factory=MiningConfig)
    mining_training: TrainConfig = field(default_factory=TrainConfig)
    emotion: EmotionConfig = field(default_factory=EmotionConfig)
    emotion_training: TrainConfig = field(default_factory=TrainConfig)
    prior: PriorConfig = field(default_factory=PriorConfig)
    prior_training: TrainConfig = field(default_factory=TrainConfig)


# What measures motion is small, and the same in every preset that is meant to be used.
_EXTRACTOR = TrainConfig(steps=1600, batch_size=64, learning_rate=1e-3, warmup=100, validate_every=400)
_CLASSIFIER = TrainConfig(
    steps=1000, batch_size=64, learning_rate=1e-3, warmup=50, validate_every=250, weight_decay=0.1
)
# Contrast wants many others to choose from.
_ALIGNMENT = TrainConfig(
    steps=1500, batch_size=64, learning_rate=5e-4, warmup=100, bf16=True, validate_every=100, save_every=100
)
# From an alignment on, so it is short.
_RETRIEVAL = TrainConfig(
    steps=700, batch_size=64, learning_rate=3e-4, warmup=50, bf16=True, validate_every=100, save_every=100
)
_DENOISER = TrainConfig(
    steps=3000, batch_size=48, learning_rate=6e-4, warmup=100, bf16=True, validate_every=500, save_every=250
)
_MINING = TrainConfig(
    steps=1500,
    batch_size=32,
    learning_rate=1e-3,
    warmup=50,
    weight_decay=0.05,
    bf16=True,
    validate_every=250,
    save_every=100,
)
_EMOTION = TrainConfig(
    steps=1400, batch_size=40, learning_rate=8e-4, warmup=80, bf16=True, validate_every=250, save_every=100
)
_PRIOR = TrainConfig(
    steps=3000, batch_size=96, learning_rate=1e-3, warmup=100, bf16=True, validate_every=500, save_every=250
)
_LARGE_MINING = MiningConfig(filters=(32, 64, 128), blocks=(3, 4, 6), embedding=512)  # [R]
_LARGE_ALIGNMENT = AlignConfig(width=384, heads=6, embedding=384)

PRESETS = {
    # Seconds on one core: for tests and for trying a corpus out.
    "tiny": Preset(
        TokenizerConfig(width=32, latent=16, blocks=1, layers=2, codes=32),
        TrainConfig(steps=20, batch_size=8, warmup=5, log_every=5, validate_every=20, save_every=10),
        GeneratorConfig(
            width=32, heads=2, hidden=64, depth=2, residual_depth=1, speech_width=32, speech_hidden=64, speech_heads=2
        ),
        TrainConfig(steps=20, batch_size=8, warmup=5, log_every=5, validate_every=20, save_every=10),
        ExtractorConfig(width=16, latent=8, window_latent=4),
        TrainConfig(steps=20, batch_size=8, warmup=5, log_every=5, validate_every=20, save_every=10),
        EmotionNetConfig(width=16),
        TrainConfig(steps=20, batch_size=8, warmup=5, log_every=5, validate_every=20, save_every=10),
        AlignConfig(width=32, hidden=64, heads=2, embedding=16),
        TrainConfig(steps=20, batch_size=8, warmup=5, log_every=5, validate_every=20, save_every=10),
        RetrievalConfig(fine=8, queue=32, ramp=5),
        TrainConfig(steps=20, batch_size=8, warmup=5, log_every=5, validate_every=20, save_every=10),
        DenoiserConfig(
            width=32, heads=2, hidden=64, depth=1, window=24, speech_width=32, speech_hidden=64, speech_heads=2
        ),
        TrainConfig(steps=20, batch_size=8, warmup=5, log_every=5, validate_every=20, save_every=10),
        MiningConfig(filters=(8, 8, 8), blocks=(1, 1, 1), width=32, embedding=16),
        TrainConfig(steps=20, batch_size=8, warmup=5, log_every=5, validate_every=20, save_every=10),
        EmotionConfig(width=32, heads=2, hidden=64, depth=1, window=24, size=8),
        TrainConfig(steps=20, batch_size=8, warmup=5, log_every=5, validate_every=20, save_every=10),
        PriorConfig(width=32, heads=2, hidden=64, depth=1),
        TrainConfig(steps=20, batch_size=8, warmup=5, log_every=5, validate_every=20, save_every=10),
    ),
    # An hour on two cores: what is shipped.
    "default": Preset(
        TokenizerConfig(),
        TrainConfig(steps=700, batch_size=96, learning_rate=1e-4, warmup=100, bf16=True, validate_every=100),
        GeneratorConfig(fusion="both", decoded=6),
        TrainConfig(steps=1300, batch_size=40, learning_rate=6e-4, warmup=100, bf16=True, validate_every=300),
        extractor_training=_EXTRACTOR,
        classifier_training=_CLASSIFIER,
        alignment_training=_ALIGNMENT,
        retrieval_training=_RETRIEVAL,
        denoiser_training=_DENOISER,
        mining_training=_MINING,
        emotion=EmotionConfig(smooth=20.0),
        emotion_training=_EMOTION,
        prior_training=_PRIOR,
    ),
    # For a GPU: the design of "default" in the sizes of the paper.
    "large": Preset(
        TokenizerConfig(width=512, codes=1024),
        TrainConfig(steps=20_000, batch_size=256, learning_rate=2e-4, warmup=500, bf16=True),
        GeneratorConfig(width=384, heads=6, depth=8, residual_depth=6, speech_width=384, speech_heads=6, decoded=32),
        TrainConfig(steps=40_000, batch_size=128, learning_rate=3e-4, warmup=1000, bf16=True),
        extractor_training=_EXTRACTOR,
        classifier_training=_CLASSIFIER,
        alignment=_LARGE_ALIGNMENT,
        alignment_training=replace(_ALIGNMENT, steps=10_000, batch_size=128, warmup=500),
        retrieval=RetrievalConfig(queue=4096, ramp=1000),
        retrieval_training=replace(_RETRIEVAL, steps=10_000, batch_size=128, warmup=500),
        denoiser=DenoiserConfig(width=384, heads=6, depth=8, speech_width=384, speech_heads=6),
        denoiser_training=replace(_DENOISER, steps=100_000, batch_size=128, learning_rate=2e-4, warmup=1000),
        mining=_LARGE_MINING,
        mining_training=replace(_MINING, steps=20_000, batch_size=128, warmup=500),
        emotion=EmotionConfig(width=384, heads=6, depth=4, smooth=20.0),
        emotion_training=replace(_EMOTION, steps=60_000, batch_size=128, learning_rate=3e-4, warmup=1000),
        prior=PriorConfig(width=384, heads=6, hidden=1536, depth=6),
        prior_training=replace(_PRIOR, steps=100_000, batch_size=256, learning_rate=3e-4, warmup=1000),
    ),
    # For a GPU: Contextual Gesture as its paper has it (appendices D and E), frame by frame and with a
    # residual generator of codes. Its text gives latent, layers, codes, the two blocks, 384 / 1024, the
    # depths, the window, the mask ratio and 50 for the reconstruction [P]. Ours are the width of the
    # tokenizer, the weights of velocity and acceleration, steps (the paper has 250 and 500 epochs), batches
    # and rates, and the linear start of the tokenizer. [D]
    "paper": Preset(
        TokenizerConfig(width=512, latent=128, blocks=2, downsample=1, layers=6, codes=1024, smooth=0.0),
        TrainConfig(steps=50_000, batch_size=256, learning_rate=2e-4, warmup=500, bf16=True),
        GeneratorConfig(
            width=384,
            heads=6,
            hidden=1024,
            depth=8,
            residual_depth=6,
            speech_width=384,
            speech_heads=6,
            speech_hidden=1024,
            speech_depth=2,
            window=80,
            fusion="cross",
            residual="codes",
            mask_low=0.5,
            decoded=32,
            reconstruction=50.0,
            velocity=50.0,
            acceleration=50.0,
        ),
        TrainConfig(steps=100_000, batch_size=128, learning_rate=2e-4, warmup=1000, bf16=True),
        extractor_training=_EXTRACTOR,
        classifier_training=_CLASSIFIER,
        alignment=replace(_LARGE_ALIGNMENT, downsample=1),
        alignment_training=replace(_ALIGNMENT, steps=20_000, batch_size=128, warmup=500),
        # ExGes on DiffuseStyleGesture [R]: 8 layers, feed-forward 1024, windows of 150 frames with 30 given,
        # AdamW at 3e-5, 200,000 steps [P]. It diffuses the tokenizer's latent, as ours does [D].
        retrieval=RetrievalConfig(queue=4096, ramp=1000),
        retrieval_training=replace(_RETRIEVAL, steps=20_000, batch_size=128, warmup=500),
        denoiser=DenoiserConfig(
            width=384,
            heads=8,
            hidden=1024,
            depth=8,
            window=150,
            speech_width=384,
            speech_heads=6,
            prefix=1.0,
            suffix=0.0,
        ),
        denoiser_training=replace(_DENOISER, steps=200_000, batch_size=128, learning_rate=3e-5, warmup=1000),
        # EmotionGesture [R]: sizes of its encoder, width 512, 8 heads, feed-forward 2048, 60 frames at 15 a
        # second with 10 given, one latent of 32 for a window, batches of 128 at 2e-4, 100 epochs. Adam's
        # first beta (0.5) and the stepped decay are not taken over. [D]
        mining=replace(_LARGE_MINING, downsample=1),
        mining_training=replace(_MINING, steps=30_000, batch_size=128, warmup=500, learning_rate=2e-4),
        emotion=EmotionConfig(width=512, heads=8, hidden=2048, window=50, chunk=50, squared=False),
        emotion_training=replace(_EMOTION, steps=100_000, batch_size=128, learning_rate=2e-4, warmup=1000),
        prior=PriorConfig(width=384, heads=6, hidden=1536, depth=6),
        prior_training=replace(_PRIOR, steps=100_000, batch_size=256, learning_rate=3e-4, warmup=1000),
    ),
}


def preset(name: str) -> Preset:
    """A preset by name. Raises UserError with the known names."""
    if name not in PRESETS:
        raise UserError(f"unknown preset {name!r}; known: {', '.join(PRESETS)}")
    return PRESETS[name]
