"""Attention masks that mindnlp's shared helpers make, made in the file itself."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from rewriter import Example, Pass, PassContext, Safety
from rewriter.tree import find, replace

from .finfo import LIMITS
from .forwards import module_classes, self_attribute, self_name
from .inserted import definitions, first_class, put_before, with_free_names

_PLACE = "mindnlp.transformers.modeling_attn_mask_utils"
_LIBRARY, _BASE = "mindnlp.transformers.", "PreTrainedModel"
"""Where the base classes are, and how they end: a family may start from another one's, which inherits the helpers."""

_LEAST = f'''
def _least(dtype):
    """Return the least finite number of a floating-point type; `finfo` asks NumPy, which no graph can hold."""
    if dtype == $mindspore.float16:
        return {LIMITS["float16"][0]}
    if dtype == $mindspore.float32:
        return {LIMITS["float32"][0]}
    limits = $limits
    return float(limits.min)
'''
_EXPANDED = '''
def _expanded_mask(mask, dtype, tgt_len=None):
    """Return a mask of shape (batch, 1, target length, length) for one of shape (batch, length): 0 where it is 1."""
    batch, length = mask.shape
    wide = mask.expand_dims(1).expand_dims(2).broadcast_to((batch, 1, length if tgt_len is None else tgt_len, length))
    inverted = 1.0 - wide.to(dtype)
    return inverted.masked_fill(inverted.to($mindspore.bool_), _least(dtype))
'''
_CAUSAL = '''
def _causal_mask(input_shape, dtype, past_key_values_length=0):
    """Return a mask of shape (batch, 1, length, past + length) that hides what comes later; None for one position."""
    batch, length = input_shape[0], input_shape[-1]
    if length == 1:
        return None
    at = $ops.arange(length)
    mask = $ops.zeros((length, length), dtype=dtype).masked_fill(at > at[:, None], _least(dtype))
    if past_key_values_length > 0:
        mask = $ops.cat([$ops.zeros((length, past_key_values_length), dtype=dtype), mask], dim=-1)
    return mask.expand_dims(0).expand_dims(0).broadcast_to((batch, 1, length, length + past_key_values_length))
'''
_CAUSAL_EARLIER = '''
def _causal_mask(input_shape, dtype, past_key_values_length=0):
    """Return a mask of shape (batch, 1, length, past + length) that hides what comes later; None for one position."""
    batch, length = input_shape[0], input_shape[-1]
    if length == 1:
        return None
    at = $ops.arange(length)
    mask = $ops.full((length, length), $mindspore.Tensor(_least(dtype), dtype))  # whole numbers, of which some overflow
    mask = mask.masked_fill(at <= at[:, None], 0).to(dtype)
    if past_key_values_length > 0:
        mask = $ops.cat([$ops.zeros((length, past_key_values_length), dtype=dtype), mask], axis=-1)
    return mask.expand_dims(0).expand_dims(0).broadcast_to((batch, 1, length, length + past_key_values_length))
'''
"""That of mindnlp up to 0.3: `ops.full` makes int64 of any number, so that what is hidden has -2**63."""
_JOINED = '''
def _joined_mask(attention_mask, input_shape, inputs_embeds, past_key_values_length):
    """Return a mask that hides what comes later and what `attention_mask` of shape (batch, past + length) hides."""
    dtype, length = inputs_embeds.dtype, input_shape[-1]
    if attention_mask is None:
        return _causal_mask(input_shape, dtype, past_key_values_length)
    if attention_mask.ndim != 2:
        return $helper(
            attention_mask, input_shape, inputs_embeds, past_key_values_length, sliding_window=None
        )
    causal = _causal_mask((attention_mask.shape[0], length), dtype, past_key_values_length)
    hidden = _expanded_mask(attention_mask, dtype, length)
    return hidden if causal is None else causal.masked_fill(hidden.to($mindspore.bool_), _least(dtype))
'''
_JOINING = f"{_PLACE}._prepare_4d_causal_attention_mask"
_FUNCTIONS = {
    f"{_PLACE}._prepare_4d_attention_mask": ("_expanded_mask", (_EXPANDED,)),
    f"{_PLACE}._create_4d_causal_attention_mask": ("_causal_mask", (_CAUSAL,)),
    _JOINING: ("_joined_mask", (_EXPANDED, _CAUSAL, _JOINED)),
}
"""Helper of mindnlp → (function in its place, the texts that define it)."""

_EXTENDED = '''
    def get_extended_attention_mask(self, attention_mask, input_shape, dtype=None):
        """As inherited; in a form that a graph can hold."""
        dtype = self.dtype if dtype is None else dtype
        if attention_mask.ndim == 3:
            mask = attention_mask.expand_dims(1)
        elif attention_mask.ndim != 2:
            return super().get_extended_attention_mask(attention_mask, input_shape, dtype)
        elif self.config.is_decoder:
            mask = self.create_extended_attention_mask_for_decoder(input_shape, attention_mask)
        else:
            mask = attention_mask.expand_dims(1).expand_dims(2)
        return (1.0 - mask.to(dtype=dtype)) * _least(dtype)
'''
_INVERTED = '''
    def invert_attention_mask(self, encoder_attention_mask):
        """As inherited; in a form that a graph can hold."""
        if encoder_attention_mask.ndim == 3:
            mask = encoder_attention_mask.expand_dims(1)
        elif encoder_attention_mask.ndim == 2:
            mask = encoder_attention_mask.expand_dims(1).expand_dims(2)
        else:
            return super().invert_attention_mask(encoder_attention_mask)
        return (1.0 - mask.to(dtype=self.dtype)) * _least(self.dtype)
'''
_INVERTED_ONCE = '''
    def invert_attention_mask(self, encoder_attention_mask):
        """As inherited; in a form that a graph can hold."""
        if encoder_attention_mask.ndim != 2:
            return super().invert_attention_mask(encoder_attention_mask)
        return (1.0 - encoder_attention_mask.expand_dims(1).expand_dims(2).to(dtype=self.dtype)) * _least(self.dtype)
'''
"""That of mindnlp up to 0.3, which takes a mask with three axes as it is."""
_METHODS = {"get_extended_attention_mask": _EXTENDED, "invert_attention_mask": _INVERTED}
"""Method of mindnlp's `PreTrainedModel` → the one that takes its place in the file's own base class."""
_EARLIER = {_CAUSAL: _CAUSAL_EARLIER, _INVERTED: _INVERTED_ONCE}
"""Text → that of mindnlp up to 0.3, where it is another one."""

_SPELLINGS = {
    "mindnlp.core": {"ops": "mindnlp.core.ops", "limits": "$ops.finfo(dtype)"},
    "mindspore": {"ops": "mindspore.ops", "limits": "$numpy.finfo($mindspore.dtype_to_nptype(dtype))"},
}
"""Dialect → how its helpers spell things: mindnlp up to 0.3 was written in MindSpore's own."""


class Masks(Pass):
    """Make attention masks by functions of the file in the place of mindnlp's helpers, which no graph can hold.

    The helpers take the least number of a type from NumPy by way of a call that logs. The values are the same.
    """

    name = "masks"
    safety = Safety.EXACT
    before = ("mint", "flatten", "slices", "whole-graph")
    examples = (
        Example(
            title="a causal mask",
            before="""\
import mindspore
from mindnlp.core import nn, ops
from mindnlp.transformers.modeling_attn_mask_utils import _create_4d_causal_attention_mask


class Model(nn.Module):
    def forward(self, x):
        x = ops.tanh(x)
        return x + _create_4d_causal_attention_mask(x.shape, x.dtype)
""",
            after=f"""\
import mindspore
from mindnlp.core import nn, ops

{_LEAST.replace("$limits", "ops.finfo(dtype)").replace("$", "")}
{_CAUSAL.replace("$", "")}

class Model(nn.Module):
    def forward(self, x):
        x = ops.tanh(x)
        return x + _causal_mask(x.shape, x.dtype)
""",
        ),
        Example(
            title="a helper of the file's own",
            before="""\
from mindnlp.core import nn, ops


def _create_4d_causal_attention_mask(shape, dtype):
    return ops.zeros(shape, dtype=dtype)


class Model(nn.Module):
    def forward(self, x):
        return x + _create_4d_causal_attention_mask(x.shape, x.dtype)
""",
        ),
    )

    def rewrite(self, context: PassContext) -> cst.Module:
        """Look at every call of a helper, and at every model that inherits one."""
        helpers = [name.rpartition(".")[2] for name in _FUNCTIONS]
        if context.dialect.name not in _SPELLINGS or not context.mentions(*helpers, *_METHODS):
            return context.tree
        calls = self._calls(context)
        owners = _inheriting(context)
        if not calls and not owners:
            return context.tree
        other = _EARLIER if context.dialect.name == "mindspore" else {}
        texts = dict.fromkeys([_LEAST, *(text for name in calls.values() for text in _FUNCTIONS[name][1])])
        helper = _spelled("\n".join(other.get(text, text) for text in texts), context)
        for call in (call for call, name in calls.items() if name == _JOINING):
            helper = helper.replace("$helper", context.tree.code_for_node(call.func))
        free = with_free_names(helper, context.tree)
        names = dict(zip(definitions(helper), definitions(free), strict=True))
        changes: dict[cst.CSTNode, cst.CSTNode] = {}
        for call, qualified in calls.items():
            name = names[_FUNCTIONS[qualified][0]]
            changes[call.func] = cst.Name(name)
            context.rewritten(call, qualified, name)
        for owner, methods in owners.items():
            bodies = [other.get(_METHODS[name], _METHODS[name]) for name in methods]
            changes[owner] = _with_methods(owner, bodies, names["_least"])
            for name in methods:
                context.rewritten(owner, f"{owner.name.value}.{name}", "overridden by a form that a graph can hold")
        return put_before(replace(context.tree, changes), free, first_class(context.tree))

    def _calls(self, context: PassContext) -> dict[cst.Call, str]:
        """Return the calls of helpers → the helper."""
        found = {}
        for call in find(context.tree, cst.Call):
            qualified = context.qualified_name(call.func) or ""
            if qualified not in _FUNCTIONS or (qualified == _JOINING and context.dialect.name == "mindspore"):
                continue  # nobody has compared the one with what mindnlp up to 0.3 had
            most = 4 if qualified == _JOINING else 3
            if len(call.args) > most or any(arg.star or _keyword(arg) == "sliding_window" for arg in call.args):
                context.skipped(call, qualified, "takes more than shape or mask, type and one length")
            else:
                found[call] = qualified
        return found


def _keyword(arg: cst.Arg) -> str:
    return arg.keyword.value if arg.keyword is not None else ""


def _inheriting(context: PassContext) -> dict[cst.ClassDef, list[str]]:
    """Return the classes that derive from a base class of mindnlp → the methods to override in them."""
    defined = {method.name.value for method in find(context.tree, cst.FunctionDef)}
    called = {
        self_attribute(call.func, self_name(method) or "self")
        for owner in module_classes(context)
        for method in owner.methods()
        for call in find(method.body, cst.Call)
    }
    wanted = [name for name in _METHODS if name in called and name not in defined]
    return {
        node: wanted
        for node in context.tree.body
        if isinstance(node, cst.ClassDef)
        and wanted
        and isinstance(node.body, cst.IndentedBlock)
        and any(_is_base(context.qualified_name(base.value) or "") for base in node.bases)
    }


def _is_base(qualified: str) -> bool:
    return qualified.startswith(_LIBRARY) and qualified.endswith(_BASE)


def _with_methods(owner: cst.ClassDef, methods: Sequence[str], least: str) -> cst.ClassDef:
    """Return a class with overriding methods, given as texts, after its own."""
    text = "class _:" + "".join(methods).replace("_least(", f"{least}(")
    members = cst.parse_module(text).body[0]
    assert isinstance(members, cst.ClassDef)
    new = [cst.ensure_type(one, cst.FunctionDef) for one in members.body.body]
    body = [*owner.body.body, *(one.with_changes(leading_lines=[cst.EmptyLine(indent=False)]) for one in new)]
    return owner.with_changes(body=owner.body.with_changes(body=body))


def _spelled(text: str, context: PassContext) -> str:
    """Return `text` with the spellings of the file's dialect, and its names for MindSpore, NumPy and operators."""
    spelling = _SPELLINGS[context.dialect.name]
    text = text.replace("$limits", spelling["limits"])
    for mark, qualified in (("$mindspore", "mindspore"), ("$numpy", "numpy"), ("$ops", spelling["ops"])):
        text = text.replace(mark, context.use(qualified)) if mark in text else text
    return text
