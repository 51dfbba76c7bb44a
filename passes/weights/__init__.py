"""Weight passes: a checkpoint becomes a larger checkpoint."""
