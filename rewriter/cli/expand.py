"""`rewriter expand`: a checkpoint becomes a larger checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..errors import RewriterError
from .options import JsonOption, NoPluginOption, PluginOption, choose
from .progress import bar
from .session import reporting

if TYPE_CHECKING:
    from ..plugins import PluginHost
    from ..report import Report
    from ..weights import Grows, Plan, WeightPass
    from ..weights.checkpoint import Checkpoint


def command(
    checkpoint: Annotated[
        str,
        typer.Argument(
            metavar="CHECKPOINT",
            help="A folder, a .safetensors or .ckpt file, or the index of shards; its config.json is in the folder.",
        ),
    ],
    to: Annotated[
        str, typer.Option(metavar="CONFIG", help="The target's config.json, or what changes: hidden_size=768,…")
    ],
    method: Annotated[
        str, typer.Option(metavar="NAME", help="How it becomes wider: fpi, aki, average, or a plugin's weight pass.")
    ] = "fpi",
    depth: Annotated[
        str, typer.Option(metavar="NAME", help="How it becomes deeper: identity, stack, interleave, or a plugin's.")
    ] = "identity",
    shares: Annotated[
        str, typer.Option(metavar="even|uneven", help="How copies share a weight; uneven ones part in training.")
    ] = "even",
    seed: Annotated[int, typer.Option(min=0, help="Of uneven shares.")] = 0,
    out: Annotated[
        str | None,
        typer.Option("-o", "--out", metavar="OUT", help="A folder, or a .safetensors or .ckpt file."),
    ] = None,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print every tensor's sources and shape; write nothing.")
    ] = False,
    explain: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY[I,J]", help="Say what made an element; write nothing. May be given again."),
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Fail unless the target computes what the source does.")
    ] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Run both models and compare them.")] = False,
    keys: Annotated[
        str,
        typer.Option(
            metavar="SPELLING", help="Of the keys: same, hf, mindnlp, mindone, mindspore; with `,prefix` or `,bare`."
        ),
    ] = "same",
    shard_size: Annotated[
        str, typer.Option(metavar="SIZE", help="Most of one file, e.g. 2GB: a folder of shards and their index.")
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Write over what is there.")] = False,
    plugin: PluginOption = None,
    no_plugin: NoPluginOption = None,
    json: JsonOption = False,
) -> None:
    """Make a larger checkpoint of a BERT or GPT-2, which where possible computes the same.

    Wider by --method: `fpi` copies units (the same outputs where the hidden size grows by a whole factor), `average`
    adds units that hold a mean (the same for GPT-2 at any width), `aki` takes units of the next layer. Deeper by
    --depth: `identity` adds layers that change nothing, `stack` and `interleave` repeat layers. What is not named in
    --to stays as it is. Beside the result go its config.json and expansion.json: maps, shares, seed, relations, hashes.

    Exit codes: 0 done; 1 --exact or --verify failed; 2 usage, or a checkpoint that cannot be read.

    Examples:

      rewriter expand minilm/ --to hidden_size=768,num_attention_heads=24 -o wide/ --verify

      rewriter expand gpt2/ --to gpt2-medium/config.json --method average --exact -o medium/

      rewriter expand bert/ --to hidden_size=1536 --plan

      rewriter expand bert/ --to hidden_size=1536 --explain 'encoder.layer.0.output.dense.weight[800,3]'
    """
    from ..weights.checkpoint import open_checkpoint
    from .checkpoints import prove

    with reporting(as_json=json) as report:
        host = choose(plugin, no_plugin).host
        if out is None and not (plan or explain):
            raise RewriterError("no place for the result", hint="Give -o OUT; --plan and --explain write nothing.")
        with open_checkpoint(checkpoint) as source:
            made = _planned(source, host, to=to, method=method, depth=depth, shares=shares, seed=seed)
            if exact and not made.exact:
                raise RewriterError(f"not function-preserving: {'; '.join(made.inexact)}", exit_code=1)
            if plan:
                _print_plan(made, report)
            for element in explain or ():
                _print_element(made, source, element, report)
            if out is not None and not (plan or explain):
                _write(made, source, Path(out), report, keys=keys, force=force, shard=_bytes(shard_size))
        if verify and out is not None and not (plan or explain):
            prove(checkpoint, out, report)
        report.broken_plugins(host.broken)


def _planned(source: Checkpoint, host: PluginHost, *, to: str, method: str, depth: str, shares: str, seed: int) -> Plan:
    from ..weights import Choices, Grows
    from ..weights.configs import target_config
    from ..weights.expand import make_plan

    if shares not in ("even", "uneven"):
        raise RewriterError(f"--shares {shares}: even or uneven")
    passes = [item for _, item in host.weight_passes()]
    config = target_config(to, source.view)
    width = _pass(passes, "--method", method, Grows.WIDTH)
    deeper = _pass(passes, "--depth", depth, Grows.DEPTH)
    return make_plan(source.view, config, width, deeper, Choices(shares, seed))


def _pass(passes: list[WeightPass], option: str, name: str, grows: Grows) -> WeightPass:
    fitting = [item for item in passes if item.grows is grows]
    named = [item for item in fitting if item.name == name]
    if len(named) > 1:
        raise RewriterError(f"two weight passes are called '{name}'", hint="Leave one out with --no-plugin.")
    if not named:
        raise RewriterError(
            f"{option} {name}: no such weight pass", hint=f"There are {', '.join(item.name for item in fitting)}."
        )
    return named[0]


def _print_plan(plan: Plan, report: Report) -> None:
    rows = []
    for key, recipe in plan.recipes.items():
        sources = ", ".join(recipe.sources) or "a constant"
        before = [plan.source.slots[name].shape for name in recipe.sources[:1]]
        rows.append(
            {
                "tensor": key,
                "shape": "x".join(map(str, recipe.shape)),
                "dtype": recipe.dtype,
                "from": "the same" if sources == key else sources,
                "its shape": "x".join(map(str, before[0])) if before else "",
            }
        )
    report.table("plan", rows)
    _print_promise(plan, report)


def _print_promise(plan: Plan, report: Report) -> None:
    from rich.markup import escape

    report.put("promise", {"method": plan.method, "exact": plan.exact, "inexact": list(plan.inexact)})
    if plan.exact:
        report.console.print(f"{plan.method}: the same outputs, up to rounding")
    for reason in plan.inexact:
        report.console.print(f"{plan.method}: [yellow]not the same outputs[/]: {escape(reason)}")


def _print_element(plan: Plan, source: Checkpoint, text: str, report: Report) -> None:
    from rich.markup import escape

    from ..weights.explain import explain, value

    found = explain(plan, text)
    number = value(found.origin, source.read)
    report.put(
        "explanations",
        {
            "key": found.key,
            "element": list(found.element),
            "source": found.origin.source,
            "source_element": list(found.origin.element),
            "factor": found.origin.factor,
            "source_value": number,
        },
    )
    made = number * found.origin.factor if found.origin.source is not None else number
    report.console.print(escape(f"{found}  ({number:g} became {made:g})" if found.origin.source else f"{found}"))


def _write(plan: Plan, source: Checkpoint, out: Path, report: Report, *, keys: str, force: bool, shard: int) -> None:
    from rich.markup import escape

    from ..weights.expand import Options, write
    from ..weights.families import FAMILIES
    from ..weights.keys import parse

    spelling = parse(keys, FAMILIES[plan.source.family], source.spelling)
    with bar(report, "expand") as move:
        hashes = write(plan, source, out, Options(spelling, force, shard), move)
    report.put("written", {"out": str(out), "xxh3_128": hashes})
    _print_promise(plan, report)
    report.console.print(f"wrote [bold]{escape(str(out))}[/]")


_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "": 1}


def _bytes(text: str) -> int:
    """Return the bytes that `2GB` stands for; 0 for nothing."""
    number = text.upper().rstrip("KMGB")
    unit = text.upper()[len(number) :]
    if not text:
        return 0
    if not number.isdigit() or int(number) < 1 or unit not in _UNITS:
        raise RewriterError(f"--shard-size {text}: no size", hint="Write 500MB or 2GB.")
    return int(number) * _UNITS[unit]
