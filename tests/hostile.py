# ruff: noqa: E501, RUF001  (a case is easier to read on one line)
"""Modeling files that nobody should write, and some that people do: what `rewriter apply` must survive.

Nearly all come from one small model, changed in one hostile way each, so that there is always something to rewrite.
"""

from __future__ import annotations

import json
import textwrap
import zipfile
from dataclasses import dataclass
from io import BytesIO
from random import Random

MODEL = '''\
"""A small model."""

from mindspore import nn, ops


class Layer(nn.Cell):
    def __init__(self, size=2):
        super().__init__()
        self.dense = nn.Dense(size, size)

    def construct(self, x):
        return ops.tanh(self.dense(x))


class Encoder(nn.Cell):
    def __init__(self, size=2):
        super().__init__()
        self.layers = nn.CellList([Layer() for _ in range(size)])

    def scores(self, query, key, mask):
        product = ops.einsum("bld,brd->blr", query, key)
        lowest = (1.0 - mask) * ops.finfo(query.dtype).min
        del query
        return product + lowest

    def construct(self, x, keep=False, mask=None):
        kept = ()
        for layer in self.layers:
            if keep:
                kept = kept + (x,)
            x = layer(x)
        x = ops.cat((x, x), axis=-1)
        if keep:
            return x, kept
        return x
'''
LOOP = """\
        for layer in self.layers:
            if keep:
                kept = kept + (x,)
            x = layer(x)
"""
FORWARD = MODEL[MODEL.index("    def construct(self, x, keep") :]
SIGNATURE = "def construct(self, x, keep=False, mask=None):"


@dataclass(frozen=True)
class Hostile:
    """A hostile file.

    Attributes:
        data: Its bytes.
        code: The exit code that `rewriter apply` owes it; None where several are right.
        says: Words that the message must hold.
        moved: Whether the layer loop has to end up in a flat method; None where either is right.
    """

    data: bytes
    code: int | None = 0
    says: str = ""
    moved: bool | None = None


FILES: dict[str, Hostile] = {}


def add(
    name: str, text: str | bytes, code: int | None = 0, *, says: str = "", moved: bool | None = None, encoding: str = ""
) -> None:
    """Add a file; `text` is encoded as UTF-8 unless it says otherwise."""
    assert name not in FILES, name
    data = text if isinstance(text, bytes) else text.encode(encoding or "utf-8")
    FILES[name] = Hostile(data, code, says, moved)


def swap(*pairs: str, text: str = MODEL) -> str:
    """Return the model with each old text replaced by the new one that follows it."""
    for old, new in zip(pairs[::2], pairs[1::2], strict=True):
        assert old in text, old
        text = text.replace(old, new)
    return text


def body(lines: str, *, signature: str = SIGNATURE) -> str:
    """Return the model with another forward."""
    return swap(FORWARD, f"    {signature}\n" + textwrap.indent(textwrap.dedent(lines).strip("\n"), "        ") + "\n")


def loop(lines: str) -> str:
    """Return the model with another layer loop."""
    return swap(LOOP, textwrap.indent(textwrap.dedent(lines).strip("\n"), "        ") + "\n")


def head(lines: str) -> str:
    """Return the model with more lines before its first class."""
    return swap("\n\n\nclass Layer", "\n" + lines + "\n\n\nclass Layer")


# --- as it is, and its bytes -----------------------------------------------------------------------------------------

add("plain", MODEL, moved=True)
add("tabs", swap("    ", "\t"), moved=True)
add("two spaces", swap("    ", "  "), moved=True)
add("one space", swap("    ", " "), moved=True)
add("tabs in one method, spaces in another", swap(FORWARD, FORWARD.replace("        ", "    \t")), moved=True)
add("a tab counts as eight", swap("            x = layer(x)", "\tx = layer(x)"), None)
add("tabs and spaces that contradict each other", swap("            x = layer(x)", "  \t  x = layer(x)"), 2)
add("crlf", swap("\n", "\r\n"), moved=True)
add("lone cr", swap("\n", "\r"), None)
add("mixed newlines", swap("super().__init__()\n", "super().__init__()\r\n"), None)
add("mixed newlines, first crlf", MODEL.replace("\n", "\r\n", 3), None)
add("cr inside a string", swap("A small model.", "A small\rmodel."), None)
add("no newline at the end", MODEL.rstrip("\n"), moved=True)
add("ends in a backslash", MODEL + "\\", 2)
add("ends in a comment without newline", MODEL + "# the end", moved=True)
add("ends in blank lines and spaces", MODEL + "\n\n   \n\t\n", None)
add("byte-order mark", MODEL, encoding="utf-8-sig", moved=True)
add("byte-order mark and cookie", "# -*- coding: utf-8 -*-\n" + MODEL, encoding="utf-8-sig", moved=True)
add("byte-order mark and another cookie", "# coding: latin-1\n" + MODEL, 2, encoding="utf-8-sig")
add("two byte-order marks", b"\xef\xbb\xbf\xef\xbb\xbf" + MODEL.encode(), 2)
add("latin-1 cookie", "# coding: latin-1\n" + swap("small", "schöner"), encoding="latin-1", moved=True)
add("latin-1 without cookie", swap("small", "schöner"), 2, encoding="latin-1", says="UTF-8")
add("gbk cookie", "# coding: gbk\n" + swap("small", "小的"), encoding="gbk", moved=True)
add("shift-jis cookie", "# coding: shift_jis\n" + swap("small", "小さい"), encoding="shift_jis", moved=True)
add("ascii cookie, but not ascii", "# coding: ascii\n" + swap("small", "schöner"), 2)
add("utf-16", MODEL, 2, encoding="utf-16")
add("utf-16 cookie", "# coding: utf-16\n" + MODEL, 2)
add("utf-7 cookie", "# coding: utf-7\n" + MODEL, None)
add("rot13 cookie", "# coding: rot13\n" + MODEL, 2)
add("cookie of no codec", "# coding: klingon\n" + MODEL, 2)
add("cookie in the second line", "#!/usr/bin/env python\n# vim: set fileencoding=cp1252 :\n" + MODEL, moved=True)
add("cookie in the third line", "#\n#\n# coding: klingon\n" + MODEL, moved=True)
add("form feeds", swap("\n\n\nclass", "\n\f\n\nclass", "        kept = ()", "\f        kept = ()"), None)
add("vertical tab in the code", swap("kept = ()", "kept\v= ()"), 2)
add("null byte", swap("small", "sm\0all"), 2)
add("null byte at the end", MODEL + "\0", 2)
add("ctrl-z at the end", MODEL + "\x1a", 2)
add("no-break space", swap("kept = ()", "kept\u00a0= ()"), 2)
add("bidirectional control characters", swap("kept = ()", "kept = ()  # \u202e\u2066 ()"), moved=True)
add("lone surrogate, escaped", swap("small", "\\ud800"), moved=True)
add("lone surrogate, encoded", swap("small", "@").encode().replace(b"@", b"\xed\xa0\x80"), 2)
add("line separators in a string", swap("small", "\u2028\u2029\x85\x0b\x1c"), moved=True)
add("invalid escapes", swap('"""A small model."""', '"\\d \\w \\N{BULLET} \\8"'), moved=True)
add("3,000 characters in a line", swap("kept = ()", "kept = ()  # " + "long " * 600), moved=True)
add("an expression of 3,000 characters", swap("return x\n", "return (x" + " + 0" * 750 + ")\n"), None)
add("a literal of 100,000 characters", swap("A small model.", "long " * 20_000), moved=True)
add("a number of 4,000 digits", head("BIG = " + "7" * 4000), moved=True)
add("a list of 500 numbers", head("MANY = [" + ", ".join(map(str, range(500))) + "]"), moved=True)
add("semicolons", swap("kept = ()", "kept = (); a = 1; del a;"), moved=True)
add(
    "backslashes", swap("kept = ()", "kept \\\n = \\\n  ()", "for layer in self", "for layer \\\n  in self"), moved=True
)
add("backslashes at no indentation", swap("x = layer(x)", "x = \\\nlayer\\\n(\\\nx)"), moved=True)
add("comments at odd indentation", swap(LOOP, LOOP.replace("            if", "  # left\n            if")), moved=True)
add("a comment after every line", "".join(f"{line}  # note\n" for line in MODEL.splitlines() if line[:1] == " "), 2)
add("a deeper comment ends the method", MODEL + "            # deep\n    # shallow\n# out\n", moved=True)
add("blank lines in the loop", swap("            x = layer(x)", "\n\n\n            x = layer(x)\n\n"), moved=True)

# --- not Python, or not this Python ----------------------------------------------------------------------------------

add("empty", b"", 1)
add("white space", b" \n\t\n\f\n", None)
add("one newline", b"\n", 1)
add("comments only", "# one\n# two\n", 1)
add("docstring only", '"""mindspore"""\n', 1)
add("a comment that imports", "# import mindspore\nx = 1\n", 1)
add("a notebook", json.dumps({"cells": [{"source": MODEL.splitlines()}], "nbformat": 4}), None)
add("python 2", MODEL + "print 'two'\n", 2)
add("python 2 exceptions", MODEL + "try:\n    pass\nexcept ValueError, e:\n    pass\n", 2)
add("python 2 backquotes", MODEL + "x = `1`\n", 2)
add("cython", MODEL + "cdef int f(double x):\n    return <int>x\n", 2)
add("ipython", "%matplotlib inline\n!pip install x\n" + MODEL, 2)
add("a merge conflict", swap("        kept = ()\n", "<<<<<<< ours\n        kept = ()\n=======\n>>>>>>> theirs\n"), 2)
add("a diff", textwrap.indent(MODEL, "+"), 2)
add("cut off in the loop", MODEL[: MODEL.index("kept = kept")], 2)
add("cut off in a string", MODEL + "x = '''", 2)
add("random bytes", Random(1).randbytes(2000), 2)
add("html", "<!DOCTYPE html>\n<html>mindspore</html>\n", 2)
add("pep 695 function", MODEL + "\n\ndef first[T](x: list[T]) -> T:\n    return x[0]\n", 2, says="syntax")
add("pep 695 class", swap("class Encoder(", "class Encoder[T]("), 2, says="syntax")
add("pep 695 alias", head("type Name = str"), 2, says="syntax")
add("pep 701 quotes", head("x = f\"{'a' + f'{1 + 1}' + \"b\"}\""), 2, says="syntax")
add("pep 696 default", MODEL + "\n\nclass Box[T = int]:\n    pass\n", 2)
add("return at module level", MODEL + "return\n", 2, says="syntax")
add("break at module level", MODEL + "break\n", 2, says="syntax")
add("continue outside a loop", swap("kept = ()\n", "kept = ()\n        continue\n"), 2, says="syntax")
add("yield at module level", MODEL + "yield 1\n", 2, says="syntax")
add("await in a plain method", swap("kept = ()\n", "kept = await x\n"), 2, says="syntax")
add("async for in a plain method", swap("for layer in", "async for layer in"), 2, says="syntax")
add("a parameter twice", swap("self, x, keep", "self, x, x, keep"), 2, says="syntax")
add("a default before none", swap("self, x, keep=False, mask=None", "self, x=1, keep"), 2, says="syntax")
add("a keyword twice", swap("axis=-1", "axis=-1, axis=0"), 2, says="syntax")
add("a position after a keyword", swap("(x, x), axis=-1", "axis=-1, (x, x)"), 2, says="syntax")
add("an assignment to a call", swap("kept = ()\n", "kept() = ()\n"), 2, says="syntax")
add("an assignment to None", swap("kept = ()\n", "None = ()\n"), 2, says="syntax")
add("an assignment to __debug__", swap("kept = ()\n", "__debug__ = ()\n"), 2, says="syntax")
add("a deleted call", swap("del query", "del query()"), 2, says="syntax")
add("nonlocal of nothing", swap("kept = ()\n", "nonlocal kept\n"), 2, says="syntax")
add("nonlocal at module level", MODEL + "nonlocal x\n", 2, says="syntax")
add("global after use", swap("kept = ()\n", "kept = ()\n        global kept\n"), 2, says="syntax")
add("a parameter that is global", swap("kept = ()\n", "global x\n        kept = ()\n"), 2, says="syntax")
add("a late __future__", MODEL + "from __future__ import annotations\n", 2, says="syntax")
add("an unknown __future__", "from __future__ import braces\n" + MODEL.split("\n", 2)[2], 2, says="syntax")
add("a star import in a method", swap("kept = ()\n", "from math import *\n"), 2, says="syntax")
add("two starred targets", swap("kept = ()\n", "*a, *b = ()\n"), 2, says="syntax")
add("a starred expression alone", swap("kept = ()\n", "*kept\n"), 2, says="syntax")
add("a walrus as a statement", swap("kept = ()\n", "kept := ()\n"), 2, says="syntax")
add("bytes that are not ascii", head("x = b'\u00e4'"), 2, says="syntax")
add("an escape of no character", head("x = '\\N{NO SUCH THING}'"), 2, says="syntax")
add("an octal of python 2", head("x = 0777"), 2, says="syntax")
add("except* with a continue", swap(LOOP, LOOP + "            try:\n                x\n            except* ValueError:\n                continue\n"), 2)  # fmt: skip
add("a bare except before another", MODEL + "try:\n    pass\nexcept:\n    pass\nexcept ValueError:\n    pass\n", 2)
add("a match that can never go on", MODEL + "match 1:\n    case x:\n        pass\n    case 2:\n        pass\n", 2)


def zipped() -> bytes:
    """Return a zip archive that holds the model."""
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo("__main__.py"), MODEL)
    return stream.getvalue()


add("a zip", zipped(), 2)
for kind, (opening, closing) in {
    "parentheses": ("(", ")"),
    "brackets": ("[", "]"),
    "calls": ("f(", ")"),
    "minus signs": ("-", ""),
    "nots": ("not ", ""),
    "lambdas": ("lambda: ", ""),
    "attributes": ("", ".a"),
    "called calls": ("", "()"),
    "sums": ("", " + y"),
    "powers": ("", " ** y"),
    "comparisons": ("", " < y"),
    "conditions": ("1 if y else ", ""),
    "f-strings": ("f'{", "}'"),
    "subscripts": ("", "[0]"),
}.items():
    for depth in (80, 3_000 if kind == "comparisons" else 30_000):
        add(f"{depth} nested {kind}", head(f"y = lambda: {opening * depth}y{closing * depth}"), None)
for depth in (15, 90, 3000):
    blocks = "".join(" " * i + "if 1:\n" for i in range(depth)) + " " * depth + "pass"
    add(f"{depth} nested blocks", head(blocks), None)
add("20,000 elifs", head("if 0:\n    pass\n" + "elif 0:\n    pass\n" * 20_000), None)

# --- what stands in a forward ----------------------------------------------------------------------------------------

AFTER = "        return x\n"
add(
    "a nested function",
    loop("def one(y):\n    return self.layers[0](y)\nfor layer in self.layers:\n    x = one(layer(x))"),
)
add("a nested function that reads the loop's name", loop("for layer in self.layers:\n    def run(y):\n        return layer(y)\n    x = run(x)"), None, moved=False)  # fmt: skip
add("a lambda in the loop", loop("for layer in self.layers:\n    x = (lambda y, f=layer: f(y))(x)"), None)
add("lambdas kept for later", loop("fs = []\nfor layer in self.layers:\n    fs.append(lambda y: layer(y))\nx = fs[0](x)"), None, moved=False)  # fmt: skip
add("a generator kept for later", loop("g = (layer(x) for layer in self.layers)\nfor layer in self.layers:\n    x = layer(x)\nx = x + next(g)"), None)  # fmt: skip
add("a walrus in the loop's list", loop("for layer in (chosen := self.layers):\n    x = layer(x)\nx = x + len(chosen)"))
add("a walrus in a condition", loop("for layer in self.layers:\n    if (y := layer(x)) is not None:\n        x = y"))
add("a walrus in a comprehension over the layers", loop("ys = [x := layer(x) for layer in self.layers]"), None)
add("a walrus in an argument", swap("ops.cat((x, x), axis=-1)", "ops.cat((y := x, y), axis=(a := -1)) + a * 0"))
add("a walrus in einsum", swap('einsum("bld,brd->blr", query, key)', 'einsum("bld,brd->blr", (q := query), k := key)'))
add("a walrus in a subscript and a slice", swap("kept = ()", "kept = ()[(n := 0) : (m := n)]"))
add("a walrus in an f-string", swap("kept = ()", 'kept = f"{(n := 1)}"[2:] and n or ()'))
add("a walrus in a default", swap("mask=None):", "mask=(seen := None)):"))
add("a walrus in a while", loop("i = 0\nwhile (i := i + 1) < 3:\n    for layer in self.layers:\n        x = layer(x)"))
add("star-args to ops", swap("ops.cat((x, x), axis=-1)", "ops.cat(*[(x, x)], **{'axis': -1})"))
add("star-args in the middle", swap("ops.cat((x, x), axis=-1)", "ops.cat((*(x, x),), *(), axis=-1, **{})"))
add("keyword operands", swap('ops.einsum("bld,brd->blr", query, key)', "ops.einsum(*('bld,brd->blr', query, key))"))
add("a generator as the one argument", swap("ops.cat((x, x), axis=-1)", "ops.cat(tuple(y for y in (x, x)), axis=-1)"))
add("a layer called on a generator", swap(AFTER, "        nn.Softmax(axis=-1)(y for y in x)\n        return x\n"), None)
add("comments among the arguments", swap("ops.cat((x, x), axis=-1)", "ops.cat(  # all\n            (x, x),  # both\n            # last\n            axis=-1,\n        )"))  # fmt: skip
add("trailing commas", swap("ops.cat((x, x), axis=-1)", "ops.cat((x, x,), axis=-1,)", "key)", "key,)"))
add("no space after return", swap(AFTER, "        return(ops.cat((x, x), axis=-1))\n"))
add("no space around operators", swap(AFTER, "        return(x)if(mask)is(None)else(x)\n"))
add("no space around einsum", swap("product = ops.einsum(", "product = mask is None and(ops.einsum)(") )  # fmt: skip
add("einsum after return without a space", swap('product = ops.einsum("bld,brd->blr", query, key)', 'return(ops.einsum("bld,brd->blr", query, key))'))  # fmt: skip
add("einsum by its own name", swap("import nn, ops", "import nn, ops\nfrom mindspore.ops import einsum", "ops.einsum", "einsum"))  # fmt: skip
add("einsum by another name", swap("import nn, ops", "import nn, ops\nfrom mindspore.ops import einsum as es", "ops.einsum", "es"))  # fmt: skip
add("einsum over lines", swap('ops.einsum("bld,brd->blr", query, key)', '(\n            ops\n            .einsum(\n                "bld,brd"  # in\n                "->blr",\n                query,\n                key\n            )\n        )'))  # fmt: skip
add("einsum of conditions", swap("query, key)\n", "query if key is None else query, key or query)\n"))
add("einsum of awaits", swap("def scores", "async def scores", "query, key)\n", "await query, await key)\n"))
add("einsum of lambdas", swap("query, key)\n", "(lambda: query)(), (lambda: key)())\n"))
add("finfo of an expression with effects", swap("finfo(query.dtype)", "finfo((seen := query).dtype)"))
add("finfo of popped types", swap("finfo(query.dtype)", "finfo(list([query.dtype]).pop())"))
add("finfo with a keyword", swap("finfo(query.dtype)", "finfo(dtype=query.dtype)"), None)
add("finfo of star-args", swap("finfo(query.dtype)", "finfo(*[query.dtype])"), None)
add("del of a tuple", swap("del query", "del (query, (key, [mask]))", "lowest\n", "lowest\n"), None)
add("del with a comment", swap("del query", "del query  # no more"))
add("del of a global", swap("import nn, ops\n", "import nn, ops\n\nCACHE = 1\n", "        kept = ()\n", "        global CACHE\n        CACHE = 1\n        del CACHE\n        kept = ()\n", AFTER, "        return x, 'CACHE' in globals()\n"), None)  # fmt: skip
add("del in a class in a method", swap("        kept = ()\n", "        class Box:\n            y = 1\n            del y\n            z = 1\n        kept = (hasattr(Box, 'y'),)\n"))  # fmt: skip
add("del in a nested function", swap("        kept = ()\n", "        y = 1\n        def f():\n            nonlocal y\n            y = 2\n            del y\n        f()\n        try:\n            kept = (y,)\n        except NameError:\n            kept = ()\n"), None)  # fmt: skip
add("del twice caught", swap("        kept = ()\n", "        kept = ()\n        y = 1\n        try:\n            del y\n            y\n        except NameError:\n            kept = (1,)\n"), None)  # fmt: skip
add("a global set in a branch", swap("import nn, ops\n", "import nn, ops\n\nSEEN = 5\n", "        kept = ()\n", "        global SEEN\n        if keep:\n            SEEN = 6\n        kept = (SEEN,)\n"), None)  # fmt: skip
add("a nonlocal set in a branch", swap("        kept = ()\n", "        seen = 5\n        def f():\n            nonlocal seen\n            if keep:\n                seen = 6\n            return seen\n        kept = (f(),)\n"), None)  # fmt: skip
add(
    "global in the loop", loop("for layer in self.layers:\n    global LAST\n    LAST = x = layer(x)"), None, moved=False
)
add("exec in the forward", loop("exec('y = 1')\nfor layer in self.layers:\n    x = layer(x)"), None, moved=False)
add("eval of an import", swap(AFTER, "        eval('ops.tanh(x)')\n        return x\n", "ops.tanh", "abs", "ops.cat((x, x), axis=-1)", "ops.cat((x, x), axis=eval('(-ops.tanh(1.0) < 0) - 2'))"), None)  # fmt: skip
add("exec of an import", swap("ops.einsum", "ops.matmul if 0 else ops.einsum", "    def scores", "    exec('kind = -ops.tanh(1.0)')\n\n    def scores"))  # fmt: skip
add("locals", loop("for layer in self.layers:\n    x = layer(locals()['x'])"), None, moved=False)
add("dir", loop("for layer in self.layers:\n    x = layer(x)\nkept = tuple(dir())"), None)
add("globals", loop("for layer in self.layers:\n    x = globals()['ops'].tanh(layer(x))"), None)
add("match in the loop", loop("for layer in self.layers:\n    match keep, x:\n        case True, y:\n            kept = (y,)\n        case _:\n            pass\n    x = layer(x)"))  # fmt: skip
add("match around the loop", loop("match mask:\n    case None:\n        for layer in self.layers:\n            x = layer(x)\n    case [*rest] | {**rest}:\n        x = rest\n    case object(ndim=2) as y if y:\n        x = y"))  # fmt: skip
add("match as a name", swap("kept", "match", "layer in", "case in", "layer(", "case(", "class Layer", "_ = soft = 1\n\n\nclass Layer"))  # fmt: skip
add(
    "try in the loop",
    loop("for layer in self.layers:\n    try:\n        x = layer(x)\n    finally:\n        kept = (1,)"),
    None,
)
add("try around the loop", loop("try:\n    for layer in self.layers:\n        x = layer(x)\nexcept (ValueError, *()) as e:\n    raise e from None\nelse:\n    kept = (2,)"), None)  # fmt: skip
add("except* in the loop", loop("for layer in self.layers:\n    try:\n        x = layer(x)\n    except* ValueError as group:\n        raise group"), None)  # fmt: skip
add("with in the loop", loop("from contextlib import nullcontext\nfor layer in self.layers:\n    with nullcontext(x) as x, nullcontext():\n        x = layer(x)"), None)  # fmt: skip
add("with in parentheses", loop("from contextlib import nullcontext\nwith (\n    nullcontext(1) as one,\n    nullcontext(),\n):\n    for layer in self.layers:\n        x = layer(x)"), None)  # fmt: skip
add(
    "an early return",
    loop("for layer in self.layers:\n    x = layer(x)\n    if keep:\n        return x"),
    None,
    moved=False,
)
add("continue, break and else", loop("for i, layer in enumerate(self.layers):\n    if i == 0:\n        continue\n    x = layer(x)\n    if keep:\n        break\nelse:\n    kept = (3,)"))  # fmt: skip
add(
    "raise in the loop",
    loop("for layer in self.layers:\n    x = layer(x)\n    if keep:\n        raise ValueError(f'{keep!r}')"),
)
add("assert in the loop", loop("for layer in self.layers:\n    assert x is not None, f'{x=}'\n    x = layer(x)"))
add("pass and ellipsis in the loop", loop("for layer in self.layers:\n    pass; ...\n    x = layer(x)"))
add("enumerate", loop("for i, layer in enumerate(self.layers):\n    x = layer(x) + i"))
add("enumerate from one", loop("for i, layer in enumerate(self.layers, 1):\n    x = layer(x) + i"))
add("enumerate from one by name", loop("for i, layer in enumerate(self.layers, start=1):\n    x = layer(x) + i"))
add("enumerate of enumerate", loop("for i, (j, layer) in enumerate(enumerate(self.layers)):\n    x = layer(x) + i + j"))
add("enumerate, starred", loop("for i, *rest in enumerate(self.layers):\n    x = rest[0](x) + i"))
add("enumerate to one name", loop("for pair in enumerate(self.layers):\n    x = pair[1](x)"), None)
add("zip", loop("for layer, other in zip(self.layers, self.layers):\n    x = other(layer(x))"))
add("zip with a tuple", loop("for layer, n in zip(self.layers, (1, 2, 3)):\n    x = layer(x) * n"))
add("zip, starred", loop("for *pair, n in zip(self.layers, self.layers):\n    x = pair[0](n(x))"))
add("zip, strict", loop("for a, b in zip(self.layers, self.layers, strict=True):\n    x = a(b(x))"))
add("reversed", loop("for layer in reversed(self.layers):\n    x = layer(x)"))
add("a slice", loop("for layer in self.layers[1:]:\n    x = layer(x)"))
add("a slice backwards", loop("for layer in self.layers[::-1]:\n    x = layer(x)"))
add("a list of the layers", loop("for layer in list(self.layers):\n    x = layer(x)"))
add("a sum of lists", loop("for layer in [*self.layers, *self.layers]:\n    x = layer(x)"))
add("a conditional list", loop("for layer in self.layers if keep else self.layers[:1]:\n    x = layer(x)"))
add("an unpacked item", loop("for (layer,) in zip(self.layers):\n    x = layer(x)"))
add("a loop in one line", loop("for layer in self.layers: x = layer(x)"))
add("a loop in one line, two statements", loop("for layer in self.layers: y = layer(x); x = y"))
add("an if in one line", loop("for layer in self.layers:\n    if keep: kept += (x,); x = x + 0\n    x = layer(x)"))
add("a while over the layers", loop("i = 0\nwhile i < len(self.layers):\n    x = self.layers[i](x); i += 1"), None)
add(
    "a loop in a loop over the same list",
    loop("for layer in self.layers:\n    for layer in self.layers:\n        x = layer(x)"),
)
add("a loop of loops by index", loop("for i, layer in enumerate(self.layers):\n    for i, layer in enumerate(self.layers):\n        x = layer(x) + i"))  # fmt: skip
add("the loop's name set in it", loop("for i, layer in enumerate(self.layers):\n    i += 1\n    layer = layer\n    x = layer(x) + i\nx = x + i"))  # fmt: skip
add("a list changed while it is read", loop("for layer in self.layers:\n    x = layer(x)\n    if len(self.layers) < 4:\n        self.layers.append(layer)"), None, moved=False)  # fmt: skip
add("self bound anew", loop("for layer in self.layers:\n    self = layer\n    x = self(x)"), None)
add("self bound by a walrus", loop("for layer in self.layers:\n    x = (self := layer)(x)"), None)
add("self is the loop's name", loop("for self in self.layers:\n    x = self(x)"), None)
add(
    "self bound before the loop",
    loop("this, self = self, None\nself = this\nfor layer in self.layers:\n    x = layer(x)"),
)
add("a local named range", loop("range = 3\nfor layer in self.layers:\n    x = layer(x) * range"))
add("a local named len", loop("len = 2\nfor i, layer in enumerate(self.layers):\n    x = layer(x) * len"))
add("a parameter named enumerate", body("for i, layer in enumerate(self.layers):\n    x = layer(x)\nreturn x", signature="def construct(self, x, enumerate=enumerate):"))  # fmt: skip
add("a module that shadows len", head("def len(x):\n    return 1"))
add("a module that shadows range and zip", head("def range(n):\n    return [0]"))
add("a module that shadows list and vars", head("list = tuple\nvars = None\ngetattr = None"))
add("yield in the loop", loop("for layer in self.layers:\n    x = layer(x)\n    yield x"), None, moved=False)
add("yield after the loop", swap(AFTER, "        yield x\n"), None)
add("yield from in the loop", loop("for layer in self.layers:\n    x = yield from (layer(x),)"), None, moved=False)
add("an async forward", swap("    " + SIGNATURE, "    async " + SIGNATURE), None)
add("an async for", swap("    " + SIGNATURE, "    async " + SIGNATURE, "for layer in", "async for layer in"), None)
add(
    "an async with and await",
    swap("    " + SIGNATURE, "    async " + SIGNATURE, "= layer(x)", "= await layer(x)"),
    None,
)
add("an async comprehension", swap("    " + SIGNATURE, "    async " + SIGNATURE, LOOP, LOOP + "        x = x + sum([i async for i in x.y])\n"), None)  # fmt: skip
add("an async comprehension in the loop", swap("    " + SIGNATURE, "    async " + SIGNATURE, "layer(x)", "layer([i async for i in x])"), None)  # fmt: skip
add("recursion", swap(AFTER, "        return x if mask is None else self.construct(x)\n"))
add("super", swap("class Encoder(nn.Cell)", "class Base(nn.Cell):\n    def construct(self, x):\n        return x * 2\n\n\nclass Encoder(Base)", "x = layer(x)", "x = super().construct(layer(x))"))  # fmt: skip
add("super with arguments", swap("x = layer(x)", "x = layer(x) + (super(Encoder, self).training is None)"))
add("__class__", swap("x = layer(x)", "x = layer(x) + (__class__ is None)"))
add("a star in return", swap("return x, kept", "return x, *kept"))
add("dunder attributes", swap("self.layers", "self.__layers", "x = layer", "__y = layer", "(x, x)", "(__y, __y)"))
add("dunder class", swap("Encoder", "__Encoder", "kept", "__kept") + "\n\nEncoder = globals()['__Encoder']\n")
add("dunder import", swap("import nn, ops", "import nn, ops as __ops", "ops.", "__ops."), None)
add("letters of other alphabets", swap("kept", "gehört", "layer in", "层 in", "layer(x)", "层(x)"), moved=True)
add("one name in two spellings", swap("kept = kept", "kept = ｋept"), None)
add("a ligature", swap("kept = ()", "ﬁnal = ()\n        kept = final"), None)
add(
    "strings of all sorts",
    swap("kept = ()", "kept = () and (r'\\d' u'u' '''a\n''' f\"{x!r:>{10}}\" rf'{{}}\\{x=}', Rb'\\x' b\"\")"),
)
add(
    "f-strings that hold calls",
    swap("kept = ()", "kept = () if f'{ops.tanh(0.0):.2f}{ops.tanh(0.0)=!r:^{9 + 1}}' else ()"),
)
add("f-strings with the same name", swap("kept = ()", "kept = () if f'{(lambda ops: ops)(1)}' else ()"))
add(
    "type comments",
    swap("kept = ()", "kept = ()  # type: ops.Tensor", SIGNATURE, SIGNATURE + "  # type: (...) -> None"),
)
add("fmt: off", swap("        kept = ()", "        # fmt: off\n        kept   =   ( )", "        if keep:\n            return", "        # fmt: on\n        if keep:\n            return"))  # fmt: skip
add(
    "code that is commented out", swap(LOOP, LOOP + "        # for layer in self.layers:\n        #     x = layer(x)\n")
)
add("unbound in a branch", swap("kept = ()\n", "if keep:\n            kept = ()\n"))
add("annotated only", swap("kept = ()\n", "kept: tuple\n        kept = ()\n        y: 'Nothing'\n"))
add("empty forward", body("..."), None)
add("docstring-only forward", body('"""Nothing."""'), None)
add("forward in one line", swap(FORWARD, "    def construct(self, x): return ops.cat((x, x), axis=-1)\n"))
add(
    "forward in one line, two statements",
    swap(FORWARD, "    def construct(self, x): y = ops.tanh(x); return ops.cat((y, y))\n"),
)
add("recursion in a lambda", swap(AFTER, "        f = lambda n: n and f(n - 1)\n        return x + f(3)\n"))
add("class in function in class", swap("        kept = ()\n", "        kept = ()\n        class Inner(nn.Cell):\n            def construct(self, y):\n                class Deep:\n                    z = ops.tanh(y)\n                return Deep.z\n        x = Inner()(x)\n"))  # fmt: skip
add("a local named ops", swap("        kept = ()\n", "        kept = ()\n        ops = self.ops\n", "super().__init__()\n        self.layers", "super().__init__()\n        self.ops = ops\n        self.layers"))  # fmt: skip
add("a parameter named ops", swap("def scores(self, query, key, mask)", "def scores(self, query, key, mask, ops=ops)"))
add("a comprehension's ops", swap("x = ops.cat((x, x), axis=-1)", "x = [ops.cat((x, x), axis=-1) for ops in [ops]][0]"))
add("a caught ops", swap("        kept = ()\n", "        try:\n            kept = ()\n        except ValueError as ops:\n            pass\n"), None)  # fmt: skip

# --- signatures, decorators, classes ---------------------------------------------------------------------------------

for name, parameters in {
    "positional only": "self, x, keep=False, /, mask=None",
    "keyword only": "self, x, *, keep=False, mask=None",
    "star-args": "self, x, *rest, keep=False, **more",
    "all sorts": "this, x, /, keep: 'bool' = False, *rest: int, mask: ops.Tensor = None, **more: {}",
    "mutable defaults": "self, x, keep=[], mask={}",
    "conditional defaults": "self, x, keep=False if ops else True, mask=lambda y=ops: y.tanh(1)",
    "over lines": "\n        self,\n        x,  # input\n        keep=False,\n        # last\n        mask=None,\n    ",
}.items():
    self_ = parameters.split(",")[0].strip()
    add(f"parameters: {name}", swap(SIGNATURE, f"def construct({parameters}):", "in self.layers", f"in {self_}.layers"))
add("self in star-args", swap(SIGNATURE + "\n", "def construct(*args, keep=False):\n        self, x = args\n"), None)
add("self from star-args, no parameters", swap(SIGNATURE + "\n", "def construct(*args, **kwargs):\n        self, x, keep = *args, False\n"), None)  # fmt: skip
for name, decorator in {
    "a plain one": "@same",
    "a called one": "@same2(1, key='value')",
    "stacked": "@same\n    @same2(1)\n    # note\n    @same",
    "a lambda": "@(lambda f: f)",
    "a subscript": "@[same][0]",
    "a walrus": "@(kind := same)",
    "functools": "@__import__('functools').wraps(same)",
    "cached": "@same2(ops.tanh(1.0))",
}.items():
    helpers = head("def same(f):\n    return f\n\n\ndef same2(*args, **kwargs):\n    return same")
    add(f"decorator: {name}", swap("    " + SIGNATURE, f"    {decorator}\n    {SIGNATURE}", text=helpers), moved=True)
add("decorator: on the class", swap("class Encoder", "@(lambda c: c)\n@__import__('functools').total_ordering\nclass Encoder", "    def scores", "    def __lt__(self, other):\n        return False\n\n    def scores"), moved=True)  # fmt: skip
static = swap(
    "    " + SIGNATURE, "    @staticmethod\n    " + SIGNATURE.replace("self", "this"), "in self.lay", "in this.lay"
)
add("decorator: staticmethod", static, None, moved=False)
add("decorator: classmethod", swap("    " + SIGNATURE, "    layers = [abs, abs]\n\n    @classmethod\n    " + SIGNATURE.replace("self", "cls"), "in self.layers", "in cls.layers", "self.layers = nn.CellList", "self.other = nn.CellList"), None, moved=False)  # fmt: skip
add("decorator: property", swap("    " + SIGNATURE, "    @property\n    def construct(self, x=1.0, keep=False):"), None)
add(
    "forward is another function",
    swap(FORWARD, "    def run(self, x):\n        return ops.cat((x, x))\n\n    construct = run\n"),
)
add(
    "forward is a lambda",
    swap(FORWARD, "    construct = lambda self, x: [x := layer(x) for layer in self.layers][-1]\n"),
)
add("forward is a partial", swap(FORWARD, "    construct = __import__('functools').partialmethod(scores, mask=1.0)\n"))
add("forward is set from outside", MODEL + "\n\nEncoder.construct = lambda self, x: ops.tanh(x)\n")
add("two forwards", MODEL + "\n" + FORWARD.replace("keep = ", "keep = "), None)
add("a forward in an if in the class", swap(FORWARD, "    if ops:\n" + textwrap.indent(FORWARD, "    ")))
add("overloads", swap("import nn, ops\n", "import nn, ops\nfrom typing import overload\n", "    " + SIGNATURE, "    @overload\n    def construct(self, x: int) -> int: ...\n    @overload\n    def construct(self, x: str) -> str: ...\n    " + SIGNATURE))  # fmt: skip
add("a property of that name, with a setter", swap(FORWARD, "    @property\n    def construct(self):\n        return lambda x: ops.tanh(x)\n\n    @construct.setter\n    def construct(self, x):\n        ops.cat((x, x))\n"))  # fmt: skip
add("three classes of one name", MODEL + MODEL[MODEL.index("\n\nclass Encoder") :].replace("nn.Cell)", "Encoder)") * 2)
super_chain = MODEL[MODEL.index("\n\nclass Encoder") :].replace("nn.Cell)", "Encoder)").replace("ops.cat((x, x), axis=-1)", "super().construct(x)")  # fmt: skip
add("three classes of one name that call each other", MODEL + super_chain * 2)
add("a class under an if", MODEL.replace(MODEL[MODEL.index("class Encoder") :], "if True:\n" + textwrap.indent(MODEL[MODEL.index("class Encoder") :], "    ")))  # fmt: skip
add(
    "a class in a function",
    MODEL + "\n\ndef make():\n" + textwrap.indent(MODEL[MODEL.index("class Encoder") :], "    "),
)
add(
    "a metaclass",
    swap("class Encoder(nn.Cell)", "class Meta(type):\n    pass\n\n\nclass Encoder(nn.Cell, metaclass=Meta)"),
)
add("a dataclass", swap("class Encoder", "@__import__('dataclasses').dataclass(init=False)\nclass Encoder", "    def scores", "    size: int = 2\n\n    def scores"))  # fmt: skip
add(
    "a protocol",
    MODEL + "\n\nfrom typing import Protocol\n\n\nclass Runs(Protocol):\n    def construct(self, x): ...\n",
)
add("an enum and a named tuple", MODEL + "\n\nfrom enum import Enum\nfrom typing import NamedTuple\n\n\nclass Kind(Enum):\n    construct = 1\n\n\nclass Pair(NamedTuple):\n    construct: int\n")  # fmt: skip
add("starred and computed bases", swap("class Encoder(nn.Cell)", "class Encoder(*[nn.Cell], **{})"))
add("a base from a call", swap("class Encoder(nn.Cell)", "class Encoder((lambda: nn.Cell)())"))
add("slots", swap("    def scores", "    __slots__ = ('a',)\n\n    def scores"))
add("a class body of code", swap("    def scores", "    for _i in range(2):\n        if _i:\n            kind = ops.tanh(1.0)\n    del _i\n\n    def scores"))  # fmt: skip
add("an empty class", MODEL + "\n\nclass Empty: ...\nclass Other(Empty): pass\nclass Third(nn.Cell): x = 1; y = 2\n")
add("the helper's names are taken", swap("kept", "_compiled", "mask", "_graphs", "layer in", "_Graph in", "= layer(", "= _Graph("), moved=True)  # fmt: skip
add("the helper's name is another function", head("def _compiled(method):\n    return None"), moved=True)
add("the helper's name is an attribute", swap("self.layers", "self._graphs"), moved=True)
add(
    "the helper's name is a plain attribute",
    swap("        self.layers", "        self._graphs = [1]\n        self.layers"),
)
add("the flat method's name is taken", MODEL + "\n    def _construct_flat(self):\n        return 1\n", moved=False)
add("the flat method's name is an attribute", swap("        self.layers", "        self._construct_flat = 1\n        self.layers"), moved=False)  # fmt: skip
add("a flat method by hand", swap(FORWARD, FORWARD.replace("construct", "_construct_flat") + "\n    def construct(self, x):\n        return self._construct_flat(x)\n"))  # fmt: skip
add("the names mint and mindspore are taken", head("mint = mindspore = ms_mint = None"), moved=True)

# --- imports ---------------------------------------------------------------------------------------------------------

IMPORT = "from mindspore import nn, ops\n"
add("import: future", swap(IMPORT, "from __future__ import annotations\n\n" + IMPORT), moved=True)
add(
    "import: future, one line with the docstring",
    swap('"""\n\nfrom', '"""; from __future__ import annotations\n\nfrom'),
    moved=True,
)
add(
    "import: future, no docstring",
    "from __future__ import annotations; from mindspore import nn, ops\n" + MODEL.split("\n", 4)[4],
)
add(
    "import: conditional",
    swap(IMPORT, "if True:\n    from mindspore import nn, ops\nelse:\n    nn = ops = None\n"),
    None,
)
add("import: tried", swap(IMPORT, "try:\n    from mindspore import nn, ops\nexcept ImportError:\n    raise\n"), None)
add("import: tried, with another", swap(IMPORT, "try:\n    from mindspore import nn, ops\nexcept ImportError:\n    from torch import nn, ops\n"), None)  # fmt: skip
add("import: for types only", swap(IMPORT, IMPORT + "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from mindspore import mint, Tensor\n"), None)  # fmt: skip
add("import: star", swap(IMPORT, "from mindspore import *\n"), 1)
add("import: star after", swap(IMPORT, IMPORT + "from math import *\n"), None)
add("import: in the forward", swap(IMPORT, "from mindspore import nn\n", "        kept = ()\n", "        from mindspore import ops\n        kept = ()\n", "ops.tanh", "abs", "ops.einsum", "max", "ops.finfo", "min"), None)  # fmt: skip
add("import: in the class", swap("    def scores", "    from mindspore import ops as o\n\n    def scores"), moved=True)
add(
    "import: dotted",
    swap(IMPORT, "import mindspore.ops\nimport mindspore.nn as nn\n", "ops.tanh", "mindspore.ops.tanh"),
    None,
)
add(
    "import: everything as another name",
    swap(IMPORT, "import mindspore as m\n", "nn.", "m.nn.", "ops.", "m.ops."),
    moved=True,
)
add(
    "import: names swapped",
    swap(IMPORT, "from mindspore import ops as nn, nn as ops\n", "nn.", "@.", "ops.", "nn.", "@.", "ops."),
)
add("import: backslash", swap(IMPORT, "from mindspore \\\n  import nn, \\\n  ops\n"), moved=True)
add(
    "import: parentheses with comments",
    swap(IMPORT, "from mindspore import (  # all\n    nn,  # layers\n    # functions\n    ops,\n)\n"),
)
add("import: one line, semicolons", swap(IMPORT, "import os; from mindspore import nn, ops; import sys\n"), moved=True)
add("import: twice", swap(IMPORT, IMPORT * 2), moved=True)
add("import: overwritten", swap(IMPORT, IMPORT + "ops = ops\n"), None)
add("import: at the end", MODEL + "\n\nimport logging\nfrom mindspore import Tensor\n", moved=True)
late = swap(IMPORT, "import mindspore.nn as nn\nimport mindspore.ops as ops\n", "def __init__(self, size=2):", "def __init__(self, size=2, zero=ops.tanh(0.0)):")  # fmt: skip
add(
    "import: at the end, and a default before it",
    late + "\n\nimport logging\nfrom mindspore import Tensor\n",
    moved=True,
)
add("import: deleted", MODEL + "\n\ndel ops\n", None)
add("import: relative", swap(IMPORT, IMPORT + "from . import other\nfrom .. import *\n"), None)
add("import: used in a string only", swap("ops.tanh(self", "abs(self", "kept = ()", "kept: 'ops.Tensor' = ()", IMPORT, IMPORT + "__all__ = ['ops', 'Encoder']\n"))  # fmt: skip
add("import: of a torch file", swap("mindspore", "torch", "construct", "forward", "Cell", "Module"), 1, says="torch")
add(
    "import: of mindnlp",
    swap("mindspore", "mindnlp.core", "construct", "forward", "CellList", "ModuleList", "Cell", "Module"),
)
LONG = MODEL + "\n".join(f"\n\nclass Layer{n}(Layer):\n    def construct(self, x):\n        x = ops.cat((x, x), axis={n})\n        return x" for n in range(2000)) + "\n"  # fmt: skip
