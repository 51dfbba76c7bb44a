"""`mint.einsum`, `mm`, `addmm` and the like: sums of products."""

from __future__ import annotations

import math
from typing import Any

import mindspore
from mindspore import mint, ops
from mindspore.ops import constexpr

from .numbers import floats, is_float, total, wide
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
    """Stand in for `mint.einsum` and `ops.einsum`: with `...`, and letters that occur twice.

    Two operands at a time are brought into the form (shared, own, summed) and multiplied as matrices.
    """
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    shapes: Any = ()
    for operand in operands:
        shapes = (*shapes, operand.shape)
    diagonals, steps, gone, order = _plan(equation, shapes)
    values = []
    for place in range(len(operands)):
        value = wide(operands[place])
        for first, second in diagonals[place]:
            value = _diagonal(value, first, second)
        values.append(value)
    value = values[0]
    for place in range(len(steps)):
        left, right, shape = steps[place]
        value = _multiplied(_arranged(value, left), _arranged(values[place + 1], right), shape)
    if len(gone) > 0:
        value = total(value, gone)
    if len(order) > 0:
        value = ops.transpose(value, order)
    return value.astype(operands[0].dtype)


def _diagonal(x: Any, first: int, second: int) -> Any:
    """Take the diagonal of two axes; it is the first of them."""
    size = x.shape[first]
    shape: Any = ()
    for axis in range(x.ndim):
        shape = (*shape, size if axis in (first, second) else 1)
    numbers = ops.arange(0, size, 1, dtype=mindspore.int64)
    eye = (numbers.reshape(-1, 1) == numbers.reshape(1, -1)).astype(x.dtype)
    return total(x * eye.reshape(shape), second)


def _arranged(x: Any, plan: Any) -> Any:
    order, full, shape = plan
    if len(order) > 0:
        x = ops.broadcast_to(ops.transpose(x, order), full)
    return x.reshape(shape)


def _multiplied(left: Any, right: Any, shape: Any) -> Any:
    if 0 in left.shape or 0 in right.shape:
        return ops.full(shape, 0, dtype=left.dtype)
    if is_float(left):
        return ops.bmm(left, right).reshape(shape)
    return (left.expand_dims(-1) * right.expand_dims(1)).sum(2).reshape(shape)


@constexpr  # type: ignore[untyped-decorator]  # of MindSpore, which has no types
def _plan(equation: str, shapes: Any) -> Any:
    """Return what to do, in numbers alone: a graph has no strings.

    That is, for each operand, the pairs of axes of which to take the diagonal; for each operand but the first, how to
    arrange what there is and it, and the shape of their product; the axes to sum up, and the order of the others.
    """
    text = equation.replace(" ", "")
    inputs, arrow, output = text.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(shapes):
        raise ValueError(f"einsum: {equation!r} has {len(terms)} terms, and there are {len(shapes)} operands")
    names, sizes, diagonals, dots = [], [], [], ""
    for term, shape in zip(terms, shapes, strict=True):
        letters, hidden = _letters(term, len(shape))
        dots = max(dots, hidden, key=len)
        pairs = []
        for letter in dict.fromkeys(letters):
            while letters.count(letter) > 1:
                first, second = letters.index(letter), letters.index(letter, letters.index(letter) + 1)
                pairs.append((first, second))
                letters = letters[:second] + letters[second + 1 :]
                shape = (*shape[:second], *shape[second + 1 :])
        diagonals.append(tuple(pairs))
        names.append(letters)
        sizes.append(dict(zip(letters, shape, strict=True)))
    if arrow:
        result = output.replace("...", dots)
    else:
        written = inputs.replace("...", "").replace(",", "")
        result = dots + "".join(sorted(letter for letter in set(written) if written.count(letter) == 1))
    letters, of_letters, steps = names[0], sizes[0], []
    for place in range(1, len(names)):
        later = "".join(names[place + 1 :]) + result
        step, letters, of_letters = _step(letters, of_letters, names[place], sizes[place], later)
        steps.append(step)
    gone = tuple(axis for axis, letter in enumerate(letters) if letter not in result)
    kept = "".join(letter for letter in letters if letter in result)
    return tuple(diagonals), tuple(steps), gone, tuple(kept.index(letter) for letter in result)


def _letters(term: str, ndim: int) -> tuple[str, str]:
    """Return a letter for each axis, those behind `...` as digits, and these digits: the last axis has the first."""
    count = ndim - len(term.replace("...", ""))
    if count < 0 or (count and "..." not in term):
        raise ValueError(f"einsum: the term {term!r} does not fit a tensor with {ndim} axes")
    hidden = "9876543210"[10 - count :]
    return term.replace("...", hidden), hidden


def _step(of_a: str, sizes_a: dict[str, int], of_b: str, sizes_b: dict[str, int], later: str) -> Any:
    """Return how two operands are multiplied, summing over the letters that nothing later has; and what comes out."""
    shared = [letter for letter in of_a if letter in of_b and letter in later]
    summed = [letter for letter in of_a if letter in of_b and letter not in later]
    own_a = [letter for letter in of_a if letter not in of_b]
    own_b = [letter for letter in of_b if letter not in of_a]
    sizes = {**sizes_a, **sizes_b}
    for letter in (*shared, *summed):
        if sizes_a[letter] != sizes_b[letter] and 1 not in (sizes_a[letter], sizes_b[letter]):
            raise ValueError(f"einsum: {letter!r} is {sizes_a[letter]} in one operand and {sizes_b[letter]} in another")
        sizes[letter] = sizes_b[letter] if sizes_a[letter] == 1 else sizes_a[letter]
    letters = "".join([*shared, *own_a, *own_b])
    left = _arrangement(of_a, (shared, own_a, summed), sizes)
    right = _arrangement(of_b, (shared, summed, own_b), sizes)
    return (left, right, tuple(sizes[letter] for letter in letters)), letters, sizes


def _arrangement(letters: str, groups: Any, sizes: dict[str, int]) -> Any:
    """Return the order of the axes, their sizes, and the shape with one axis for each group of letters."""
    order = [letter for group in groups for letter in group]
    shape = tuple(math.prod(sizes[letter] for letter in group) for group in groups)
    return tuple(letters.index(letter) for letter in order), tuple(sizes[letter] for letter in order), shape


STAND_INS = {
    "mindspore.mint.mm": StandIn(mm, lambda: mint.mm(floats(2, 2), floats(2, 2))),
    "mindspore.mint.mv": StandIn(mv, lambda: mint.mv(floats(2, 2), floats(2))),
    "mindspore.mint.dot": StandIn(dot, lambda: mint.dot(floats(2), floats(2))),
    "mindspore.mint.outer": StandIn(outer, lambda: mint.outer(floats(2), floats(2))),
    "mindspore.mint.addmm": StandIn(addmm, lambda: mint.addmm(floats(2, 2), floats(2, 2), floats(2, 2))),
    "mindspore.mint.addmv": StandIn(addmv, lambda: mint.addmv(floats(2), floats(2, 2), floats(2))),
    "mindspore.mint.baddbmm": StandIn(baddbmm, lambda: mint.baddbmm(floats(1, 2, 2), floats(1, 2, 2), floats(1, 2, 2))),
    "mindspore.mint.addbmm": StandIn(addbmm, lambda: mint.addbmm(floats(2, 2), floats(1, 2, 2), floats(1, 2, 2))),
    "mindspore.mint.einsum": StandIn(einsum, lambda: mint.einsum("ij,kj->ik", floats(2, 2), floats(2, 2))),
    "mindspore.ops.einsum": StandIn(einsum, lambda: ops.einsum("ij,kj->ik", floats(2, 2), floats(2, 2))),
}
"""Qualified name → its stand-in."""
