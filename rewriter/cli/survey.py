"""`rewriter survey`: what rewriting brings to every model of a package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..backends import Backend
from ..targets import Device
from .options import JOBS, JsonOption
from .session import reporting

if TYPE_CHECKING:
    from ..report import Report
    from ..survey.row import Row


def command(
    inputs: Annotated[
        list[str], typer.Argument(metavar="PACKAGE|PATH…", help="Packages, folders, modeling files or modules.")
    ],
    families: Annotated[
        list[str] | None,
        typer.Option("--family", metavar="NAME", help="Only the files in a folder of this name; may be repeated."),
    ] = None,
    output: Annotated[
        str, typer.Option("-o", "--output", metavar="FOLDER", help="Where survey.csv and survey.html go.")
    ] = "survey",
    target: Annotated[Device, typer.Option("--target", help="What the files are rewritten for.")] = Device.PORTABLE,
    unmodified: Annotated[
        bool,
        typer.Option(
            "--unmodified/--no-unmodified", help="Also compile the models as they are, to see the difference."
        ),
    ] = True,
    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=1, help="So many files at once (each takes about 2 GB).")
    ] = JOBS,
    backend: Annotated[
        Backend, typer.Option(help="What runs them: this machine, or a Dask or Ray cluster that sees the same files.")
    ] = Backend.LOCAL,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Seconds for one file.")] = 600,
    json: JsonOption = False,
) -> None:
    """Rewrite, compile and compare every model of a package, and write a table of what came of it.

    Each file runs in a process of its own. Its base models are built small, from their configuration class alone, and
    called in four ways: for a tuple, under a mask, with all outputs, and with those packed. Said of each: whether the
    layers and the whole model answer from a graph, with which difference; where STRICT refuses the whole, whether a
    recording (`--capture auto`) answers right; what the unmodified model does under STRICT and `capture_mode="trace"`;
    and what blocks the rest, with file and line.

    Exit codes: 0 no compiled model answers differently; 1 one does; 2 usage, or nothing to survey.

    Where the device has no kernel for an original, as for mindone's on a CPU, stand-ins take part in its answers; the
    rewritten file has to do without, or is said to have no kernel.

    Example:  rewriter survey mindnlp.transformers.models.vit mindnlp.transformers.models.bert -o out/
              rewriter survey mindone.transformers.models --family vit --family bert --target cpu -o out/
    """
    from ..errors import RewriterError
    from ..inputs import resolve

    with reporting(as_json=json) as report:
        paths = _of(families or [], list(dict.fromkeys(item.path for text in inputs for item in resolve(text))))
        folder = Path(output)
        if folder.is_file():
            raise RewriterError(f"-o {output} is a file", hint="Name a folder.")
        from ..survey.survey import survey, write_page, write_table
        from .progress import bar

        rows: list[Row] = []
        with bar(report, "survey") as move:
            found = survey(paths, target=target.value, unmodified=unmodified, jobs=jobs, backend=backend, limit_s=limit)
            for number, some in enumerate(found, start=1):
                rows += some
                move(some[-1].family, number / len(paths))
                # Each time: what has been found out is not lost when the rest is interrupted.
                write_table(rows, folder / "survey.csv")
        write_page(rows, folder / "survey.html", ", ".join(inputs))
        _tell(rows, folder, report)


def _of(families: list[str], paths: list[Path]) -> list[Path]:
    """Return the files of some families, in the order in which these were named; all where none is."""
    from ..errors import RewriterError

    known = {path.parent.name for path in paths}
    if missing := [name for name in families if name not in known]:
        raise RewriterError(f"no family {', '.join(missing)}", hint="A family is a folder with a modeling file in it.")
    return [path for name in families for path in paths if path.parent.name == name] if families else paths


def _tell(rows: list[Row], folder: Path, report: Report) -> None:
    """Print one line for each model, and the totals."""
    from rich.markup import escape

    from ..survey.row import DIFFERENT, totals

    colours = {"whole": "green", "auto": "green", "encoder": "yellow", DIFFERENT: "red", "left": "red"}
    width = max(len(f"{row.family} {row.model}") for row in rows)
    for row in rows:
        name = f"{row.family} {row.model}".ljust(width)
        colour = colours[row.standing]
        exact = " bit for bit" if row.is_exact else f" within {row.worst:.1e}" if row.worst else ""
        report.console.print(f"{escape(name)}  [{colour}]{row.standing}[/{colour}]{exact}")
        if row.standing != "whole" and row.why:
            report.console.print(f"    {escape(row.why[0][:300])}")
    counts = totals(rows)
    report.console.print("[bold]" + ", ".join(f"{count} {name}" for name, count in counts.items()) + "[/bold]")
    report.console.print(f"wrote {escape(str(folder / 'survey.csv'))} and {escape(str(folder / 'survey.html'))}")
    for row in rows:
        report.put("rows", row.to_json())
    report.put("totals", counts)
    report.worsen(1 if counts[DIFFERENT] else 0)
