"""Telling the user what happened: text with rich, or one JSON document.

Colours and progress bars are for terminals only; rich turns them off when the output is piped.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from .errors import RewriterError
from .passes import Outcome, Site
from .summary import Row, Standing, row_of, totals

if TYPE_CHECKING:
    from .job import FileOutcome

SCHEMA = 1
"""Version of the JSON document; it changes when a field is renamed or removed."""

_COLOURS = {Outcome.REWRITTEN: "green", Outcome.SKIPPED: "yellow", Outcome.ROLLED_BACK: "red"}
_OF_FILES = {Standing.REWRITTEN: "green", Standing.PARTLY: "yellow", Standing.LEFT: "red"}
_SHOWN_SKIPS = 8


class Report:
    """Collects what a command did and prints it.

    Args:
        as_json: Print one JSON document at the end, and nothing else on standard output.
        verbose: List every site.
        diff: Print the unified diffs.

    Attributes:
        console: What the text goes to; quiet with `as_json`.
        exit_code: The worst so far: 0 done, 1 a promise failed, 2 usage or unreadable input.
        in_short: Whether the files come as one table at the end, and not each by itself.
        listeners: Called with what became of each input, before it is told.
    """

    def __init__(self, *, as_json: bool = False, verbose: bool = False, diff: bool = False) -> None:
        self.as_json = as_json
        self.console = Console(quiet=as_json, soft_wrap=True, highlight=False, emoji=False)
        self.exit_code = 0
        self.in_short = False
        self.listeners: list[Callable[[FileOutcome], None]] = []
        self._rows: list[Row] = []
        self._verbose = verbose
        self._diff = diff
        self._document: dict[str, Any] = {"schema": SCHEMA}

    @contextmanager
    def progress(self, title: str) -> Iterator[Callable[[str], None]]:
        """Show what is running on standard error while the block runs; yields a function to name the step."""
        with output_to_stderr() if self.as_json else nullcontext():
            if not sys.stderr.isatty():
                yield lambda name: None
                return
            console = Console(stderr=True)
            with console.status(escape(title)) as status:
                yield lambda name: status.update(escape(f"{title}: {name}"))

    def add(self, outcome: FileOutcome) -> None:
        """Tell what became of one input."""
        for listener in self.listeners:
            listener(outcome)
        self.worsen(outcome.exit_code)
        self._document.setdefault("files", []).append(_file_document(outcome, with_diff=self._diff))
        self._rows.append(row_of(outcome))
        result = outcome.result
        if self.in_short and not self.as_json:
            if self._diff:
                self._print_diff(result.diff(to_name=str(outcome.written or result.source.name)))
            self._print_rolled_back(outcome)
        if self.in_short or self.as_json:
            return
        self.console.print(f"[bold]{escape(result.source.name)}[/bold]  ({result.dialect.name}, {_target(outcome)})")
        if self._diff:
            self._print_diff(result.diff(to_name=str(outcome.written or result.source.name)))
        self._print_sites(result.sites)
        self._print_rolled_back(outcome)
        for failure in result.failures:
            self.console.print(
                f"  [red]pass {escape(failure.pass_name)} failed and was left out:[/red] {escape(failure.error)}"
            )
        if outcome.problem:
            self.console.print(f"  [red]{escape(outcome.problem)}[/red]")
        if outcome.note:
            self.console.print(f"  {escape(outcome.note)}")
        if outcome.written is not None:
            added, removed = _diff_size(result.diff())
            self.console.print(f"  wrote [bold]{escape(str(outcome.written))}[/bold]  (+{added} -{removed} lines)")

    def error(self, error: RewriterError, *, source: str | None = None) -> None:
        """Add a mistake to the JSON document, and its exit code; the text of it is for standard error, not here."""
        self.worsen(error.exit_code)
        self.put("errors", {"source": source, "message": error.message, "hint": error.hint})
        if source is not None:
            self._rows.append(Row(source, Standing.LEFT, why=error.message))

    def warn(self, message: str) -> None:
        """Print what the user should not overlook."""
        self.put("warnings", message)
        self.console.print(f"  [yellow]warning: {escape(message)}[/yellow]")

    def worsen(self, exit_code: int) -> None:
        """Make sure that the command ends with at least `exit_code`."""
        self.exit_code = max(self.exit_code, exit_code)

    def put(self, key: str, value: Any) -> None:
        """Add `value` to the JSON document under `key`, as the next item of a list."""
        self._document.setdefault(key, []).append(value)

    def table(
        self, key: str, rows: Sequence[Mapping[str, str]], documents: Sequence[Mapping[str, object]] | None = None
    ) -> None:
        """Print rows that share their keys.

        Args:
            key: Where they stand in the JSON document.
            rows: What is printed.
            documents: What the JSON document has in their place; the rows themselves when None.
        """
        self._document[key] = list(rows if documents is None else documents)
        if self.as_json or not rows:
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in rows[0]:
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*(escape(value) for value in row.values()))
        Console(highlight=False, emoji=False).print(table)

    def broken_plugins(self, broken: Mapping[str, str]) -> None:
        """Name the plugins that are not used, on standard error."""
        self._document["broken_plugins"] = dict(broken)
        for name, why in sorted(broken.items()):
            console = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)
            console.print(f"[yellow]plugin {escape(name)} is not used, or in part:[/yellow] {escape(why)}")

    def close(self) -> None:
        """Print the table of all files, or the JSON document, if that was asked for."""
        if self.in_short:
            self._document["summary"] = [row.to_json() for row in self._rows]
            self._print_rows()
        if self.as_json:
            print(json.dumps({**self._document, "exit_code": self.exit_code}, indent=2, default=str))
        sys.stdout.flush()  # here a reader who went away is noticed; at the end of the process it would be a traceback

    def _print_rows(self) -> None:
        """Print one line for each file, and under it what blocks the rest of it."""
        width = max((len(row.file) for row in self._rows), default=0)
        for row in sorted(self._rows, key=lambda row: row.file):
            colour = _OF_FILES[row.standing]
            counts = f"{row.sites:>5} places {row.graphs:>3} graphs" if row.sites else ""
            line = f"{escape(row.file.ljust(width))}  [{colour}]{row.standing.value:<9}[/{colour}] {counts}"
            self.console.print(line.rstrip())
            for reason in row.reasons():
                self.console.print(f"    {escape(reason)}")
        self.console.print(f"[bold]{totals(self._rows)}[/bold]")

    def _print_sites(self, sites: Sequence[Site]) -> None:
        rewritten = [site for site in sites if site.outcome is Outcome.REWRITTEN]
        skipped = [site for site in sites if site.outcome is Outcome.SKIPPED]
        by_pass = Counter(site.pass_name for site in rewritten)
        for name, count in by_pass.items():
            noun = "site" if count == 1 else "sites"
            self.console.print(f"  [green]{escape(name)}[/green]: {count} {noun} rewritten")
        if self._verbose:
            for site in sites:
                self._print_site(site)
            return
        reasons = Counter((site.pass_name, site.what, site.reason) for site in skipped)
        for (name, what, reason), count in reasons.most_common(_SHOWN_SKIPS):
            times = f" ({count} times)" if count > 1 else ""
            self.console.print(f"  [yellow]{escape(name)} left {escape(what)}{times}:[/yellow] {escape(reason)}")
        if len(reasons) > _SHOWN_SKIPS:
            self.console.print(f"  … and {len(reasons) - _SHOWN_SKIPS} more reasons; -v lists every site")

    def _print_rolled_back(self, outcome: FileOutcome) -> None:
        """Name what was rolled back, each with its evidence: that is never left for -v."""
        sites = [site for site in outcome.result.sites if site.outcome is Outcome.ROLLED_BACK]
        for site in sites:
            place = f"{outcome.result.source.name}:{site.line}"
            self.console.print(
                f"  [red]{escape(site.pass_name)} rolled back[/red] at {escape(place)}: {escape(site.what)} "
                f"({escape(site.reason)})"
            )
            self.console.print(f"    {escape(str(site.evidence or 'no evidence'))}")
        if sites and outcome.written is not None:
            noun = "site was" if len(sites) == 1 else "sites were"
            self.console.print(f"  [yellow]warning: {len(sites)} {noun} rolled back; the rest is proved[/yellow]")

    def _print_site(self, site: Site) -> None:
        colour = _COLOURS[site.outcome]
        self.console.print(
            f"    {site.line:>5}  [{colour}]{site.outcome.value:<11}[/{colour}] {escape(site.pass_name)}: "
            f"{escape(site.what)}: {escape(site.reason)}"
        )

    def _print_diff(self, diff: str) -> None:
        if not self.console.is_terminal:  # byte for byte, for `patch`: rich would expand tabs
            self.console.file.write(diff)
            return
        colours = {"+": "green", "-": "red", "@": "cyan"}
        for line in diff.split("\n")[:-1]:
            self.console.print(Text(line, style=colours.get(line[:1], "")))


@contextmanager
def output_to_stderr() -> Iterator[None]:
    """Send what is written to standard output to standard error: MindSpore's libraries write there past Python."""
    _flush()
    saved = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        _flush()
        os.dup2(saved, 1)
        os.close(saved)


def _flush() -> None:
    """Have written what Python and the C library still hold back for standard output."""
    import ctypes

    sys.stdout.flush()
    with suppress(OSError, AttributeError):  # where the C library has another name
        ctypes.CDLL(None).fflush(None)


def _target(outcome: FileOutcome) -> str:
    target = outcome.result.target
    return f"target {target.device.value}, MindSpore {target.mindspore}"


def _diff_size(diff: str) -> tuple[int, int]:
    lines = diff.split("\n")[2:]  # without the two names
    return sum(line.startswith("+") for line in lines), sum(line.startswith("-") for line in lines)


def _file_document(outcome: FileOutcome, *, with_diff: bool) -> dict[str, Any]:
    result = outcome.result
    document: dict[str, Any] = {
        "source": result.source.name,
        "output": str(outcome.written) if outcome.written else None,
        "dialect": result.dialect.name,
        "target": {"device": result.target.device.value, "mindspore": str(result.target.mindspore)},
        "changed": result.changed,
        "problem": outcome.problem,
        "note": outcome.note,
        "sites": [_site_document(site) for site in result.sites],
        "failures": [asdict(failure) for failure in result.failures],
    }
    if with_diff:
        document["diff"] = result.diff()
    return document


def _site_document(site: Site) -> dict[str, Any]:
    document = {**asdict(site), "outcome": site.outcome.value}
    for name in ("evidence", "advice", "missing"):
        if not document[name]:
            del document[name]
    return document
