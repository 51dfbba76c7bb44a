"""The plugin: which passes it brings, and what it does after each pass of anybody's."""

import logging

from rewriter import Outcome, Pass, PassReport, hookimpl

from .rsqrt import Rsqrt

logger = logging.getLogger(__name__)


@hookimpl
def rewriter_passes() -> list[Pass]:
    """Bring the pass."""
    return [Rsqrt()]


@hookimpl
def rewriter_after_pass(report: PassReport, filename: str) -> None:
    """Log how many places a pass rewrote."""
    count = sum(site.outcome is Outcome.REWRITTEN for site in report.sites)
    if count:
        logger.info("%s: %s rewrote %d places", filename, report.name, count)
