"""`rewriter.optimize`: a model that exists already, moved onto its rewritten classes.

A modeling file and its rewriting differ in methods, not in what a module holds. So a model need not be built anew: each
of its modules gets the class of the same name from the *twin*, which is the rewritten file loaded beside the original
as a module of its own. It stays the same object with the same Parameters, state-dict keys, mode and hooks; other models
of the process stay as they are.

All module classes of the file are exchanged, not only those whose text differs: then the rewritten code, which checks
its parts with `isinstance` and calls functions of its own module, deals with its own kind only. Seen from outside, an
optimized module still is an instance of its original class (`isinstance` and `__class__` say so, `type` tells the
truth), and it pickles as one: what is loaded from a pickle is the plain model, to be optimized again.
"""

from __future__ import annotations

import ast
import contextlib
import copy
import dis
import functools
import inspect
import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from ..dialects import BUILTIN_DIALECTS
from ..errors import RewriterError
from . import buckets, cache, hook, loader
from .modules import modules_of

_FRAMEWORK = ("mindspore.", "mindnlp.core.")
_ACCEPTED = "optimize takes a model, or the class of one, that a modeling file defines."

_SET_CLASS = vars(object)["__class__"].__set__
"""Gives an object another class, past any `__class__` or `__setattr__` of its own."""

_originals: dict[type, type] = {}
"""Class to use, or class of the twin → class of the original file."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Twin:
    """The rewritten classes of one modeling file.

    Attributes:
        classes: Class of the original, or of the rewritten module → class to use.
        changed: Those of the original whose code the rewriting changed, in themselves or in a base.
    """

    classes: dict[type, type]
    changed: frozenset[type]


_twins: dict[tuple[str, Path], _Twin] = {}
"""(name of the original module, rewritten file) → its twin."""


def optimize(
    model_or_class: Any,
    *,
    passes: Iterable[str] = (),
    target: str = "portable",
    mindspore: str | None = None,
    scope: str = "model",
    dynamic: bool = False,
    plugin_files: Iterable[str | Path] = (),
) -> Any:
    """Return the same model on its rewritten classes, or the rewritten class of a model class.

    Executes the rewritten files. Where the parts of a model come from several modeling files, all are taken care of.
    Done twice it changes nothing more; done with other options, the last ones hold. Methods that were replaced on an
    original class before its first `optimize` stay replaced.

    Args:
        model_or_class: A model: it is changed in place, and returned. Or a model class: a class of the same name comes
            back, whose models are built by the rewritten code. It is no subclass of the original; its models are
            instances of both. Parts from other modeling files are left to `optimize(model)`.
        passes: Names of the passes to run; the default ones when empty.
        target: `portable`, `cpu`, `gpu` or `ascend`.
        mindspore: Version to rewrite for; the installed one when None.
        scope: How much of a model is one graph: `model` or `encoder`.
        dynamic: Whether a graph is compiled for tensors of any size, at most three times for one kind of call.
        plugin_files: Further plugins, as files or modules.

    Raises:
        RewriterError: It is no model, or nothing of it could be moved onto rewritten code; the message has the reason
            for each file. The model is as it was then.
    """
    recipe = cache.Recipe.of(passes, target, mindspore, plugin_files, scope, dynamic)
    if isinstance(model_or_class, type):
        return _optimized_class(model_or_class, recipe)
    with buckets.taken_off(model_or_class):
        _optimize_model(model_or_class, recipe)
    return model_or_class


def _optimized_class(cls: type, recipe: cache.Recipe) -> type:
    if not issubclass(cls, _module_bases()):
        raise RewriterError(f"{cls.__name__}: not a model class", hint=_ACCEPTED)
    original = _original(cls)
    module = _module_of(original)
    return original if hook.is_rewritten(module) else _twin(module, recipe).classes[original]


def _optimize_model(model: Any, recipe: cache.Recipe) -> None:
    if not isinstance(model, _module_bases()):
        raise RewriterError(f"{type(model).__name__}: not a model", hint=_ACCEPTED)
    moves: list[tuple[Any, type]] = []
    reasons: dict[str, str] = {}
    groups = _by_file(model)
    for file, members in groups.items():
        try:
            moves += _moves(members, recipe)
        except RewriterError as error:
            reasons[file] = error.message
    root = _original(type(model))
    if len(reasons) == len(groups):
        raise RewriterError(f"{root.__name__} cannot be optimized: {'; '.join(reasons.values())}", exit_code=1)
    for file, reason in reasons.items():
        if file == root.__module__:
            _logger.warning("%s itself was left as it is, only parts are optimized: %s", root.__name__, reason)
        else:
            _logger.info("a part of %s was left as it is: %s", root.__name__, reason)
    for module, wanted in moves:
        _forget_graphs(module)
        _SET_CLASS(module, wanted)


def _by_file(model: Any) -> dict[str, list[Any]]:
    """Group the modules of a model by the module that defines their original class.

    Those are the modeling files, and whatever file defines the model itself.
    """
    groups: dict[str, list[Any]] = {_original(type(model)).__module__: []}
    for module in modules_of(model):
        name = _original(type(module)).__module__
        if name in groups or name.rpartition(".")[2].startswith(hook.PREFIX):
            groups.setdefault(name, []).append(module)
    return groups


def _moves(members: list[Any], recipe: cache.Recipe) -> list[tuple[Any, type]]:
    """Return which modules of one file are to get which class.

    Raises:
        RewriterError: The file cannot be rewritten, one of its classes cannot be exchanged, or nothing would be gained.
    """
    originals = [_original(type(member)) for member in members]
    modules = [_module_of(original) for original in originals]  # the same for all, but each is checked
    if hook.is_rewritten(modules[0]):
        return []
    twin = _twin(modules[0], recipe)
    if twin.changed.isdisjoint(originals):
        names = ", ".join(sorted(cls.__name__ for cls in twin.changed))
        raise RewriterError(f"{modules[0].__name__}: only {names or 'no class'} can be rewritten, and is no part of it")
    wanted = [twin.classes[original] for original in originals]
    for original, cls in set(zip(originals, wanted, strict=True)):
        _check_attributes(original, cls)
    return [(member, cls) for member, cls in zip(members, wanted, strict=True) if type(member) is not cls]


def _original(cls: type) -> type:
    return _originals.get(cls, cls)


def _module_of(original: type) -> ModuleType:
    """Return the module that defines a class.

    Raises:
        RewriterError: It is the framework's, or its file cannot be loaded a second time, or does not define the class.
    """
    name = original.__module__
    module = sys.modules.get(name)
    if name == "__main__":
        raise RewriterError(f"{original.__name__} is defined by the script itself; put it into a module")
    if name.startswith(_FRAMEWORK):
        raise RewriterError(f"{original.__name__} is a class of the framework, not of a modeling file")
    if module is None or vars(module).get(original.__name__) is not original:
        raise RewriterError(f"{name} has no top-level class {original.__qualname__} any more")
    if not str(getattr(module, "__file__", None)).endswith(".py"):
        raise RewriterError(f"{name} has no source file")
    return module


def _twin(module: ModuleType, recipe: cache.Recipe) -> _Twin:
    """Return the classes to use in place of those of `module`.

    Raises:
        RewriterError: The file cannot be rewritten, or its rewriting does not import.
    """
    entry = cache.rewritten(Path(str(module.__file__)), module.__package__ or "", recipe)
    if entry.path is None:
        raise RewriterError(f"{module.__name__}: {entry.reason}")
    key = module.__name__, entry.path
    if key not in _twins:
        twin = loader.load(entry.path, twin_of=module)
        lost = [name for name in _module_classes(module) if name not in vars(twin)]
        if lost:
            raise RewriterError(f"{module.__name__}: its rewriting lacks {', '.join(lost)}")
        _twins[key] = _Twin(_paired(module, twin), _changed(module, twin))
    return _twins[key]


def _changed(module: ModuleType, twin: ModuleType) -> frozenset[type]:
    """Return the module classes whose code differs; all of them when a function of the file does."""
    before, after = (_definitions(Path(str(one.__file__))) for one in (module, twin))
    names = {name for name, code in before.items() if after.get(name) != code}
    classes = [vars(module)[name] for name in _module_classes(module)]
    if any(isinstance(vars(module).get(name), FunctionType) for name in names):
        return frozenset(classes)
    own = {vars(module).get(name) for name in names}
    return frozenset(cls for cls in classes if not own.isdisjoint(cls.__mro__))


def _definitions(path: Path) -> dict[str, str]:
    """Return the code of each top-level class and function of a file, without comments and layout."""
    tree = ast.parse(path.read_bytes())
    found = [node for node in tree.body if isinstance(node, (ast.ClassDef, ast.FunctionDef))]
    return {node.name: ast.dump(node) for node in found}


def _module_classes(module: ModuleType) -> list[str]:
    """Return the names of the module classes that a file defines."""
    bases = _module_bases()
    return [
        name
        for name, cls in vars(module).items()
        if isinstance(cls, type) and cls.__module__ == module.__name__ and issubclass(cls, bases)
    ]


def _paired(module: ModuleType, twin: ModuleType) -> dict[type, type]:
    """Pair the module classes of a file with those of its twin.

    Other classes, those of outputs say, become one: what the twin returns is of the types that callers know.
    """
    use: dict[type, type] = {}
    for name in _module_classes(module):
        original, cls = vars(module)[name], vars(twin)[name]
        if original not in use:  # a class may have two names
            use[cls] = use[original] = _class_to_use(cls, original, use)
            _originals[cls] = _originals[use[cls]] = original
    for name, original in vars(module).items():
        if isinstance(original, type) and original.__module__ == module.__name__ and original not in use:
            vars(twin)[name] = original
    return use


def _class_to_use(cls: type, original: type, use: dict[type, type]) -> type:
    """Return a subclass of the twin's class whose instances pass for instances of the original."""

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        cls.__init__(self, *args, **kwargs)  # type: ignore[misc]
        for module in modules_of(self):  # the parts that the rewritten code has built
            if type(module) in use:
                _SET_CLASS(module, use[type(module)])

    namespace = {
        **_set_since(cls, original),
        "__init__": functools.update_wrapper(__init__, inspect.getattr_static(cls, "__init__")),
        "__class__": property(lambda self: original, _SET_CLASS),
        "__reduce_ex__": lambda self, protocol: _reduced(self, original, protocol),
        "__copy__": lambda self: _copied(self, original, copy.copy),
        "__deepcopy__": lambda self, memo: _copied(self, original, lambda model: copy.deepcopy(model, memo)),
        "__module__": cls.__module__,
        "__qualname__": cls.__qualname__,
        "__doc__": cls.__doc__,
    }
    return type(cls.__name__, (cls,), namespace)


def _set_since(cls: type, original: type) -> dict[str, Any]:
    """Return the attributes of `original` that do not stem from its file: they were set, or replaced, since."""
    twins = vars(cls)
    return {
        name: value
        for name, value in vars(original).items()
        if (name not in twins and not name.startswith("__"))
        or (_is_of(value, original) is False and _is_of(twins.get(name), cls) is True)
    }


def _is_of(value: Any, cls: type) -> bool | None:
    """Tell whether a function stands in the file of a class; None for what is no function."""
    if not isinstance(value, FunctionType):
        return None
    return value.__code__.co_filename == sys.modules[cls.__module__].__file__


def _reduced(module: Any, original: type, protocol: int) -> Any:
    """Return what pickle needs to make the plain module again, in a process that knows nothing of the twin."""
    twin = type(module).__module__
    with _as(module, original):
        make, args, *rest = module.__reduce_ex__(protocol)
    if rest:
        rest[0] = _without(rest[0], twin)
    return make, args, *rest


def _without(state: Any, twin: str) -> Any:
    """Return the state of a module without what the twin's code has put there, its graphs."""
    if isinstance(state, tuple):
        return tuple(_without(part, twin) for part in state)
    if isinstance(state, dict):
        return {name: value for name, value in state.items() if not _is_graphs(value, twin)}
    return state


def _copied(module: Any, original: type, duplicate: Callable[[Any], Any]) -> Any:
    """Copy a module as its original class would be, onto its own class."""
    wanted = type(module)
    with _as(module, original):
        copied = duplicate(module)
    _SET_CLASS(copied, wanted)
    return copied


@contextlib.contextmanager
def _as(module: Any, cls: type) -> Iterator[None]:
    own = type(module)
    _SET_CLASS(module, cls)
    try:
        yield
    finally:
        _SET_CLASS(module, own)


def _check_attributes(original: type, wanted: type) -> None:
    """Refuse to move modules onto code whose `__init__` sets attributes that they do not have.

    Raises:
        RewriterError: There is such an attribute.
    """
    twin = wanted.__base__
    missing = _attributes_set(vars(twin).get("__init__")) - _attributes_set(vars(original).get("__init__"))
    if missing:
        raise RewriterError(
            f"the rewritten {original.__name__} has attributes that this model lacks ({', '.join(sorted(missing))}); "
            f"build it anew by optimize({original.__name__}) and load its weights"
        )


def _attributes_set(function: Any) -> set[str]:
    if function is None:
        return set()
    code = getattr(inspect.unwrap(function), "__code__", None)
    return {step.argval for step in dis.get_instructions(code) if step.opname == "STORE_ATTR"} if code else set()


def _forget_graphs(module: Any) -> None:
    """Drop what another twin's code has put into a module: its graphs are of that code."""
    if type(module) in _originals:
        for name in [n for n, value in vars(module).items() if _is_graphs(value, type(module).__module__)]:
            del vars(module)[name]


def _is_graphs(value: Any, twin: str) -> bool:
    """Tell whether an attribute of a module is of a class that only the twin has, that of compiled graphs say."""
    return type(value).__module__ == twin and not isinstance(value, _module_bases())


def _module_bases() -> tuple[type, ...]:
    """Return the module classes of the dialects whose framework is imported; there is no model of the others."""
    names = [base.rpartition(".") for dialect in BUILTIN_DIALECTS if dialect.supported for base in dialect.module_bases]
    found = [getattr(sys.modules.get(module), name, None) for module, _, name in names]
    return tuple(base for base in found if isinstance(base, type))
