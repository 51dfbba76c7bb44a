"""What mindone's shared helpers compute by `mint`, by operators that a CPU has."""

from __future__ import annotations

from string import Template

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.tree import find, replace

from .devices import mint_stays
from .own import Own, meaning, outermost_functions, own_definition, with_definition

_HELPERS = "mindone.transformers."
_TABLE, _LOOK_UP = _HELPERS + "activations.ACT2FN", _HELPERS + "activations.get_activation"
_GELUS = (_HELPERS + "activations.gelu", _HELPERS + "activations.gelu_python")
_BASE = _HELPERS + "modeling_utils."

_ACTIVATION = '''\
def $name(layer):
    """Return an activation; one that calls mint's GELU, which has no kernel on a CPU, made to call another."""

    def by_tanh(input):  # a graph calls no partial
        return $ops.gelu(input, approximate="tanh")

    for _, part in layer.cells_and_names():
        act = getattr(part, "act", None)
        if act is $mint.nn.functional.gelu:
            part.act = $ops.gelu
        elif isinstance(act, $functools.partial) and act.func is $mint.nn.functional.gelu:
            is_tanh = act.keywords == {"approximate": "tanh"} and not act.args
            part.act = by_tanh if is_tanh else $functools.partial($ops.gelu, **act.keywords)
    return layer
'''

_TIED = '''\
def _tie_or_clone_weights(self, output_embeddings, input_embeddings):
    """As in the base class, whose way to make a bias longer needs a kernel that a CPU has not."""
    is_mint = not hasattr(input_embeddings, "embedding_table")
    weight = input_embeddings.weight if is_mint else input_embeddings.embedding_table
    output_embeddings.weight = $mindspore.Parameter(weight) if self.config.torchscript else weight
    bias = getattr(output_embeddings, "bias", None)
    if bias is not None and len(bias) < len(weight):
        output_embeddings.bias = $ops.pad(bias, (0, len(weight) - len(bias)))
    elif bias is not None and len(bias) > len(weight):
        output_embeddings.bias = bias[: len(weight)]
    if hasattr(output_embeddings, "out_features") and hasattr(input_embeddings, "num_embeddings"):
        output_embeddings.out_features = input_embeddings.num_embeddings
'''

_WITHOUT_MINT = ("relu", "relu2", "sigmoid", "silu", "swish", "tanh", "linear", "quick_gelu", "gelu_new", "gelu_fast")
"""Names in mindone's table of activations that stand for none with `mint.nn.functional.gelu` in it."""


class MintHelpers(Pass):
    """Keep what mindone's shared helpers do by `mint` from ending on a CPU: GELU by name, and tying a head with a bias.

    `ACT2FN` and `get_activation` give layers that call `mint.nn.functional.gelu`, and `_tie_or_clone_weights`
    of mindone's base class pads by `mint`; neither has a kernel on a CPU. The layer stays an instance of its class and
    calls `ops.gelu`; a model's base class in the file gets a method of its own.
    """

    name = "mint-helpers"
    safety = Safety.ROUNDING
    before = ("mint-layers", "mint", "flatten")
    examples = (
        Example(
            title="an activation that a configuration names",
            before="""\
from mindone.transformers.activations import ACT2FN
from mindspore import mint, nn


class Intermediate(nn.Cell):
    def __init__(self, config):
        super().__init__()
        self.act = ACT2FN[config.hidden_act]

    def construct(self, states):
        return self.act(states)
""",
            after='''\
from mindone.transformers.activations import ACT2FN
from mindspore import mint, nn
import functools
from mindspore import ops


def _with_gelu(layer):
    """Return an activation; one that calls mint's GELU, which has no kernel on a CPU, made to call another."""

    def by_tanh(input):  # a graph calls no partial
        return ops.gelu(input, approximate="tanh")

    for _, part in layer.cells_and_names():
        act = getattr(part, "act", None)
        if act is mint.nn.functional.gelu:
            part.act = ops.gelu
        elif isinstance(act, functools.partial) and act.func is mint.nn.functional.gelu:
            is_tanh = act.keywords == {"approximate": "tanh"} and not act.args
            part.act = by_tanh if is_tanh else functools.partial(ops.gelu, **act.keywords)
    return layer


class Intermediate(nn.Cell):
    def __init__(self, config):
        super().__init__()
        self.act = _with_gelu(ACT2FN[config.hidden_act])

    def construct(self, states):
        return self.act(states)
''',
        ),
        Example(
            title="one that is written out, and calls nothing of the kind",
            before="""\
from mindone.transformers.activations import ACT2FN
from mindspore import nn


class Intermediate(nn.Cell):
    def __init__(self):
        super().__init__()
        self.act = ACT2FN["relu"]

    def construct(self, states):
        return self.act(states)
""",
        ),
        Example(
            title="the base class of the models of a file",
            before="""\
from mindone.transformers.modeling_utils import PreTrainedModel
from mindspore import nn


class TinyPreTrainedModel(PreTrainedModel):
    base_model_prefix = "tiny"


class TinyModel(TinyPreTrainedModel):
    def construct(self, states):
        return states
""",
            after='''\
from mindone.transformers.modeling_utils import PreTrainedModel
from mindspore import nn
import mindspore
from mindspore import ops


class TinyPreTrainedModel(PreTrainedModel):
    base_model_prefix = "tiny"

    def _tie_or_clone_weights(self, output_embeddings, input_embeddings):
        """As in the base class, whose way to make a bias longer needs a kernel that a CPU has not."""
        is_mint = not hasattr(input_embeddings, "embedding_table")
        weight = input_embeddings.weight if is_mint else input_embeddings.embedding_table
        output_embeddings.weight = mindspore.Parameter(weight) if self.config.torchscript else weight
        bias = getattr(output_embeddings, "bias", None)
        if bias is not None and len(bias) < len(weight):
            output_embeddings.bias = ops.pad(bias, (0, len(weight) - len(bias)))
        elif bias is not None and len(bias) > len(weight):
            output_embeddings.bias = bias[: len(weight)]
        if hasattr(output_embeddings, "out_features") and hasattr(input_embeddings, "num_embeddings"):
            output_embeddings.out_features = input_embeddings.num_embeddings


class TinyModel(TinyPreTrainedModel):
    def construct(self, states):
        return states
''',
        ),
        Example(
            title="Ascend, which has the kernels",
            device="ascend",
            before="""\
from mindone.transformers.activations import ACT2FN
from mindspore import nn


class Intermediate(nn.Cell):
    def __init__(self, config):
        super().__init__()
        self.act = ACT2FN[config.hidden_act]

    def construct(self, states):
        return self.act(states)
""",
            reason="mint's own runs on ascend",
        ),
        Example(
            title="a base class that ties in a way of its own",
            before="""\
from mindone.transformers.modeling_utils import PreTrainedModel
from mindspore import nn


class TinyPreTrainedModel(PreTrainedModel):
    def _tie_or_clone_weights(self, output_embeddings, input_embeddings):
        output_embeddings.weight = input_embeddings.weight


class TinyModel(TinyPreTrainedModel):
    def construct(self, states):
        return states
""",
            reason="has a _tie_or_clone_weights of its own",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at the activations that the file looks up, and at the classes that it derives from mindone's."""
        if not context.mentions("activations", "modeling_utils"):
            return context.tree
        return _with_method(context, _with_activations(context, context.tree))


def _with_activations(context: PassContext, tree: cst.Module) -> cst.Module:
    changes: dict[cst.CSTNode, cst.CSTNode] = {}
    own: Own | None = None
    functions = list(outermost_functions(tree))
    for call in (call for function in functions for call in find(function.body, cst.Call)):
        name = context.qualified_name(call.func) or ""
        if name in _GELUS and not mint_stays(context, call, name):
            gelu = context.use("mindspore.ops.gelu")
            changes[call.func] = cst.parse_expression(gelu)
            context.rewritten(call, name, gelu)
    done = {arg.value for function in functions for call in find(function.body, cst.Call) for arg in _given(call)}
    kinds: tuple[type[cst.Subscript | cst.Call], ...] = (cst.Subscript, cst.Call)
    for node in (node for function in functions for node in find(function.body, kinds)):
        name = _looked_up(node, context)
        if name and node not in done and not mint_stays(context, node, name):
            values = {"mint": "mindspore.mint", "functools": "functools"}
            own = own or own_definition(context, tree, _ACTIVATION, _NAME, **values)
            changes[node] = cst.Call(cst.Name(own.name), [cst.Arg(node)])
            context.rewritten(node, name, "GELU by ops.gelu, if it is one of mint's")
    if own is not None:
        return with_definition(tree, own, changes)
    return replace(tree, changes)


_NAME = "_with_gelu"


def _given(call: cst.Call) -> tuple[cst.Arg, ...]:
    """Return what an earlier run of the pass gave to the function."""
    is_ours = isinstance(call.func, cst.Name) and call.func.value.startswith(_NAME)
    return tuple(call.args) if is_ours else ()


def _looked_up(node: cst.Subscript | cst.Call, context: PassContext) -> str:
    """Return which helper gives an activation, if one does that may call mint's GELU; else nothing."""
    if isinstance(node, cst.Subscript):
        name, place, index = _TABLE, node.value, node.slice[0].slice
        key = index.value if isinstance(index, cst.Index) else None
    else:
        name, place, key = _LOOK_UP, node.func, node.args[0].value if node.args else None
    if isinstance(key, cst.SimpleString) and key.evaluated_value in _WITHOUT_MINT:
        return ""
    return name if context.stands_for(place, name) else ""


def _with_method(context: PassContext, tree: cst.Module) -> cst.Module:
    """Give each class that derives from mindone's base class of models a method that ties heads."""
    changes: dict[cst.CSTNode, cst.CSTNode] = {}
    for node in tree.body:
        if not isinstance(node, cst.ClassDef):
            continue
        names = [context.qualified_name(base.value) or "" for base in node.bases]
        name = next((name for name in names if name.startswith(_BASE) and name.endswith("PreTrainedModel")), "")
        if not name or mint_stays(context, node, name):
            continue
        values = {"mindspore": context.use("mindspore"), "ops": context.use("mindspore.ops")}
        method = cst.parse_module(Template(_TIED).substitute(values)).body[0]
        assert isinstance(method, cst.FunctionDef)
        known = {part.name.value: part for part in node.body.body if isinstance(part, cst.FunctionDef)}
        before = known.get(method.name.value)
        if before is not None and not _is_same(before, method):
            context.skipped(before, name, "the class has a _tie_or_clone_weights of its own")
        if before is None:
            line = [cst.EmptyLine(indent=False)]
            body = [*node.body.body, method.with_changes(leading_lines=line)]
            changes[node] = node.with_changes(body=node.body.with_changes(body=body))
            context.rewritten(node, name, "ties a head with a bias without mint.nn.functional.pad")
    return replace(tree, changes)


def _is_same(one: cst.FunctionDef, other: cst.FunctionDef) -> bool:
    first, second = (meaning(cst.Module([part.with_changes(leading_lines=[])]).code) for part in (one, other))
    return first == second
