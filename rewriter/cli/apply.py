"""`rewriter apply`: rewrite modeling files."""

from __future__ import annotations

from typing import Annotated

import typer

from .options import (
    JsonOption,
    NoPluginOption,
    PassesOption,
    PluginOption,
    TargetOption,
    VersionOption,
    choose,
)


def command(
    inputs: Annotated[
        list[str], typer.Argument(metavar="PATH|DOTTED.MODULE…", help="Modeling files, folders or installed modules.")
    ],
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", metavar="OUT", help="A .py file, or a folder (made if absent)."),
    ] = None,
    in_place: Annotated[
        bool, typer.Option("--in-place", help="Change the file itself; `rewriter undo` brings it back.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Print the unified diff.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 when a file would be rewritten.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Afterwards prove that the result computes the same (runs both files).")
    ] = False,
    bench: Annotated[
        bool, typer.Option("--bench", help="Afterwards measure original against result (runs both files).")
    ] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="List every site, the skipped ones too.")] = False,
    passes: PassesOption = None,
    target: TargetOption = None,
    mindspore: VersionOption = None,
    plugin: PluginOption = None,
    no_plugin: NoPluginOption = None,
    json: JsonOption = False,
) -> None:
    """Rewrite modeling files for static graphs.

    The file is parsed, never executed, and MindSpore is not imported (unless --verify or --bench asks to run the result).
    The result goes to NAME_rewritten.py beside the input (for an installed module: to the working directory), or to -o.

    Examples:

      rewriter apply modeling_bert.py --diff

      rewriter apply mindnlp.transformers.models.bert.modeling_bert -o out/

      rewriter apply modeling_clip.py --target ascend --passes mint --check
    """
    from .. import inputs as input_layer
    from ..errors import RewriterError
    from ..job import Job, Mode
    from ..report import Report

    if in_place and output is not None:
        raise RewriterError("--in-place and -o exclude each other")
    choices = choose(plugin, no_plugin, passes, target, mindspore)
    files = [path for text in inputs for path in input_layer.resolve(text)]
    if output is not None and output.endswith(".py") and len(files) > 1:
        raise RewriterError(f"-o {output} names one file, but there are {len(files)} inputs", hint="Name a folder.")
    mode = Mode.CHECK if check else Mode.IN_PLACE if in_place else Mode.WRITE
    report = Report(as_json=json, verbose=verbose, diff=diff)
    job = Job(choices.host, choices.passes, choices.target, mode, output)
    failed = False
    for path in files:
        with report.progress(str(path)) as step:
            outcome = job.run(path, step)
        report.add(outcome)
        failed = failed or outcome.exit_code != 0
        if outcome.written is None or outcome.exit_code:
            continue
        if verify:
            from .verify import prove

            failed = prove(str(path), str(outcome.written), report) or failed
        if bench:
            from .bench import measure

            measure(str(path), str(outcome.written), report)
    report.broken_plugins(choices.host.broken)
    report.close()
    raise typer.Exit(1 if failed else 0)
