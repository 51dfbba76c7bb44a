"""A plugin: the bundled BERT is checked by two calls of one model, so that a command that proves things ends soon."""

from rewriter import hookimpl
from rewriter.equivalence.text_like import TextLike


class Few(TextLike):
    """Two calls of one model."""

    def models(self, module):
        return ["BertModel"]

    def cases(self, model_class, level, seed):
        return [case for case in super().cases(model_class, "full", seed) if case.scenario == "call"][:2]


@hookimpl
def rewriter_model_adapters():
    return [Few()]
