"""`rewriter run`: an unmodified script on rewritten modeling code."""

from __future__ import annotations

import builtins
import signal
import sys
from collections.abc import Sequence
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType, TracebackType

from ..errors import RewriterError
from . import hook


def run(script: str | Path, arguments: Sequence[str], modules: Sequence[str], *, stand_ins: bool = False) -> None:
    """Run a script as `python script.py arguments…` does, with the import hook installed. For a process of its own.

    What the script exits with is what the process exits with. An exception that it lets through is printed with the
    script's own frames only, and ends the process with status 1. (`runpy` would take `__main__` away again when the
    script is through, before its `atexit` functions run.)

    Args:
        script: A Python file.
        arguments: What the script finds in `sys.argv[1:]`.
        modules: Modules and packages to rewrite; see `rewriter.runtime.hook.install`. May be empty.
        stand_ins: Put stand-ins in the place of what has no kernel here; see `rewriter.runtime.stand_ins`.

    Raises:
        RewriterError: There is no such script, or the hook cannot be installed for a module.
        MissingDependency: Stand-ins are asked for, and there is no MindSpore.
        SystemExit: The script raised it, or an exception that nothing caught.
    """
    path = Path(script).absolute()
    try:
        source = path.read_bytes()
    except OSError as error:
        raise RewriterError(
            f"{script}: cannot be run ({error.strerror or error})", hint="Give a Python file."
        ) from None
    sys.argv = [str(script), *arguments]
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = str(path.resolve().parent)  # as Python has it; ours held the folder of the command `rewriter`
    finder = hook.install(modules) if modules else None
    if stand_ins:
        _stand_in()
    _execute(source, str(path))
    if finder is not None:
        _say_when_idle(finder)


def _stand_in() -> None:
    """Put the stand-ins in place for good: what the script leaves to be done at its end needs them, too."""
    from . import loader
    from .stand_ins import patching

    loader.require_mindspore()
    names = patching.put_in_place()
    counted = f"{len(names)} calls" if names else "no call: every kernel is there"
    print(f"rewriter: stand-ins for {counted}", file=sys.stderr)


def _execute(source: bytes, path: str) -> None:
    main = ModuleType("__main__")
    main.__file__ = path
    main.__loader__ = SourceFileLoader("__main__", path)
    vars(main).update(__builtins__=builtins, __cached__=None, __annotations__={})
    sys.modules["__main__"] = main
    try:
        exec(compile(source, path, "exec", dont_inherit=True), vars(main))
    except SystemExit:
        raise
    except BaseException as error:
        _show(error, path)
        raise SystemExit(128 + signal.SIGINT if isinstance(error, KeyboardInterrupt) else 1) from None


def _show(error: BaseException, path: str) -> None:
    """Report an exception as Python does at the end of a script: from the script's first frame on."""
    frames: TracebackType | None = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename != path:
        frames = frames.tb_next
    sys.excepthook(type(error), error.with_traceback(frames), frames)


def _say_when_idle(finder: hook.RewritingFinder) -> None:
    if not any(entry.path for entry in finder.outcomes.values()):
        print(f"rewriter: the script imported nothing rewritten of {', '.join(finder.names)}", file=sys.stderr)
