"""`rewriter survey`: every model of a package rewritten, compiled and compared, as a table."""
