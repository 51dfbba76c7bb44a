"""What a stand-in is: a function of the documented meaning, and the call that tells whether it is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StandIn:
    """A function for the place of another.

    Attributes:
        function: Takes what the original takes and means what its documentation says. It is made of operators that
            every device has, so that gradients flow through it and, unless its docstring says otherwise, it compiles.
        probe: The original's call on a few numbers. It is made when the stand-ins are put in place.
    """

    function: Callable[..., Any]
    probe: Callable[[], Any]
