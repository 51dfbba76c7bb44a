"""Small random programs for property tests.

A program never decides by its data: conditions, loop counts and exceptions come from a tape of numbers. So a program
runs along the same path whatever its variables hold, and two versions of it can be compared call by call.
"""

from hypothesis import strategies as st

NAMES = ("a", "b", "c", "d")


class Tape:
    """The environment of one run: what `flip`, `items`, `use` and `boom` do, and what was used."""

    class Boom(Exception):
        """Raised by `boom`."""

    def __init__(self, numbers):
        self.numbers = list(numbers)
        self.used = []

    def next(self):
        return self.numbers.pop(0) if self.numbers else 0

    def names(self):
        """The functions that a program calls."""

        def flip(*ignored):
            return self.next() % 2 == 1

        def items(*ignored):
            return range(10, 10 + self.next() % 3)

        def use(*values):
            self.used.append(values)
            return len(self.used)

        def boom():
            if flip():
                raise self.Boom

        return {"flip": flip, "items": items, "use": use, "boom": boom, "Boom": self.Boom, "context": _Context}


class _Context:
    """A context manager that swallows `Boom`, which is what makes `with` hard to analyse."""

    def __enter__(self):
        return 7

    def __exit__(self, kind, value, trace):
        return kind is not None and issubclass(kind, Tape.Boom)


tapes = st.lists(st.integers(0, 5), max_size=40)


@st.composite
def expressions(draw, names, *, walrus=True, depth=2):
    """An expression over `names`."""
    name = st.sampled_from(names)
    kind = draw(
        st.sampled_from(["name", "name", "sum", "pair", "if", "and", "comp", "lambda", "walrus", "fstring", "use"])
    )
    inner = expressions(names, walrus=walrus, depth=depth - 1)
    if kind == "name" or depth == 0:
        return draw(name)
    if kind == "sum":
        return f"use({draw(inner)}, {draw(inner)})"
    if kind == "pair":
        return f"({draw(inner)}, {draw(inner)})"
    if kind == "if":
        return f"({draw(inner)} if flip() else {draw(inner)})"
    if kind == "and":
        return f"(flip() and {draw(inner)})"
    if kind == "comp":
        bound = draw(name)
        plain = draw(expressions(names, walrus=False, depth=depth - 1))  # a walrus may not rebind the loop's own name
        source = draw(expressions(names, walrus=False, depth=0))
        return f"[{plain} for {bound} in items({source})]"
    if kind == "lambda":
        bound = draw(name)
        plain = draw(expressions(names, walrus=walrus, depth=depth - 1))
        return f"(lambda {bound}={draw(name)}: {plain})()"
    if kind == "walrus" and walrus:
        return f"({draw(name)} := {draw(inner)})"
    if kind == "fstring":
        return f'f"{{{draw(name)}}}"'
    return f"use({draw(name)})"


@st.composite
def targets(draw, names):
    """What stands to the left of `=`."""
    first, second = draw(st.sampled_from(names)), draw(st.sampled_from(names))
    value = expressions(names, depth=1)
    return draw(
        st.sampled_from(
            [f"{first} = {draw(value)}"] * 4
            + [
                f"{first}, {second} = {draw(value)}, {draw(value)}",
                f"[{first}, *{second}] = (1, {draw(value)})",
                f"{first} = {second} = {draw(value)}",
                f"{first}: int = {draw(value)}",
                f"{first}: int",
                f"{first} = [{draw(value)}]; {first}[0] = {second}",
            ]
        )
    )


@st.composite
def blocks(draw, names=NAMES, *, depth=3, in_loop=False, hard=True, size=4):
    """The lines of a block.

    Args:
        names: The variables.
        depth: How deep compound statements nest.
        in_loop: Whether `break` and `continue` may stand here.
        hard: Whether to use what the flattening pass refuses anyway (try, with, match, def, del).
        size: Largest number of statements.
    """
    lines = []
    for _ in range(draw(st.integers(1, size))):
        lines += draw(_statement(names, depth, in_loop, hard))
    return lines


def _indented(lines):
    return ["    " + line for line in lines]


@st.composite
def _statement(draw, names, depth, in_loop, hard):
    simple = ["assign"] * 6 + ["use"] * 2 + ["augment"]
    simple += ["break", "continue"] if in_loop else []
    compound = ["if", "ifelse", "elif", "for", "forelse", "while"] if depth else []
    if hard:
        simple += ["del", "assert", "import", "return"]
        compound += ["try", "tryelse", "finally", "with", "match", "def"] if depth else []
    kind = draw(st.sampled_from(simple + compound))
    value = draw(expressions(names, depth=1))
    name = draw(st.sampled_from(names))

    def block(loop=in_loop):
        return _indented(draw(blocks(names, depth=depth - 1, in_loop=loop, hard=hard, size=2)))

    if kind in ("break", "continue"):
        return ["if flip():", f"    {kind}"]
    return {
        "assign": lambda: [draw(targets(names))],
        "use": lambda: [f"use({value})"],
        "augment": lambda: [f"{name} = 1", f"{name} += use({value})"],
        "del": lambda: [f"{name} = 1", f"del {name}"],
        "assert": lambda: [f"assert True or {value}"],
        "import": lambda: [f"import string as {name}"],
        "return": lambda: ["if flip():", f"    return {value}"],
        "if": lambda: [f"if flip({value}):", *block()],
        "ifelse": lambda: [f"if flip({value}):", *block(), "else:", *block()],
        "elif": lambda: [f"if flip({value}):", *block(), "elif flip():", *block(), "else:", *block()],
        "for": lambda: [f"for {name} in items({value}):", *block(loop=True)],
        "forelse": lambda: [f"for {name} in items({value}):", *block(loop=True), "else:", *block()],
        "while": lambda: [f"while flip({value}):", *block(loop=True)],
        "try": lambda: ["try:", *block(), "    boom()", "except Boom:", *block()],
        "tryelse": lambda: ["try:", "    boom()", "except Boom as caught:", *block(), "else:", *block()],
        "finally": lambda: ["try:", *block(), "    boom()", "except Boom:", "    pass", "finally:", "    use(1)"],
        "with": lambda: [f"with context() as {name}:", *block(), "    boom()"],
        "match": lambda: [
            f"match {value}:",
            f"    case [{name}, _]:",
            *_indented(block()),
            "    case _:",
            "        pass",
        ],
        "def": lambda: ["def inner():", f"    return {value}", f"{name} = inner()"],
    }[kind]()
