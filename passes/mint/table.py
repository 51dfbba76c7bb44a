"""The API table: what a call of one library is in another, as data in `apis.toml`, validated when it is loaded.

Three kinds of entries. `api` says of a replacement where it runs and how that is known. `row` says which call becomes
which, argument by argument. `refuse` says what stays, and why. The head of `apis.toml` explains every field.
"""

from __future__ import annotations

import ast
import sys
from functools import cache
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct, ValidationError, convert, field
from packaging.version import Version

from rewriter import Device, RewriterError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

TABLE = Path(__file__).with_name("apis.toml")
LiteralKind = Literal["int", "number", "str"]
Style = Literal["positional", "keyword", "reordered"]


class Parameter(Struct, frozen=True):
    """One parameter of a signature.

    Attributes:
        name: Its name.
        default: The default as source text; None when the parameter must be given.
        positional: Whether it may be given by position.
        variadic: Whether it collects all further positional arguments.
    """

    name: str
    default: str | None
    positional: bool
    variadic: bool = False


class Api(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where a replacement runs, and how that is known.

    Attributes:
        signature: Its parameters, written as in a `def`.
        since: The oldest MindSpore version in which it was seen with this signature.
        cpu: `probe VERSION` when it ran in eager mode and in jit, VERSION being the oldest; else what it lacks.
        gpu: `docs VERSION` when its documentation names the platform, VERSION being the oldest; empty when it does not.
        ascend: As `gpu`.
    """

    signature: str
    since: str
    cpu: str
    gpu: str = ""
    ascend: str = ""

    def __post_init__(self) -> None:
        """Check how the evidence is worded."""
        if self.cpu not in ("no eager kernel", "no jit kernel", "no kernel"):
            _version_after("probe", self.cpu)
        for value in filter(None, (self.gpu, self.ascend)):
            _version_after("docs", value)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters in order."""
        return parse_signature(self.signature)

    def lacks(self, device: Device, version: Version) -> str:
        """Return why the API is not to be used on `device` under MindSpore `version`; empty when it may be.

        `Device.PORTABLE` asks for all three devices at once.
        """
        if version < Version(self.since):
            return f"is known from MindSpore {self.since} on, and the target is {version}"
        devices = [Device.CPU, Device.GPU, Device.ASCEND] if device is Device.PORTABLE else [device]
        return next((reason for one in devices if (reason := self._lacks_on(one, version))), "")

    def _lacks_on(self, device: Device, version: Version) -> str:
        evidence: str = getattr(self, device.value)
        if not evidence:
            return f"is not documented for {_LABELS[device]}"
        if evidence.startswith("no "):
            return f"has {evidence} on {_LABELS[device]}"
        oldest = evidence.split()[1]
        if version < Version(oldest):
            return f"runs on {_LABELS[device]} from MindSpore {oldest} on, and the target is {version}"
        return ""


_LABELS = {Device.CPU: "a CPU", Device.GPU: "a GPU", Device.ASCEND: "Ascend"}


class Row(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One source call and the call that replaces it.

    Attributes:
        source: Qualified name of what is replaced.
        signature: Its parameters, written as in a `def`.
        to: Qualified name of the replacement.
        kind: `function`; `method` of a Tensor, whose first parameter is the receiver; `layer`, a class of cells.
        rename: Source parameter → parameter of the replacement, where the names differ.
        refuse: Source parameter → why a call that passes it stays. Its default, written out, is dropped.
        require: Source parameter → why a call without it stays.
        not_none: Source parameter → why a call that passes None for it stays.
        only: Source parameter → the kind of literal it must be for the call to be replaced.
        choices: Source parameter → its literal values → what to write instead; empty text drops the argument.
        as_tuple: Source parameters that must be tuples; a list written in place becomes one.
        add: Parameter of the replacement → what to pass when the source call leaves the default.
        add_unless_whole: The same, left out for a single argument and when every one is certainly a whole number.
        forward_only: Source parameter → why a call without it is replaced in the forward method only.
        pack: Variadic source parameter whose arguments become one tuple.
        aliases: The replacement may share memory with its argument where the source makes a copy.
        targets: The only devices to rewrite for; empty for all that the replacement runs on.
        elsewhere: Why a call stays on the other devices.
        gives: `tensor`, or `other` for a tuple of tensors or a layer.
        random: The numbers are drawn, so that only shapes and dtypes can be compared.
        safety: `exact` when the bits are the same, `rounding` when the last ones may differ.
        same_object: Both names are one function.
        source_runs: Where the source itself runs on a CPU.
        examples: Argument lists, parameter by parameter, that the tests execute.
        styles: In which styles of call the examples hold.
        call: For a layer: what the tests call it with.
    """

    source: str
    signature: str
    to: str
    kind: Literal["function", "method", "layer"] = "function"
    rename: dict[str, str] = field(default_factory=dict)
    refuse: dict[str, str] = field(default_factory=dict)
    require: dict[str, str] = field(default_factory=dict)
    not_none: dict[str, str] = field(default_factory=dict)
    only: dict[str, LiteralKind] = field(default_factory=dict)
    choices: dict[str, dict[str, str]] = field(default_factory=dict)
    as_tuple: tuple[str, ...] = ()
    add: dict[str, str] = field(default_factory=dict)
    add_unless_whole: dict[str, str] = field(default_factory=dict)
    forward_only: dict[str, str] = field(default_factory=dict)
    pack: str = ""
    aliases: bool = False
    targets: tuple[Device, ...] = ()
    elsewhere: str = ""
    gives: Literal["tensor", "other"] = "tensor"
    random: bool = False
    safety: Literal["exact", "rounding"] = "exact"
    same_object: bool = False
    source_runs: Literal["eager and jit", "eager", "neither"] = "eager and jit"
    examples: tuple[str, ...]
    styles: tuple[Style, ...] = ("positional", "keyword", "reordered")
    call: str = ""

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters of the source in order."""
        return parse_signature(self.signature)

    def __post_init__(self) -> None:
        """Check that every parameter spoken of is one of the source."""
        known = {parameter.name for parameter in self.parameters}
        used = {*self.rename, *self.refuse, *self.require, *self.not_none, *self.only, *self.choices}
        used |= {*self.as_tuple, *self.forward_only, *([self.pack] if self.pack else [])}
        if used - known:
            raise ValueError(f"{self.source}: no parameter {', '.join(sorted(used - known))} in {self.signature}")


class Refusal(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What stays as it is, and why. The other fields are the evidence, which the tests execute.

    Attributes:
        source: Qualified name, or a prefix that ends in `.*`.
        why: The reason, as a user reads it.
        absent: Qualified names that MindSpore does not have.
        differs: Two calls whose results differ, or of which the second raises.
        parameters: Two layers whose parameters have other names.
        attributes: Attributes that `source` has and `layer` has not.
        layer: See `attributes`.
        module: A module of mindnlp does not register a cell of mint.
        docs_only: The only platform that the documentation names.
        judged: There is no call to execute; the reason is a judgement.
        gives: As in a row.
    """

    source: str
    why: str
    absent: tuple[str, ...] = ()
    differs: tuple[str, str] | None = None
    parameters: tuple[str, str] | None = None
    attributes: tuple[str, ...] = ()
    layer: str = ""
    module: bool = False
    docs_only: str = ""
    judged: bool = False
    gives: Literal["tensor", "other"] = "other"

    def __post_init__(self) -> None:
        """Check that there is evidence, and of one kind."""
        kinds = [self.absent, self.differs, self.parameters, self.attributes, self.module, self.docs_only, self.judged]
        if sum(bool(kind) for kind in kinds) != 1:
            raise ValueError(f"{self.source}: a refusal has one kind of evidence")


class Table(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole table.

    Attributes:
        checked_with: The MindSpore versions that the evidence was taken with, oldest first.
        alias: Prefix of qualified names → the prefix under which the table has them.
        api: Qualified name → facts.
        rows: Qualified name of a source → its row.
        refusals: Qualified name of a source → its refusal.
    """

    checked_with: tuple[str, ...]
    alias: dict[str, str]
    api: dict[str, Api]
    rows: dict[str, Row]
    refusals: dict[str, Refusal]

    def __post_init__(self) -> None:
        """Check every row against the signature of its replacement."""
        for row in self.rows.values():
            if row.to not in self.api:
                raise ValueError(f"{row.source}: its replacement {row.to} has no entry under [api]")
            targets = {parameter.name for parameter in self.api[row.to].parameters}
            mapped = {row.rename.get(p.name, p.name) for p in row.parameters if p.name not in row.refuse}
            mapped -= {name for name, values in row.choices.items() if not any(values.values())}
            unknown = (mapped | set(row.add) | set(row.add_unless_whole)) - targets
            if unknown:
                raise ValueError(f"{row.source}: {row.to} has no parameter {', '.join(sorted(unknown))}")
        both = set(self.rows) & set(self.refusals)
        if both:
            raise ValueError(f"both replaced and refused: {', '.join(sorted(both))}")

    def canonical(self, name: str) -> str:
        """Return the name under which the table has `name`: `mindspore.ops.functional.cat` is `mindspore.ops.cat`."""
        for prefix, short in self.alias.items():
            if name.startswith(prefix):
                return short + name[len(prefix) :].rpartition(".")[2]
        return name

    def gives_tensor(self, name: str) -> bool:
        """Return whether a call of the canonical `name` certainly gives one tensor."""
        known = self.rows.get(name) or self.refusals.get(name)
        return known is not None and known.gives == "tensor"

    def refusal(self, name: str) -> Refusal | None:
        """Return the refusal for a canonical name, also one that is made for all names under a prefix."""
        found = self.refusals.get(name)
        while found is None and "." in name:
            name = name.rpartition(".")[0]
            found = self.refusals.get(name + ".*")
        return found


@cache
def load(path: Path = TABLE) -> Table:
    """Read and validate the table at `path`.

    Raises:
        RewriterError: The file is not TOML, or not a valid table; the message says where.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
        return convert(_expanded(raw), Table)
    except (tomllib.TOMLDecodeError, KeyError) as error:
        raise RewriterError(f"{path}: not a readable table ({error})") from None
    except ValidationError as error:
        raise RewriterError(f"{path}: not a valid table\n{error}") from None


@cache
def parse_signature(text: str) -> tuple[Parameter, ...]:
    """Return the parameters of a signature written as in a `def`: `(input, dim=None, *, dtype=None)`."""
    function = ast.parse(f"def f{text}: ...").body[0]
    assert isinstance(function, ast.FunctionDef)
    arguments = function.args
    found = []
    required = len(arguments.args) - len(arguments.defaults)
    for index, argument in enumerate(arguments.args):
        default = ast.unparse(arguments.defaults[index - required]) if index >= required else None
        found.append(Parameter(name=argument.arg, default=default, positional=True))
    if arguments.vararg is not None:
        found.append(Parameter(name=arguments.vararg.arg, default=None, positional=True, variadic=True))
    for argument, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        default = ast.unparse(value) if value is not None else None
        found.append(Parameter(name=argument.arg, default=default, positional=False))
    return tuple(found)


def _expanded(raw: dict[str, Any]) -> dict[str, Any]:
    """Write out the entries that stand for several names, and index them by name."""
    rows = _by_source(raw["row"])
    refusals = _by_source(raw["refuse"])
    rest = {key: value for key, value in raw.items() if key not in ("row", "refuse")}
    return {**rest, "rows": rows, "refusals": refusals}


def _by_source(entries: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for entry in entries:
        for source, fields in _one_by_one(entry):
            if source in found:
                raise KeyError(f"{source} occurs twice")
            found[source] = fields
    return found


def _one_by_one(entry: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    shared = {key: value for key, value in entry.items() if key not in ("from", "names", "to")}
    found = []
    for name in entry.get("names", [""]):
        for template in entry["from"]:
            source = template.replace("{name}", name)
            fields = {**shared, "source": source}
            if "to" in entry:
                fields["to"] = entry["to"].replace("{name}", name)
            found.append((source, fields))
    return found


def _version_after(word: str, value: str) -> None:
    first, _, version = value.partition(" ")
    if first != word:
        raise ValueError(f"expected '{word} VERSION' or what is lacking, got {value!r}")
    Version(version)
