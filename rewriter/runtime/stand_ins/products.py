"""`mint.einsum`, `mm`, `addmm` and the like: sums of products."""

from __future__ import annotations

from typing import Any

import mindspore
from mindspore import mint, ops

from .numbers import floats, is_float, wide
from .types import StandIn


def mm(input: Any, mat2: Any) -> Any:
    """Stand in for `mint.mm`."""
    return _product(input, mat2)


def mv(input: Any, vec: Any) -> Any:
    """Stand in for `mint.mv`."""
    return _product(input, vec.reshape(-1, 1)).reshape(-1)


def dot(input: Any, other: Any) -> Any:
    """Stand in for `mint.dot`."""
    return (wide(input) * wide(other)).sum().astype(input.dtype)


def outer(input: Any, vec2: Any) -> Any:
    """Stand in for `mint.outer`."""
    return input.reshape(-1, 1) * vec2.reshape(1, -1)


def addmm(input: Any, mat1: Any, mat2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """Stand in for `mint.addmm`."""
    return _added(input, _wide_product(mat1, mat2), beta, alpha)


def addmv(input: Any, mat: Any, vec: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """Stand in for `mint.addmv`."""
    return _added(input, _wide_product(mat, vec.reshape(-1, 1)).reshape(-1), beta, alpha)


def baddbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """Stand in for `mint.baddbmm`."""
    return _added(input, _wide_product(batch1, batch2), beta, alpha)


def addbmm(input: Any, batch1: Any, batch2: Any, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """Stand in for `mint.addbmm`."""
    return _added(input, _wide_product(batch1, batch2).sum(0), beta, alpha)


def _wide_product(a: Any, b: Any) -> Any:
    if 0 in a.shape or 0 in b.shape:
        return ops.full(a.shape[:-1] + b.shape[-1:], 0, dtype=wide(a).dtype)
    return ops.matmul(wide(a), wide(b))


def _product(a: Any, b: Any) -> Any:
    return _wide_product(a, b).astype(a.dtype)


def _added(input: Any, product: Any, beta: Any, alpha: Any) -> Any:
    """Return `beta * input + alpha * product`; with beta 0 what is in `input` does not matter, NaN included."""
    scaled = product * alpha
    return (scaled if beta == 0 else wide(input) * beta + scaled).astype(input.dtype)


def einsum(equation: str, *operands: Any) -> Any:
    """Stand in for `mint.einsum` and `ops.einsum`: with `...`, and letters that occur twice. Not under STRICT.

    Two operands at a time are brought into the form (shared, own, summed) and multiplied as matrices.
    """
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    text = equation.replace(" ", "")
    inputs, arrow, output = text.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(operands):
        raise ValueError(f"einsum: {equation!r} has {len(terms)} terms, and there are {len(operands)} operands")
    names, values, dots = [], [], ""
    for term, operand in zip(terms, operands, strict=True):
        letters, hidden = _letters(term, operand.ndim)
        dots = max(dots, hidden, key=len)
        value, letters = _diagonal(wide(operand), letters)
        values.append(value)
        names.append(letters)
    if arrow:
        result = output.replace("...", dots)
    else:
        written = inputs.replace("...", "").replace(",", "")
        result = dots + "".join(sorted(letter for letter in set(written) if written.count(letter) == 1))
    value, letters = values[0], names[0]
    for place in range(1, len(values)):
        later = "".join(names[place + 1 :]) + result
        value, letters = _contracted(value, letters, values[place], names[place], later)
    gone = tuple(axis for axis, letter in enumerate(letters) if letter not in result)
    if gone:
        value = value.sum(gone)
        letters = "".join(letter for letter in letters if letter in result)
    return value.permute(tuple(letters.index(letter) for letter in result)).astype(operands[0].dtype)


def _letters(term: str, ndim: int) -> tuple[str, str]:
    """Return a letter for each axis, those behind `...` as digits, and these digits: the last axis has the first."""
    count = ndim - len(term.replace("...", ""))
    if count < 0 or (count and "..." not in term):
        raise ValueError(f"einsum: the term {term!r} does not fit a tensor with {ndim} axes")
    hidden = "9876543210"[10 - count :]
    return term.replace("...", hidden), hidden


def _diagonal(x: Any, letters: str) -> tuple[Any, str]:
    """Take the diagonal of axes with the same letter."""
    for letter in dict.fromkeys(letters):
        while letters.count(letter) > 1:
            first = letters.index(letter)
            second = letters.index(letter, first + 1)
            size = x.shape[first]
            shape = [size if axis in (first, second) else 1 for axis in range(x.ndim)]
            eye = ops.eye(size, size, mindspore.int32).astype(x.dtype).reshape(shape)
            x = (x * eye).sum(second)
            letters = letters[:second] + letters[second + 1 :]
    return x, letters


def _contracted(a: Any, of_a: str, b: Any, of_b: str, later: str) -> tuple[Any, str]:
    """Multiply two tensors and sum over the letters that nothing later has."""
    shared = [letter for letter in of_a if letter in of_b and letter in later]
    summed = [letter for letter in of_a if letter in of_b and letter not in later]
    own_a = [letter for letter in of_a if letter not in of_b]
    own_b = [letter for letter in of_b if letter not in of_a]
    sizes = dict(zip(of_a, a.shape, strict=True))
    for letter, size in zip(of_b, b.shape, strict=True):
        sizes[letter] = max(sizes.get(letter, 1), size) if sizes.get(letter, 1) != 0 and size != 0 else 0
    left = _grouped(a, of_a, (shared, own_a, summed), sizes)
    right = _grouped(b, of_b, (shared, summed, own_b), sizes)
    letters = "".join([*shared, *own_a, *own_b])
    shape = tuple(sizes[letter] for letter in letters)
    if 0 in left.shape or 0 in right.shape:
        return ops.full(shape, 0, dtype=a.dtype), letters
    if is_float(a):
        return ops.bmm(left, right).reshape(shape), letters
    return (left.expand_dims(-1) * right.expand_dims(1)).sum(2).reshape(shape), letters


def _grouped(x: Any, letters: str, groups: Any, sizes: dict[str, int]) -> Any:
    """Return a tensor with one axis for each of three groups of letters."""
    order = [letter for group in groups for letter in group]
    x = x.permute(tuple(letters.index(letter) for letter in order)) if order else x
    x = ops.broadcast_to(x, tuple(sizes[letter] for letter in order)) if order else x
    shape = []
    for group in groups:
        size = 1
        for letter in group:
            size *= sizes[letter]
        shape.append(size)
    return x.reshape(tuple(shape))


STAND_INS = {
    "mindspore.mint.mm": StandIn(mm, lambda: mint.mm(floats(2, 2), floats(2, 2))),
    "mindspore.mint.mv": StandIn(mv, lambda: mint.mv(floats(2, 2), floats(2))),
    "mindspore.mint.dot": StandIn(dot, lambda: mint.dot(floats(2), floats(2))),
    "mindspore.mint.outer": StandIn(outer, lambda: mint.outer(floats(2), floats(2))),
    "mindspore.mint.addmm": StandIn(addmm, lambda: mint.addmm(floats(2, 2), floats(2, 2), floats(2, 2))),
    "mindspore.mint.addmv": StandIn(addmv, lambda: mint.addmv(floats(2), floats(2, 2), floats(2))),
    "mindspore.mint.baddbmm": StandIn(
        baddbmm, lambda: mint.baddbmm(floats(1, 2, 2), floats(1, 2, 2), floats(1, 2, 2))
    ),
    "mindspore.mint.addbmm": StandIn(addbmm, lambda: mint.addbmm(floats(2, 2), floats(1, 2, 2), floats(1, 2, 2))),
    "mindspore.mint.einsum": StandIn(einsum, lambda: mint.einsum("ij,kj->ik", floats(2, 2), floats(2, 2))),
    "mindspore.ops.einsum": StandIn(einsum, lambda: ops.einsum("ij,kj->ik", floats(2, 2), floats(2, 2))),
}
"""Qualified name → its stand-in."""
