"""What a measurement is to do: sizes, shapes, rounds, and whom to measure against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from ..errors import RewriterError

PEERS: Mapping[str, str] = {
    "hand": "hand recipe (encoder in jit)",
    "trace": 'one-liner jit(capture_mode="trace")',
    "torch": "PyTorch, eager",
    "compile": "torch.compile",
    "ort": "ONNX Runtime",
    "ort-opt": "ONNX Runtime, transformer optimizer",
}
"""What people do instead, in the order of the tables, and how the tables call it."""

TITLES: Mapping[str, str] = {"original": "original, eager", "rewritten": "rewritten", **PEERS}
TORCH_PEERS = ("torch", "compile", "ort", "ort-opt")
"""Those that need PyTorch, which runs in a process of its own."""

SIZES = ("base", "tiny")
PROTOCOLS = ("statistics", "contest")
CONTEST_ROUNDS = 1000


class Progress(Protocol):
    """Told what runs, and how much of everything is done, from 0 to 1."""

    def __call__(self, what: str, done: float = 0.0) -> None:
        """Tell."""


def silent(what: str, done: float = 0.0) -> None:
    """Tell nobody."""


@dataclass(frozen=True)
class Plan:
    """The choices of one measurement.

    Attributes:
        size: "base" for the configuration's defaults (BERT-base, CLIP ViT-B/32), "tiny" for two small layers.
        batches: Rows per call, one after the other.
        lengths: Tokens per row, one after the other; ignored where a model takes images only.
        rounds: Timed calls of each contender.
        warmup: Calls after the first that are not timed.
        protocol: "statistics": every contender once per round, so that a slow minute hits all of them. "contest": the
            average over `rounds` calls in a row after the first.
        models: Names of model classes; one per kind of input when empty.
        peers: Keys of `PEERS`.
        threads: Threads of each contender; None for as many as there are cores.
        peer_python: Interpreter with PyTorch; None to look for one.
        memory: Also run each contender in a process of its own, for its peak memory.
        buckets: Numbers of tokens that the rewritten models pad their inputs to; none for as they come.

    Raises:
        RewriterError: A choice that there is not.
    """

    size: str = "base"
    batches: tuple[int, ...] = (1,)
    lengths: tuple[int, ...] = (128,)
    rounds: int = 7
    warmup: int = 1
    protocol: str = "statistics"
    models: tuple[str, ...] = ()
    peers: tuple[str, ...] = ()
    threads: int | None = None
    peer_python: str | None = None
    memory: bool = False
    buckets: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise RewriterError(f"--size {self.size}: there are {' and '.join(SIZES)}")
        if self.protocol not in PROTOCOLS:
            raise RewriterError(f"--protocol {self.protocol}: there are {' and '.join(PROTOCOLS)}")
        for name in self.peers:
            if name not in PEERS:
                raise RewriterError(f"--peers {name}: there are {', '.join(PEERS)}")
        for option, values in (("--batch", self.batches), ("--length", self.lengths)):
            if not values or min(values) < 1:
                raise RewriterError(f"{option}: numbers from 1 on, with commas between them")
        if self.rounds < 1 or self.warmup < 0 or (self.threads is not None and self.threads < 1):
            raise RewriterError("--rounds and --threads count from 1, --warmup from 0")
