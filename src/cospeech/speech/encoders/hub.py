"""Getting pretrained networks from a folder, from the cache of Hugging Face, or from its hub."""

from __future__ import annotations

import hashlib
import re
import socket
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import torch
from torch import Tensor, nn

from ...core.errors import UserError
from ...core.progress import stage

T = TypeVar("T")
PATIENCE = 10.0  # seconds until the hub counts as out of reach
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
_UNUSED = ("masked_spec_embed", "pooler.")  # of training, and of whole sentences: never read here


def find(load: Callable[[bool], T], name: str) -> T:
    """What ``load`` returns: of a folder or of the cache if it is there, else of the network.

    Args:
        load: called with local_files_only, True first.
    Raises:
        UserError: it is nowhere, or damaged; one line that says what to do.
    """
    with _quiet():
        try:
            return load(True)
        except Exception as error:  # transformers, pickle and safetensors raise a dozen types
            if Path(name).is_dir():
                raise UserError(
                    f"{name} is no folder of a pretrained network ({_line(error)}); give one as "
                    "`hf download` or save_pretrained writes it"
                ) from error
        if not _HUB_NAME.fullmatch(name):
            raise UserError(f"no folder {name}; give one, or a name of Hugging Face as in microsoft/wavlm-large")
        if not _in_reach():
            raise UserError(
                f"{name} is no folder and not in the cache of Hugging Face, which is out of reach; check the "
                f"name, or run `hf download {name} --local-dir FOLDER` where there is a network and give "
                "that folder"
            )
        stage(f"fetching {name}")
        try:
            return load(False)
        except Exception as error:  # likewise
            raise UserError(
                f"{name} cannot be had from Hugging Face ({_line(error)}); check the name and its terms"
            ) from error


def open_config(name: str) -> Any:
    """The config of a network; raises as ``find``."""
    from transformers import AutoConfig

    return find(lambda local: AutoConfig.from_pretrained(name, local_files_only=local), name)


def open_network(name: str) -> nn.Module:
    """The network without its heads, float32, for inference, on a graphics card if there is one.

    Raises:
        UserError: as ``find``, or weights are missing.
    """
    from transformers import AutoModel

    def load(local: bool) -> tuple[nn.Module, dict[str, Any]]:
        found: tuple[nn.Module, dict[str, Any]] = AutoModel.from_pretrained(
            name, local_files_only=local, output_loading_info=True
        )
        return found

    network, info = find(load, name)
    own = {key for key, _ in network.named_parameters()}
    missing = sorted(key for key in info["missing_keys"] if key in own and _is_read(key))
    if missing:
        raise UserError(f"{name} lacks {len(missing)} weights, as {missing[0]}; fetch or save it again")
    network.requires_grad_(False)
    return network.eval().float().to("cuda" if torch.cuda.is_available() else "cpu")


def weights_mark(network: nn.Module, reading: object) -> str:
    """Eight hex digits of the weights that are read; the same however they are named or stored.

    Args:
        reading: what else the states depend on, as text.
    """
    marks = [repr(reading).encode()]
    for name, weight in network.named_parameters():
        if _is_read(name):
            values = weight.detach().float().cpu().contiguous().numpy()
            marks.append(hashlib.sha256(str(values.shape).encode() + b" " + values.data).digest())
    return hashlib.sha256(b"".join(sorted(marks))).hexdigest()[:8]


def check_layer(layer: str, blocks: int, name: str) -> None:
    """Raises UserError if a network of so many blocks has no such layer."""
    number = layer.removeprefix("mean:")
    if layer != "last" and int(number) > blocks + layer.startswith("mean:"):
        raise UserError(
            f"{name} has {blocks} blocks and no layer {layer}; give last, 0 to {blocks}, or mean:1 to mean:{blocks + 1}"
        )


def run(network: nn.Module, layer: str, blocks: int, precision: str, **inputs: Tensor) -> Tensor:
    """One layer of a network's answer to a batch of one: [S, W] float32, on the CPU.

    The last layer is always what the network hands on, with its last norm; transformers 4 and 5 differ in
    whether the last of ``hidden_states`` has that.
    """
    device = next(network.parameters()).device
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        put = {key: value.to(device) for key, value in inputs.items()}
        output = network(**put, output_hidden_states=layer != "last")
    states = (output.last_hidden_state,)
    if layer != "last":
        every = (*output.hidden_states[:blocks], output.last_hidden_state)
        states = every[-int(layer[5:]) :] if layer.startswith("mean:") else (every[int(layer)],)
    result: Tensor = sum(state[0].float() for state in states) / len(states)
    return result.cpu()


def _is_read(name: str) -> bool:
    return not any(part in name for part in _UNUSED)


def _in_reach() -> bool:
    """Would the hub answer? Asked first, because the library itself tries for half a minute."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    if urllib.request.getproxies():
        return True  # not to be asked directly
    url = urlsplit(constants.ENDPOINT)
    try:
        port = url.port or (80 if url.scheme == "http" else 443)
        socket.create_connection((url.hostname or "", port), timeout=PATIENCE).close()
    except OSError:
        return False
    return True


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what transformers says while it loads; it is told what is wrong in one line instead."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _line(error: Exception) -> str:
    return (" ".join(str(error).split()) or type(error).__name__)[:160].rstrip(".")
