"""HuggingFace-style models in plain MindSpore: ordinary, unoptimised code for the rewriter to work on."""
