"""A modeling file in which every class is refused for a reason of its own; the line with the cause ends in `# here`."""

from dataclasses import dataclass

from mindspore import Tensor, nn, ops


class ToyConfig:
    def __init__(self, layers=2):
        self.layers = layers


@dataclass
class ToyOutput:
    value: Tensor


class Fine(nn.Cell):
    def construct(self, x):
        return x + 1


class Undefined(nn.Cell):
    def construct(self, x, twice=False):
        if twice:
            y = x * 2  # here
        return x if not twice else y


class Deletes(nn.Cell):
    def construct(self, x):
        y = x * 2
        del y  # here
        return x


class Tries(nn.Cell):
    def construct(self, x):
        try:  # here  # noqa: SIM105
            x = x + 1
        except ValueError:
            pass
        return x


class Walrus(nn.Cell):
    def construct(self, x):
        if (count := x.shape[0]) > 1:  # here
            return x + count
        return x


class Imports(nn.Cell):
    def construct(self, x):
        import math  # here

        return x * math.pi


class LooksAtValues(nn.Cell):
    def construct(self, x):
        return x * float(x.asnumpy()[0, 0])  # here


class SetsAttribute(nn.Cell):
    def construct(self, x):
        self.last = x.shape[0]  # here
        return x


class TextMethod(nn.Cell):
    def construct(self, x, kind="relu"):
        return x if kind.startswith("re") else x * 2  # here


class Pops(nn.Cell):
    def construct(self, x):
        sizes = {"a": 1, "b": 2}
        return x * sizes.pop("a")  # here


class Einsum(nn.Cell):
    def construct(self, x):
        return ops.einsum("ij,jk->ik", x, x)  # here


class SoftmaxInside(nn.Cell):
    def construct(self, x):
        return nn.Softmax(axis=-1)(x)


class TwoReasons(nn.Cell):
    def construct(self, x):
        y = x * 2
        del y  # here
        return ops.einsum("ij,jk->ik", x, x)  # here too


class Encoder(nn.Cell):
    def __init__(self, config):
        super().__init__()
        self.layers = nn.CellList([nn.Dense(4, 4) for _ in range(config.layers)])

    def construct(self, x):
        for layer in self.layers:
            x = layer(x)
        return ToyOutput(value=x)  # here


class Unused(nn.Cell):
    def construct(self, x):
        return x


class ToyModel(nn.Cell):
    config_class = ToyConfig

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.fine = Fine()
        self.parts = nn.CellList(
            [
                Undefined(),
                Deletes(),
                Tries(),
                Walrus(),
                Imports(),
                LooksAtValues(),
                SetsAttribute(),
                TextMethod(),
                Pops(),
                SoftmaxInside(),
                TwoReasons(),
                Einsum(),
            ]
        )
        self.encoder = Encoder(config)

    def construct(self, x):
        x = self.fine(x)
        for part in self.parts:
            x = part(x)
        return self.encoder(x)


class FineModel(nn.Cell):
    config_class = ToyConfig

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.fine = Fine()

    def construct(self, x):
        return self.fine(x)
