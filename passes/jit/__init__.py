"""The jit wrapper for flat methods, in the spelling of the chosen MindSpore version."""

from .wrap import Jit

__all__ = ["Jit"]
