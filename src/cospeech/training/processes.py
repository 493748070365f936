"""The processes that train one model together, as torchrun starts them."""

from __future__ import annotations

import os
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class ProcessInfo:
    """Rank of this process, and how many train together."""

    rank: int = 0
    world_size: int = 1

    @property
    def first(self) -> bool:
        return self.rank == 0


def join_processes() -> ProcessInfo:
    """Join the process group that torchrun describes in the environment, if there is one."""
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    if world_size > 1 and not dist.is_initialized():
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    return ProcessInfo(int(os.environ.get("RANK", "0")), world_size)


@dataclass(frozen=True)
class RandomStates:
    """States of torch's default generators of every process, in order of rank."""

    cpu: list[Tensor]
    cuda: list[list[Tensor]]  # of every visible device; empty without one


def gather_random_states(process: ProcessInfo) -> RandomStates:
    """States of all processes; every one of them must call this."""
    own = (torch.get_rng_state(), torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [])
    states: list[tuple[Tensor, list[Tensor]]] = [own]
    if process.world_size > 1:
        gathered: list[tuple[Tensor, list[Tensor]] | None] = [None] * process.world_size
        dist.all_gather_object(gathered, own)
        states = [state for state in gathered if state is not None]
    return RandomStates([cpu for cpu, _ in states], [cuda for _, cuda in states])


def restore_random_state(states: RandomStates, process: ProcessInfo) -> None:
    """Set this process' generators; a process or device that was not there before keeps its own."""
    if process.rank < len(states.cpu):
        torch.set_rng_state(states.cpu[process.rank])
    if process.rank < len(states.cuda) and torch.cuda.is_available():
        for device, state in enumerate(states.cuda[process.rank][: torch.cuda.device_count()]):
            torch.cuda.set_rng_state(state, device)
