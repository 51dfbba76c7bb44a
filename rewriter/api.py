"""The Python API: `rewrite` a source, `optimize` a model, `install` an import hook."""

from __future__ import annotations

import contextlib
import io
import tokenize
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import inputs, pipeline, plugins
from . import source as source_layer
from .errors import RewriterError
from .passes import Pass
from .pipeline import Result
from .targets import Target

if TYPE_CHECKING:
    from .plugins import PluginHost


def select(host: PluginHost, names: Sequence[str] = ()) -> list[Pass]:
    """Return the passes called `names`, with those they require; the default ones when there are no names.

    Raises:
        RewriterError: No pass has one of the names.
    """
    known = [item for _, item in host.passes()]
    if not names:
        return pipeline.default_passes(known)
    by_name = {item.name: item for item in known}
    wanted = list(names)
    for name in wanted:
        if name not in by_name:
            raise RewriterError(
                f"no pass is called '{name}'",
                hint=f"Known passes: {', '.join(sorted(by_name))}. See `rewriter passes`.",
            )
        wanted.extend(other for other in by_name[name].requires if other not in wanted)
    return [by_name[name] for name in dict.fromkeys(wanted)]


def rewrite(
    source: str | Path,
    *,
    passes: Sequence[str] = (),
    target: str = "portable",
    mindspore: str | None = None,
    scope: str = "model",
    dynamic: bool = False,
    plugin_files: Iterable[str] = (),
    standalone: bool = True,
) -> Result:
    """Rewrite one modeling file. It is parsed, never executed.

    Args:
        source: A path, a dotted module name, or the text of a modeling file (anything with a line break).
        passes: Names of the passes to run; the default ones when empty.
        target: `portable`, `cpu`, `gpu` or `ascend`.
        mindspore: Version the result is for; the installed one when None.
        scope: How much of a model is one graph: `model` or `encoder`.
        dynamic: Whether a graph is compiled for tensors of any size, at most three times for one kind of call.
        plugin_files: Further plugins, as files or modules.
        standalone: Make relative imports absolute, for a result that lies outside the package of the original.

    Returns:
        The new text with every site considered; `result.text`, `result.diff()`, `result.sites`.

    Raises:
        RewriterError: The source cannot be read or is not a modeling file, or an option is not usable.
    """
    goal = Target.parse(target, mindspore, scope, dynamic)
    host = plugins.load(tuple(plugin_files))
    if isinstance(source, str) and "\n" in source:
        parsed = source_layer.parse(_encoded(source), name="<text>")
    else:
        found = inputs.resolve(str(source))
        if len(found) != 1:
            raise RewriterError(f"{source}: holds {len(found)} modeling files; rewrite takes one")
        parsed = source_layer.read(found[0].path)
    return pipeline.run(
        parsed,
        select(host, passes),
        goal,
        dialects=host.dialects(),
        standalone=standalone,
        progress=lambda name: host.tell("rewriter_before_pass", name=name, filename=parsed.name),
        done=lambda report: host.tell("rewriter_after_pass", report=report, filename=parsed.name),
    )


def _encoded(text: str) -> bytes:
    """Encode source text as its first lines declare, as it would lie on disk (PEP 263)."""
    encoding, _ = tokenize.detect_encoding(io.BytesIO(text.encode()).readline)
    return text.encode(encoding)


def optimize(model_or_class: Any, **options: Any) -> Any:
    """Return the same model on its rewritten class; see `rewriter.runtime.optimize.optimize`."""
    from .runtime.optimize import optimize as run

    return run(model_or_class, **options)


def install(modules: Iterable[str], **options: Any) -> None:
    """Make `import` of the given modules or packages give their rewritten code; see `rewriter.runtime.hook.install`."""
    from .runtime.hook import install as run

    run(modules, **options)


def bucketed(model: Any, *args: Any, **options: Any) -> Any:
    """Have a model pad its inputs to a few lengths; see `rewriter.runtime.buckets.bucketed`."""
    from .runtime.buckets import bucketed as run

    return run(model, *args, **options)


def stand_ins() -> contextlib.AbstractContextManager[tuple[str, ...]]:
    """Put stand-ins in the place of the calls of `mindspore.mint` that have no kernel on this device, meanwhile.

    ::

        with rewriter.stand_ins() as names:
            model = modeling_bert.BertModel(config)

    They have the documented meaning, gradients included, and are for trying and testing code that is meant for another
    device. A call that has a kernel is left alone: each is made once, in the first `with` of a process, to find out.
    The `with` may be entered again inside, and everything is put back at the end of the outermost one. A graph that is
    compiled inside keeps what it was compiled with. Methods of tensors are stood in for in eager mode only.

    Returns:
        A context manager that gives the qualified names of what is stood in for.

    Raises:
        ImportError: MindSpore is not installed.
    """
    from .runtime.stand_ins.patching import standing_in

    return standing_in()


def warm_up(model: Any, **options: Any) -> Any:
    """Compile a model before its first request; see `rewriter.runtime.warm_up.warm_up`."""
    from .runtime.warm_up import warm_up as run

    return run(model, **options)
