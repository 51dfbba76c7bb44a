"""The query, key and value of self-attention as one product of matrices."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from string import Template
from textwrap import indent

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.tree import find, replace

from .devices import why_not_measured
from .forwards import module_classes, self_attribute, self_name
from .inserted import definitions, put_before
from .own import own_definitions
from .projections import Projections, changes, projections
from .stays import Stays
from .whole_graph import IN_PYTHON

_DOCSTRING = "Return what the layers make of the same states; in a graph by one product, where they are alike."
_MEMBERS = f'''\
@property
def _projects_alike(self):
    """Whether the layers are plain, and of one size."""
    layers = $layers
    return all(map($_is_plain, layers)) and len({{(one.weight.shape, one.bias is None) for one in layers}}) == 1


def _projected(self, states):
    """{_DOCSTRING}"""
    if self._projects_alike:  # Python tells, when a graph is compiled; of a longer condition the compiler would
        if not $_in_python() and states.dtype == $mindspore.float32:
            return $_joined(states, $each)
    return $calls
'''
_FUNCTIONS = '''
def _is_plain(layer):
    """Tell whether a linear layer is no more than one, in single precision; an adapter is."""
    kind = type(layer)
    if not isinstance(layer, $base) or kind.__module__ not in ($base.__module__, __name__):
        return False
    if "$forward" in vars(layer) or getattr(layer, "activation", None) is not None:
        return False
    weight, bias = layer.weight, layer.bias
    return weight.dtype == $mindspore.float32 and (bias is None or bias.shape == weight.shape[:1])


def _joined(states, first, second, third):
    """Return the products of states with three layers, by one with their weights side by side."""
    weight = $ops.Concat(0)((first.weight, second.weight, third.weight))
    output = $ops.MatMul(transpose_b=True)(states.reshape(-1, states.shape[-1]), weight)
    if first.bias is not None:
        output = $ops.BiasAdd()(output, $ops.Concat(0)((first.bias, second.bias, third.bias)))
    one, two, three = $ops.Split(1, 3)(output)
    shape = states.shape[:-1] + first.weight.shape[:1]
    return one.reshape(shape), two.reshape(shape), three.reshape(shape)
'''
_LAYERS = ("mindnlp.core.nn.Linear", "mindspore.nn.Dense", "mindspore.mint.nn.Linear")


def _functions(**names: str) -> str:
    """Return the functions that a file needs; the arguments are its names for `base`, `mindspore`, `ops`, `forward`."""
    return IN_PYTHON + "\n" + Template(_FUNCTIONS).substitute(names)


def _members(attributes: Sequence[str], **names: str) -> str:
    """Return the members that a class needs.

    Args:
        attributes: Its three layers.
        names: The file's names for `mindspore`, and for the functions.
    """
    layers = [f"self.{one}" for one in attributes]
    each, calls = ", ".join(layers), ", ".join(f"{one}(states)" for one in layers)
    return Template(_MEMBERS).substitute(names, layers=each, each=each, calls=calls)


_SHOWN_FUNCTIONS = (
    _functions(base="nn.Linear", mindspore="mindspore", ops="ms_ops", forward="forward").lstrip("\n") + "\n\n"
)
_SHOWN_MEMBERS = indent(
    _members(
        ("query", "key", "value"),
        mindspore="mindspore",
        _in_python="_in_python",
        _is_plain="_is_plain",
        _joined="_joined",
    ).replace("\n\n\n", "\n\n"),
    "    ",
)
"""As the examples show them."""


class FusedProjections(Pass):
    """Compute query, key and value of the same tensor by one product, with the three weights joined in the graph.

    The layers stay, and so do the keys of a state dict. Joining their weights costs more than the longer product saves,
    so it runs when asked for by name. Joined once and kept, they would be a second copy, which an optimizer that
    changes weights in place leaves behind without a sign that a guard could see.
    """

    name = "fused-projections"
    safety = Safety.ROUNDING
    for_speed = True
    on_request = True
    before = ("linear", "products", "mint", "flatten")
    examples = (
        Example(
            title="attention to itself",
            before="""\
from mindnlp.core import nn, ops


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, states):
        query = self.heads(self.query(states))
        # Keys and values are of the same states.
        key = self.heads(self.key(states))
        return query, key, self.heads(self.value(states))
""",
            after=f"""\
from mindnlp.core import nn, ops
import mindspore
from mindspore import ops as ms_ops


{_SHOWN_FUNCTIONS}class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, states):
        query_2, key_2, value = self._projected(states)
        query = self.heads(query_2)
        # Keys and values are of the same states.
        key = self.heads(key_2)
        return query, key, self.heads(value)

{_SHOWN_MEMBERS}""",
        ),
        Example(
            title="attention to itself or to an encoder's states",
            before="""\
from mindnlp.core import nn, ops


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, states, encoder_states=None):
        mixed = self.query(states)
        if encoder_states is not None:
            key, value = self.key(encoder_states), self.value(encoder_states)
        else:
            key, value = self.key(states), self.value(states)
        return mixed, key, value
""",
            after=f"""\
from mindnlp.core import nn, ops
import mindspore
from mindspore import ops as ms_ops


{_SHOWN_FUNCTIONS}class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, states, encoder_states=None):
        if encoder_states is not None:
            mixed = self.query(states)
            key, value = self.key(encoder_states), self.value(encoder_states)
        else:
            mixed, key_2, value_2 = self._projected(states)
            key, value = key_2, value_2
        return mixed, key, value

{_SHOWN_MEMBERS}""",
        ),
        Example(
            title="values of something else",
            before="""\
from mindnlp.core import nn, ops


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, states):
        query = self.heads(self.query(states))
        # Keys and values are of the same states.
        key = self.heads(self.key(states))
        return query, key, self.heads(self.value(states + 1.0))
""",
            reason="not seen to take the same tensor",
        ),
        Example(
            title="states that are bound anew between the calls",
            before="""\
from mindnlp.core import nn, ops


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, states):
        query = self.heads(self.query(states))
        states = ops.relu(states)
        key = self.heads(self.key(states))
        return query, key, self.heads(self.value(states))
""",
            reason="not seen to take the same tensor",
        ),
        Example(
            title="on a device where nobody measured it",
            device="ascend",
            before="""\
from mindnlp.core import nn, ops


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, states):
        query = self.heads(self.query(states))
        # Keys and values are of the same states.
        key = self.heads(self.key(states))
        return query, key, self.heads(self.value(states))
""",
            reason="not measured for ascend",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every method that calls three linear layers of its module."""
        if not context.mentions("Linear", "Dense"):
            return context.tree
        found: dict[str, list[tuple[cst.ClassDef, list[_Site]]]] = {}
        for owner, kind, layers in _owners(context):
            if sites := list(_sites(owner, kind, layers, context)):
                found.setdefault(kind, []).append((owner, sites))
        if not found:
            return context.tree
        kind, chosen = next(iter(found.items()))
        for others in list(found.values())[1:]:
            for _, sites in others:
                for site in sites:
                    context.skipped(site.method, site.what, "the file has another kind of linear layers, too")
        return _with_functions(context, kind, chosen)


class _Site:
    """A method and its projections."""

    def __init__(self, method: cst.FunctionDef, found: list[Projections]) -> None:
        self.method, self.found = method, found
        self.attributes = tuple(found[0].calls)

    @property
    def what(self) -> str:
        """What the report calls it."""
        return ", ".join(self.attributes)


def _owners(context: PassContext) -> Iterator[tuple[cst.ClassDef, str, frozenset[str]]]:
    """Yield each class with a kind of linear layers, and the attributes in which it or a base of it has such."""
    for kind in _LAYERS:
        known: dict[str, frozenset[str]] = {}
        for owner in (one.node for one in module_classes(context)):
            bases = (base.value.value for base in owner.bases if isinstance(base.value, cst.Name))
            layers = frozenset(_made(owner, kind, context)).union(*(known.get(base, frozenset()) for base in bases))
            known[owner.name.value] = layers
            if len(layers) >= 3:
                yield owner, kind, layers


def _made(owner: cst.ClassDef, kind: str, context: PassContext) -> Iterator[str]:
    for assign in find(owner, cst.Assign):
        value = assign.value
        if isinstance(value, cst.Call) and context.qualified_name(value.func) == kind:
            for target in assign.targets:
                if (name := self_attribute(target.target, "self")) is not None:
                    yield name


def _sites(owner: cst.ClassDef, kind: str, layers: frozenset[str], context: PassContext) -> Iterator[_Site]:
    known: tuple[str, ...] = ()
    for method in owner.body.body:
        if not isinstance(method, cst.FunctionDef) or method.name.value == "__init__" or _DOCSTRING in _doc(method):
            continue
        try:
            found = projections(method, layers, self_name(method) or "")
            if not found:
                continue
            if reason := why_not_measured(context):
                raise Stays(reason)
            if _is_subclassed(kind, context):
                raise Stays("the file has a class of such layers, which may compute something else")
            known = known or tuple(found[0].calls)
            if any(tuple(item.calls) != known for item in found):
                raise Stays("two places of the class have other layers, or the same in another order")
            if any(node.attr.value in ("_projected", "_projects_alike") for node in find(owner, cst.Attribute)):
                raise Stays("the class has an attribute of the name that would be needed")
        except Stays as why:
            context.skipped(method, f"{owner.name.value}.{method.name.value}", str(why))
        else:
            yield _Site(method, found)


def _is_subclassed(kind: str, context: PassContext) -> bool:
    classes = find(context.tree, cst.ClassDef)
    return any(context.qualified_name(base.value) == kind for one in classes for base in one.bases)


def _doc(method: cst.FunctionDef) -> str:
    return method.get_docstring() or ""


def _with_functions(context: PassContext, kind: str, chosen: Sequence[tuple[cst.ClassDef, list[_Site]]]) -> cst.Module:
    """Return the file with the sites rewritten, and with the functions that they need before the first class."""
    names = {"base": context.use(kind), "mindspore": context.use("mindspore"), "ops": context.use("mindspore.ops")}
    text = _functions(**names, forward=context.dialect.forward)
    helper = own_definitions(context.tree, text)
    names |= dict(zip(definitions(text), definitions(helper.text), strict=True))
    made: dict[cst.CSTNode, cst.CSTNode] = {}
    for owner, sites in chosen:
        inner: dict[cst.CSTNode, cst.CSTNode] = {}
        for site in sites:
            self_ = self_name(site.method) or "self"
            inner[site.method] = replace(site.method, changes(site.found, site.method, f"{self_}._projected"))
            context.rewritten(site.method, site.what, "one product in a graph, where the layers are alike")
        members = _members(sites[0].attributes, **names)
        new = replace(owner, inner)
        added = [
            one.with_changes(leading_lines=[cst.EmptyLine(indent=False)]) for one in cst.parse_module(members).body
        ]
        made[owner] = new.with_changes(body=new.body.with_changes(body=[*new.body.body, *added]))
    tree = replace(context.tree, made)
    if helper.is_there:
        return tree
    return put_before(tree, helper.text, next(at for at, node in enumerate(context.tree.body) if node in made))
