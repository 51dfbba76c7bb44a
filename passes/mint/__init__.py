"""The pass that spells framework calls as `mindspore.mint`, and its API table."""

from .rewrite import MintPass

__all__ = ["MintPass"]
