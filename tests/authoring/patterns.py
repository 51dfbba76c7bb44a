"""Trying a pattern on a piece of code: what the tests of patterns share."""

from __future__ import annotations

from dataclasses import dataclass

from rewriter import Outcome, PatternPass, pipeline, source
from rewriter.targets import Target

HEADER = "from mindspore import mint, nn, ops\n"


@dataclass(frozen=True)
class Tried:
    """What became of an expression."""

    code: str
    reasons: list[str]
    count: int
    text: str


def make(pattern, replacement, signatures=(), check=None, name="mine"):
    """Make a pattern pass."""
    members = {"name": name, "pattern": pattern, "replacement": replacement, "signatures": signatures}
    if check is not None:
        members["check"] = check
    return type("Mine", (PatternPass,), members)()


def run(text, *passes):
    """Run passes over the text of a file; a pass that raises fails the test."""
    result = pipeline.run(source.parse(text.encode(), name="modeling.py"), passes, Target())
    assert not result.failures
    compile(result.data, "modeling.py", "exec", dont_inherit=True)
    return result


def in_a_file(code, arguments="self, a, b, c, f, x, y", header=HEADER):
    """Return a small modeling file whose forward returns an expression."""
    return f"{header}\n\nclass Model(nn.Cell):\n    def construct({arguments}):\n        return {code}\n"


def tried(code, item, **options):
    """Run a pass over an expression, twice: the second run must change nothing."""
    result = run(in_a_file(code, **options), item)
    again = run(result.text, item)
    assert not again.changed
    assert not again.count(Outcome.REWRITTEN)
    reasons = [site.reason for site in result.sites if site.outcome is Outcome.SKIPPED]
    code = result.text.partition("        return ")[2].removesuffix("\n")
    return Tried(code, reasons, result.count(Outcome.REWRITTEN), result.text)
