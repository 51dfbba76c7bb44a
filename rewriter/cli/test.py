"""`rewriter test`: run the examples of passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from .options import JsonOption
from .session import reporting

if TYPE_CHECKING:
    from ..examples import Finding
    from ..passes import Example, Pass
    from ..report import Report
    from ..weights import WeightPass

_HAS_EXAMPLES = "it has examples"


def command(
    plugins: Annotated[
        list[str], typer.Argument(metavar="PLUGIN…", help="Pass files, importable modules or installed plugins.")
    ],
    run: Annotated[
        bool,
        typer.Option("--run/--no-run", help="Run the examples of graph passes before and after, compiled too."),
    ] = True,
    json: JsonOption = False,
) -> None:
    """Run the examples of passes: each must become what it says, or stay for the reason it gives.

    An example holds when the result is the one written down and is Python, its sites are reported, and a second run
    changes nothing. The examples of a graph pass are executed besides, as `rewriter verify` does: before and after must
    compute the same, and compile under STRICT where the other passes make a graph of it. Those of a weight pass are
    carried out on drawn weights. A pass without examples fails.

    Exit codes: 0 all hold; 1 one does not; 2 a plugin cannot be loaded or brings no pass.

    Examples:

      rewriter test my_pass.py

      rewriter test my_pass.py --json

      rewriter test builtin --no-run
    """
    with reporting(as_json=json) as report:
        from ..examples import brought_by

        brought = [(plugin, *brought_by(plugin)) for plugin in dict.fromkeys(plugins)]
        found: list[tuple[str, Pass | WeightPass]] = []
        for plugin, passes, weights in brought:
            found += [*((plugin, item) for item in passes), *((plugin, item) for item in weights)]
        results = [result for plugin, item in found for result in _tested(plugin, item, report, run=run)]
        report.table("examples", [], [result.to_json() for result in results])
        if not json:
            _print(results, report)
        report.worsen(1 if any(result.problem for result in results) else 0)


@dataclass(frozen=True)
class _Result:
    """What became of one example; of none, where a pass lacks them."""

    plugin: str
    item: Pass | WeightPass
    example: str
    findings: tuple[Finding, ...]

    @property
    def problem(self) -> str:
        """What is wrong; empty when it holds."""
        return next((finding.problem for finding in self.findings if finding.problem), "")

    @property
    def notes(self) -> list[str]:
        """What should be known of it all the same."""
        return [finding.note for finding in self.findings if finding.note]

    def to_json(self) -> dict[str, object]:
        """Return it as a JSON object."""
        return {
            "plugin": self.plugin,
            "pass": self.item.name,
            "example": self.example,
            "ok": not self.problem,
            "checks": [finding.what for finding in self.findings],
            "problem": self.problem,
            "notes": self.notes,
        }


def _tested(plugin: str, item: Pass | WeightPass, report: Report, *, run: bool) -> list[_Result]:
    """Run the examples of a pass."""
    from ..examples import Finding

    if not item.examples:
        return [_Result(plugin, item, "", (Finding(_HAS_EXAMPLES, "it has no examples, so nothing is known of it"),))]
    results = []
    with report.progress(f"testing {item.name}") as step:
        for title, look in _looks(item, run=run):
            step(title)
            results.append(_Result(plugin, item, title, tuple(look())))
    return results


def _looks(item: Pass | WeightPass, *, run: bool) -> Iterator[tuple[str, Callable[[], Sequence[Finding]]]]:
    """Yield the title of each example, and what looks at it."""
    from ..examples import examine_weights
    from ..passes import Pass

    if isinstance(item, Pass):
        for example in item.examples:
            yield example.title, partial(_looked_at, item, example, run=run)
    else:
        for weights in item.examples:
            yield weights.title, partial(examine_weights, item, weights)


def _looked_at(item: Pass, example: Example, *, run: bool) -> Sequence[Finding]:
    from ..examples import examine

    findings = examine(item, example)
    return findings if findings[-1].problem or not run else [*findings, *_run(item, example)]


def _run(item: Pass, example: Example) -> Sequence[Finding]:
    """Execute an example of a graph pass; nothing for any other."""
    from ..passes import Kind

    if item.kind is not Kind.GRAPH or example.after is None:
        return []
    from ..api import select
    from ..equivalence.pass_examples import compare
    from ..plugins import load

    return [compare(item, example, select(load()))]


def _print(results: Sequence[_Result], report: Report) -> None:
    """Print a line for each example, and what is wrong below it."""
    from rich.markup import escape

    shown = None
    for result in results:
        if shown != (result.plugin, result.item.name):
            shown = (result.plugin, result.item.name)
            report.console.print(f"[bold]{escape(result.item.name)}[/bold]  ({escape(result.plugin)})")
        mark = "[red]failed[/red]" if result.problem else "[green]ok[/green]    "
        notes = f"  ({'; '.join(result.notes)})" if result.notes else ""
        report.console.print(f"  {mark}  {escape(result.example + notes)}")
        for line in result.problem.splitlines():
            _print_line(line, report)
    failed = sum(bool(result.problem) for result in results)
    noun = "example" if len(results) == 1 else "examples"
    report.console.print(f"{len(results)} {noun}, {f'{failed} failed' if failed else 'all hold'}")


def _print_line(line: str, report: Report) -> None:
    from rich.text import Text

    colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "")
    report.console.print(Text(f"            {line}", style=colour))
