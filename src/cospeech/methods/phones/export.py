"""The model folder of a phone network."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np

from ... import __version__
from ...core.files import atomic_path, write_arrays
from ...speech.phones.inventory import PHONES
from ...speech.phones.network import FORMAT
from ...speech.phones.recording import LOOK_AHEADS
from ...training.loop import saved_run
from .network import PhoneNetwork, PhoneNetworkConfig
from .train import METHOD


def export_phones(run: str | Path, out: str | Path, *, name: str | None = None) -> Path:
    """Write the model folder of a run, its weights as float16.

    Raises:
        UserError: the folder is no run of a phone network, or nothing has been saved yet.
    """
    network, described = saved_run(run, {METHOD: lambda sizes: PhoneNetwork(PhoneNetworkConfig(**sizes))})
    assert isinstance(network, PhoneNetwork)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    arrays = {key: value.numpy().astype(np.float16) for key, value in network.state_dict().items()}
    write_arrays(out / "network.safetensors", arrays)
    config = {
        "format": FORMAT,
        "method": METHOD,
        "name": name or out.name,
        "package_version": __version__,
        "config": asdict(network.config),
        "phones": list(PHONES),
        "look_aheads": list(LOOK_AHEADS),
        "trained_on": described["sources"],
    }
    with atomic_path(out / "config.json") as path:
        path.write_text(json.dumps(config, indent=1))
    return out
