"""A matte of the person in a picture, right to the pixel, where the network for it was fetched.

ISNet (Qin et al., "Highly accurate dichotomous image segmentation", ECCV 2022; weights for any object, Apache License
2.0), in int8 as ``matting_setup`` fetches it. It is optional: without it the cut follows the coarser mask of the
keypoints' networks [D].
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np

from ...core.errors import UserError
from ...core.parallel import processors
from ...core.progress import stage
from .detector import cache_arrays, cache_folder, cached_arrays
from .matting_setup import MATTING_HASH, matting_file
from .setup import FOLDER

SIDE = 1024  # pixels of the network's square
MIDDLE, RANGE = 128.0, 256.0  # of its input


def person_matte(picture: np.ndarray, *, name: str, cache: bool = True) -> np.ndarray | None:
    """The share of the person in each pixel, or of whatever else a picture shows; cached like keypoints.

    Args:
        picture: [H, W, 3] uint8 sRGB.
        name: of the file, for messages.
        cache: False to compute it anew and cache nothing.

    Returns:
        [H, W] uint8, 255 where all is person; None if the network is not set up.

    Raises:
        UserError: the network is damaged.
    """
    named = os.environ.get(FOLDER)
    network = matting_file(named)
    if not network.is_file():
        return None
    digest = hashlib.sha256(MATTING_HASH.encode() + repr(picture.shape).encode() + np.ascontiguousarray(picture).data)
    cached = cache_folder() / f"{digest.hexdigest()[:32]}-matte.npz" if cache else None
    known = cached_arrays(cached, ("matte",)).get("matte") if cached is not None else None
    if known is not None and known.shape == picture.shape[:2] and known.dtype == np.uint8:
        return known
    stage(f"cutting out the person in {name}")
    found = _matte(network, picture)
    if cached is not None:
        cache_arrays({"matte": found}, cached)
    return found


def _matte(network: Path, picture: np.ndarray) -> np.ndarray:
    import onnxruntime
    from PIL import Image

    with open(network, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != MATTING_HASH:
        raise UserError(f"{network} is damaged; delete it and run `cospeech video setup`")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = processors()
    options.enable_cpu_mem_arena = False  # it runs once
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(network), options, providers=["CPUExecutionProvider"])
    square = Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BILINEAR)
    values = (np.asarray(square, np.float32) - MIDDLE) / RANGE
    inputs = {session.get_inputs()[0].name: np.ascontiguousarray(values.transpose(2, 0, 1)[None])}
    (matte,) = session.run([session.get_outputs()[0].name], inputs)
    whole = Image.fromarray(np.clip(np.round(matte[0, 0] * 255), 0, 255).astype(np.uint8))
    return np.asarray(whole.resize(picture.shape[1::-1], Image.Resampling.BOX))
