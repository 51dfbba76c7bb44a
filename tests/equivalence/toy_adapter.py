"""A plugin: how to build the models of `toy_refusals.py`."""

import numpy as np

from rewriter import hookimpl
from rewriter.equivalence.adapters import ModelAdapter
from rewriter.equivalence.cases import Case


class ToyAdapter(ModelAdapter):
    name = "toy"

    def matches(self, module):
        return hasattr(module, "ToyConfig")

    def build(self, module, model, settings):
        return getattr(module, model)(module.ToyConfig())

    def cases(self, model_class, level, seed):
        yield Case(f"{model_class.__name__}/plain", model_class.__name__, inputs={"x": np.eye(4, dtype=np.float32)})


@hookimpl
def rewriter_model_adapters():
    return [ToyAdapter()]
