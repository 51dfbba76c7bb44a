"""The rule by which a pass counts as faster: the median of the rounds, and a sign test over them.

The times of one round were taken within seconds of each other, so their ratio is to be trusted more than either time.
The median does not mind a slow round, and the sign test asks whether luck alone would have given that many of them.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum

MARGIN = 1.01
"""So many times as fast must a pass make a model, at least."""

CHANCE = 0.01
"""So likely may it be, at most, that luck gave as many rounds to one side."""

LEAST_ROUNDS = math.ceil(-math.log2(CHANCE))
"""With fewer rounds than this, luck may have given all of them."""


class Speed(str, Enum):
    """How the time of one file compares with that of another."""

    FASTER = "faster"
    LEVEL = "no faster"
    SLOWER = "slower"


@dataclass(frozen=True)
class Comparison:
    """The times of a file against those of another.

    Attributes:
        ratio: Median over the rounds of (time of the other / time of this one); above 1 this one is faster.
        wins: Rounds in which this one was faster.
        rounds: All rounds.
        margin: The ratio from which on it counted.
        speed: What it comes to.
    """

    ratio: float
    wins: int
    rounds: int
    margin: float
    speed: Speed

    def __str__(self) -> str:
        return f"{self.ratio:.2f}x, faster in {self.wins} of {self.rounds} rounds"


def compare(times: Sequence[float], others: Sequence[float], margin: float = MARGIN) -> Comparison:
    """Compare two files by what they took in the same rounds.

    Args:
        times: Of the one, round by round.
        others: Of the other.
        margin: The ratio of medians that is no more than noise.
    """
    ratios = [other / one for one, other in zip(times, others, strict=True)]
    ratio, wins = statistics.median(ratios), sum(one > 1 for one in ratios)
    losses = sum(one < 1 for one in ratios)
    speed = Speed.LEVEL
    if ratio >= margin and luck(wins, losses) <= CHANCE:
        speed = Speed.FASTER
    elif ratio <= 1 / margin and luck(losses, wins) <= CHANCE:
        speed = Speed.SLOWER
    return Comparison(ratio, wins, len(ratios), margin, speed)


def luck(wins: int, losses: int) -> float:
    """Return how likely so many wins or more are where each side wins a round as often as the other."""
    rounds = wins + losses
    return sum(math.comb(rounds, count) for count in range(wins, rounds + 1)) * 0.5**rounds


def noise(times: Sequence[float], again: Sequence[float]) -> float:
    """Return the margin that a machine needs, from one file that was timed twice in the same rounds.

    It is `MARGIN`, or more where the file seems to be faster, or slower, than itself.
    """
    ratio = compare(times, again).ratio
    return max(MARGIN, ratio, 1 / ratio)


def is_worth_it(comparisons: Iterable[Comparison]) -> bool:
    """Tell whether a pass is to stay: it is faster somewhere, and slower nowhere."""
    found = [item.speed for item in comparisons]
    return Speed.FASTER in found and Speed.SLOWER not in found
