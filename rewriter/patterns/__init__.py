"""Pattern passes: a rewriting written down as an expression and what to write in its place."""

from .pattern_pass import Match, PatternPass
from .snippets import snippet
from .template import PatternError

__all__ = ["Match", "PatternError", "PatternPass", "snippet"]
