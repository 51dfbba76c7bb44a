"""A session: a run that a test runner asks for one case at a time, in any order."""

from __future__ import annotations

from .run import Run, subject_key
from .surface import compare_surfaces
from .verdict import MethodRuns


class Session(Run):
    """A run that also answers for the pair of files as a whole, with as few cases as that takes.

    `verify` answers when everything ran. A test runner wants one case at a time, without building the models and
    compiling their graphs anew for each.
    """

    def surface(self) -> list[str]:
        """Return what a caller can see that is not as it was: names, signatures, and the layout of weights."""
        for case in {subject_key(case): case for case in reversed(self.cases)}.values():
            self.build(case)
        return [*compare_surfaces(*self.modules), *dict.fromkeys(self.problems)]

    def methods(self) -> tuple[MethodRuns, ...]:
        """Return what became of the twin's compiled methods, once each of them was called by some case."""
        for case in self.cases:
            if all(method.calls for method in self.seen()):
                break
            self.check(case)
        return self.seen()
