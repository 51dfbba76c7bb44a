"""The examples of passes as tests: finding them in a plugin, and checking one."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from . import pipeline, plugins, source
from .errors import PluginError
from .passes import Example, Outcome, Pass
from .pipeline import Result
from .plugins import PluginHost
from .targets import Target


def passes_of(plugin: str | Path) -> list[Pass]:
    """Return the passes that one plugin registers, in a stable order.

    Args:
        plugin: A file (`my_pass.py`), an importable module, or the name of an installed plugin.

    Raises:
        PluginError: There is no such plugin, it cannot be imported, or it registers no pass.
    """
    text = str(plugin)
    is_installed = text in {name for name, _ in plugins.load().manager.list_name_plugin()}
    host = plugins.load(() if is_installed else (text,))
    found = [item for owner, item in host.passes() if _is_it(host, owner, text)]
    if found:
        return found
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


def check(item: Pass, example: Example) -> None:
    """Make sure that a pass does with an example what the example says, and nothing when it runs again.

    Raises:
        AssertionError: It does not; the message has the difference.
    """
    result = apply([item], example, example.before)
    if example.after is None:
        _check_twin(result, example)
    else:
        difference = _difference(example.after, result.text)
        assert not difference, f"the result is not the example's `after`:\n{difference}"
        assert result.count(Outcome.REWRITTEN), "no site is reported as rewritten; call context.rewritten"
    again = apply([item], example, result.text)
    assert not again.changed, f"a second run changes the result again:\n{again.diff()}"
    assert not again.count(Outcome.REWRITTEN), f"a second run reports sites as rewritten: {_reasons(again)}"


def apply(passes: Sequence[Pass], example: Example, text: str) -> Result:
    """Run passes over a text, for the target of an example.

    Raises:
        AssertionError: A pass raised.
    """
    target = Target.parse(example.device, example.mindspore)
    result = pipeline.run(source.parse(text.encode(), name="example.py"), passes, target)
    errors = [f"{failure.pass_name}: {failure.error}" for failure in result.failures]
    assert not errors, f"the pass failed: {'; '.join(errors)}"
    return result


def _check_twin(result: Result, example: Example) -> None:
    """Make sure that what must not be rewritten was not, and for the reason that the example gives."""
    assert not result.changed, f"an example that must stay as it is was rewritten:\n{result.diff()}"
    assert not result.count(Outcome.REWRITTEN), f"sites are reported as rewritten: {_reasons(result)}"
    skipped = [site.reason for site in result.sites if site.outcome is Outcome.SKIPPED]
    assert not example.reason or any(example.reason in reason for reason in skipped), (
        f"no skipped site gives the reason {example.reason!r}; the reasons are {skipped}"
    )


def _reasons(result: Result) -> list[str]:
    return [f"line {site.line}: {site.what}: {site.reason}" for site in result.sites]


def _difference(expected: str, actual: str) -> str:
    lines = difflib.unified_diff(expected.splitlines(), actual.splitlines(), "after", "result", lineterm="")
    return "\n".join(lines) or ("" if expected == actual else "line endings differ")
