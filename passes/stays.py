"""Why a place stays as it is, from deep inside a pass to where it is told."""

from __future__ import annotations


class Stays(Exception):
    """A place is left as it is; the message is the reason shown to the user.

    Args:
        reason: The message.
        advice: What the file's owner can change.
    """

    def __init__(self, reason: str, advice: str = "") -> None:
        super().__init__(reason)
        self.advice = advice
