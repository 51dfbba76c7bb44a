"""Layers as they are written and as a pass writes them, side by side: making them, running them, comparing."""

import re
import sys
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location

import mindspore
import numpy as np
from mindspore import Tensor, ops

from rewriter import Outcome
from rewriter.runtime import mindnlp_compat


@contextmanager
def written_and_rewritten(rewrite, folder, text, kind, *passes):
    """Yield the class `kind` of a text, and of what the passes make of the text."""
    assert mindnlp_compat.apply()
    result = rewrite(text, *passes, device="cpu")
    assert {site.outcome for site in result.sites} == {Outcome.REWRITTEN}
    names = [f"{folder.name}_{which}" for which in ("old", "new")]
    try:
        files = zip((text, result.text), names, strict=True)
        yield tuple(getattr(imported(one, folder / f"{name}.py"), kind) for one, name in files)
    finally:
        for name in names:
            sys.modules.pop(name, None)


def imported(text, path):
    """Import `text` under a name of its own: the graph compiler reads the file."""
    path.write_text(text, encoding="utf-8")
    spec = spec_from_file_location(path.stem, path)
    module = module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


def both(pair, *arguments):
    """Make the two modules, with the same weights."""
    old, new = (kind(*arguments) for kind in pair)
    for one, other in zip(parameters(old), parameters(new), strict=True):
        values = np.random.default_rng(3).normal(size=one.shape).astype(np.float32)
        one.assign_value(Tensor(values))
        other.assign_value(Tensor(values))
    return old, new


def parameters(module):
    found = module.parameters() if hasattr(module, "parameters") else module.get_parameters()
    return sorted(found, key=lambda one: one.ndim)


def close(one, other):
    assert one.shape == other.shape
    assert one.dtype == other.dtype
    scale = max(1.0, float(np.abs(other.asnumpy()).max())) if other.size else 1.0
    assert np.allclose(one.asnumpy(), other.asnumpy(), rtol=0, atol=2e-6 * scale)


def graph_of(layer, **options):
    """Return a graph that has the layer in it."""
    if hasattr(layer, "jit"):
        layer.jit()

    def run(x):
        return layer(x) * 2.0

    return mindspore.jit(run, fullgraph=True, **options)


def gradients(layer, x):
    """The gradients of a loss that depends on the output smoothly: it must not enlarge the rounding of large ones."""
    largest = max(1.0, float(np.abs(layer(x).asnumpy()).max(initial=0.0)))

    def loss(x):
        output = layer(x)
        return (output * ops.cos(output / largest)).sum()

    of_input, of_weights = mindspore.grad(loss, 0, weights=parameters(layer))(x)
    return [of_input, *of_weights]


def without_addresses(text):
    return re.sub(r" at 0x\w+", "", text)
