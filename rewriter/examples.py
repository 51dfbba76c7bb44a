"""The examples of passes as tests: finding them in a plugin, and checking one."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import pipeline, plugins, source
from .errors import PluginError, RewriterError
from .passes import Example, Outcome, Pass
from .pipeline import Result
from .plugins import PluginHost
from .targets import Target

if TYPE_CHECKING:
    from .weights import WeightExample, WeightPass


def passes_of(plugin: str | Path) -> list[Pass]:
    """Return the passes over modeling files that one plugin registers, in a stable order; see `brought_by`."""
    return brought_by(plugin)[0]


def brought_by(plugin: str | Path) -> tuple[list[Pass], list[WeightPass]]:
    """Return the passes that one plugin registers, and its weight passes, in a stable order.

    Args:
        plugin: A file (`my_pass.py`), an importable module, or the name of an installed plugin.

    Raises:
        PluginError: There is no such plugin, it cannot be imported, or it registers no pass.
    """
    text = str(plugin)
    is_installed = text in {name for name, _ in plugins.load().manager.list_name_plugin()}
    host = plugins.load(() if is_installed else (text,))
    found = [item for owner, item in host.passes() if _is_it(host, owner, text)]
    weights = [item for owner, item in host.weight_passes() if _is_it(host, owner, text)]
    if found or weights:
        return found, weights
    broken = [why for name, why in host.broken.items() if _is_it(host, name, text)]
    raise PluginError(
        f"plugin {text}: {broken[0] if broken else 'it registers no pass'}",
        hint="Return its passes from a function rewriter_passes that is marked with rewriter.hookimpl.",
    )


def _is_it(host: PluginHost, owner: str, text: str) -> bool:
    """Whether the plugin registered as `owner` is the one that the user calls `text`."""
    module = host.manager.get_plugin(owner)
    file = getattr(module, "__file__", None)
    if text.endswith(".py"):
        return file is not None and Path(file).resolve() == Path(text).resolve()
    return text in (owner, getattr(module, "__name__", ""))


@dataclass(frozen=True)
class Finding:
    """One thing that an example was looked at for.

    Attributes:
        what: What it was.
        problem: What is wrong; empty when nothing is.
        note: What should be known of it all the same.
    """

    what: str
    problem: str = ""
    note: str = ""


def check(item: Pass, example: Example) -> None:
    """Make sure that a pass does with an example what the example says, and nothing when it runs again.

    Raises:
        AssertionError: It does not; the message has the difference.
    """
    for finding in examine(item, example):
        assert not finding.problem, finding.problem


def check_any(item: Pass | WeightPass, example: Example | WeightExample) -> None:
    """Do as `check` does, for a pass of either kind.

    Raises:
        AssertionError: The example does not hold.
    """
    if isinstance(item, Pass) and isinstance(example, Example):
        check(item, example)
        return
    from .weights import WeightExample, WeightPass
    from .weights.examples import check as check_weights

    assert isinstance(item, WeightPass)
    assert isinstance(example, WeightExample)
    check_weights(item, example)


def examine(item: Pass, example: Example) -> list[Finding]:
    """Look at what a pass does with an example, and with its own result: text, sites, second run.

    Returns:
        What was looked at, in order; nothing after the first problem.
    """
    found: list[Finding] = []
    for finding in _findings(item, example):
        found.append(finding)
        if finding.problem:
            break
    return found


def _findings(item: Pass, example: Example) -> Iterator[Finding]:
    try:
        result = apply([item], example, example.before)
        yield Finding("it runs and writes Python")
        if example.after is None:
            yield from _of_twin(result, example)
        else:
            yield from _of_pair(result, example.after)
        again = apply([item], example, result.text)
    except AssertionError as error:
        yield Finding("it runs and writes Python", str(error))
        return
    told = f"a second run changes the result again:\n{again.diff()}" if again.changed else ""
    if not told and again.count(Outcome.REWRITTEN):
        told = f"a second run reports sites as rewritten: {_reasons(again)}"
    yield Finding("a second run changes nothing", told)


def examine_weights(item: WeightPass, example: WeightExample) -> list[Finding]:
    """Look at what a weight pass does with an example: the plan, its promise, and a second run."""
    from .weights.examples import check as check_weights

    try:
        check_weights(item, example)
    except (AssertionError, RewriterError) as error:
        return [Finding("its plan and its promise", str(error))]
    return [Finding("its plan and its promise")]


def apply(passes: Sequence[Pass], example: Example, text: str) -> Result:
    """Run passes over a text, for the target of an example.

    Raises:
        AssertionError: A pass raised, wrote something that is not Python, or the text is no modeling file.
    """
    target = Target.parse(example.device, example.mindspore, capture=example.capture)
    try:
        result = pipeline.run(source.parse(text.encode(), name="example.py"), passes, target)
    except RewriterError as error:
        raise AssertionError(f"the example cannot be rewritten: {error.message}") from None
    errors = [f"{failure.pass_name}: {failure.error}" for failure in result.failures]
    assert not errors, f"the pass failed: {'; '.join(errors)}"
    return result


def _of_pair(result: Result, after: str) -> Iterator[Finding]:
    """Look at what was rewritten: is it what the example says, and is it told?"""
    difference = _difference(after, result.text)
    yield Finding("the result", f"the result is not the example's `after`:\n{difference}" if difference else "")
    told = "" if result.count(Outcome.REWRITTEN) else "no site is reported as rewritten; call context.rewritten"
    yield Finding("its sites", told)


def _of_twin(result: Result, example: Example) -> Iterator[Finding]:
    """Look at what must not be rewritten: was it left, and for the reason that the example gives?"""
    told = f"an example that must stay as it is was rewritten:\n{result.diff()}" if result.changed else ""
    yield Finding("it stays as it is", told)
    told = f"sites are reported as rewritten: {_reasons(result)}" if result.count(Outcome.REWRITTEN) else ""
    skipped = [site.reason for site in result.sites if site.outcome is Outcome.SKIPPED]
    if not told and example.reason and not any(example.reason in reason for reason in skipped):
        told = f"no skipped site gives the reason {example.reason!r}; the reasons are {skipped}"
    yield Finding("its sites", told)


def _reasons(result: Result) -> list[str]:
    return [f"line {site.line}: {site.what}: {site.reason}" for site in result.sites]


def _difference(expected: str, actual: str) -> str:
    lines = difflib.unified_diff(expected.splitlines(), actual.splitlines(), "after", "result", lineterm="")
    return "\n".join(lines) or ("" if expected == actual else "line endings differ")
