"""What a user did wrong, said so that they can put it right.

Everything the tool expects to go wrong is a `RewriterError`; the command line prints it without a traceback.
"""

from __future__ import annotations


class RewriterError(Exception):
    """A mistake or a limit that the user can act on.

    Args:
        message: What happened, one sentence.
        hint: What to do next; empty when the message says it all.
        exit_code: 1 when a promise failed, 2 for usage or unreadable input.
    """

    def __init__(self, message: str, *, hint: str = "", exit_code: int = 2) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UnreadableSource(RewriterError):
    """The input cannot be read as Python source text."""


class PluginError(RewriterError):
    """A plugin the user named cannot be used."""


class PassOrderError(RewriterError):
    """The ordering constraints of the passes contradict each other."""


class MissingDependency(RewriterError):
    """A command needs a package that is not installed."""


def internal_error(source: str, error: Exception) -> RewriterError:
    """Return what to tell the user of an exception that nobody expected."""
    return RewriterError(
        f"{source}: internal error, {type(error).__name__}: {error}",
        hint="This is a bug in rewriter. The file is as it was; -v shows the traceback.",
        exit_code=1,
    )
