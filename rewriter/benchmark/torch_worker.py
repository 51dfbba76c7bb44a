"""A PyTorch contender in a process of its own, and often in another environment: mindnlp pins old tokenizers.

Run by its path, by an interpreter with torch and transformers (and onnx and onnxruntime): it imports nothing of this
project but `serving`, which lies beside it. See there for what it answers.
"""

from __future__ import annotations

import importlib.util
import inspect
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

Forward = Callable[[Mapping[str, Any]], Any]
"""Runs the model on what `Torch.give` or `Onnx.give` made, and returns the first output as an array."""


def _serving() -> Any:
    spec = importlib.util.spec_from_file_location("serving", Path(__file__).with_name("serving.py"))
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Torch:
    """Runs a PyTorch module.

    Args:
        module: The module.
    """

    def __init__(self, module: Any) -> None:
        self._module = module
        self._inputs: Mapping[str, Any] = {}
        self._output: Any = None

    def give(self, inputs: Mapping[str, Any]) -> None:
        """Make tensors of the arguments."""
        import torch

        self._inputs = {name: torch.from_numpy(np.array(value)) for name, value in inputs.items()}

    def call(self) -> float:
        """Run once, as a user does, without gradients."""
        import torch

        start = time.perf_counter()
        with torch.inference_mode():
            self._output = self._module(**self._inputs)[0].numpy()
        return time.perf_counter() - start

    def output(self) -> Any:
        """Return the first output of the last call."""
        return self._output


class Onnx:
    """Runs an ONNX model in ONNX Runtime.

    Args:
        path: The file.
        threads: Threads of an operator.
    """

    def __init__(self, path: Path, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._inputs: Mapping[str, Any] = {}
        self._output: Any = None

    def give(self, inputs: Mapping[str, Any]) -> None:
        """Take the arguments."""
        names = {item.name for item in self._session.get_inputs()}
        self._inputs = {name: np.array(value) for name, value in inputs.items() if name in names}

    def call(self) -> float:
        """Run once."""
        start = time.perf_counter()
        self._output = self._session.run(None, self._inputs)[0]
        return time.perf_counter() - start

    def output(self) -> Any:
        """Return the first output of the last call."""
        return self._output


def make(request: dict[str, Any]) -> Any:
    """Build a contender.

    Args:
        request: `kind` ("torch", "compile", "ort" or "ort-opt"), `model` (name of the class; transformers has it too),
            `config` (what the original's configuration says), `weights` (an `.npz`, or None to keep those that the
            model is made with), `inputs` (an `.npz` to export with), `threads`, and `fixed`: whether each shape may be
            compiled for itself.
    """
    import torch

    torch.set_num_threads(request["threads"])
    model = _model(request)
    if request["weights"] is not None:
        _load(model, request["weights"])
    if request["kind"] == "torch":
        return Torch(model)
    if request["kind"] == "compile":
        torch._dynamo.config.recompile_limit = 1000  # or it goes on uncompiled after eight shapes
        return Torch(torch.compile(model, dynamic=False if request["fixed"] else None))
    return _onnx(model, request)


def _model(request: dict[str, Any]) -> Any:
    import transformers

    model_class = getattr(transformers, request["model"], None)
    if model_class is None:
        raise ValueError(f"transformers has no {request['model']}")
    config = _config(model_class.config_class, request["config"])
    # Exporter and optimizer know attention when it is written out; everybody else gets what transformers chooses.
    chosen = {"attn_implementation": "eager"} if request["kind"].startswith("ort") else {}
    return model_class._from_config(config, **chosen).eval()


def _config(config_class: Any, values: Mapping[str, Any]) -> Any:
    """Make a configuration of those values that its class names; a part of it is one by itself."""
    known = inspect.signature(config_class.__init__).parameters
    made = {}
    for name, value in values.items():
        if name in known:
            part = getattr(config_class, "sub_configs", {}).get(name)
            made[name] = _config(part, value).to_dict() if part is not None else value
    return config_class(**made)


def _load(model: Any, path: str) -> None:
    import torch

    with np.load(path) as arrays:
        values = {name: torch.from_numpy(arrays[name]) for name in arrays}
    missing = model.load_state_dict(values, strict=False).missing_keys
    if missing:
        raise ValueError(f"the original has no weights called {missing[0]}, so this would be another model")


def _onnx(model: Any, request: dict[str, Any]) -> Onnx:
    with np.load(request["inputs"]) as arrays:
        inputs = dict(arrays)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        _export(model, inputs, path)
        if request["kind"] == "ort-opt":
            path = _optimized(path, "bert" if request["model"].startswith("Bert") else "clip")
        return Onnx(path, request["threads"])


def _export(model: Any, inputs: Mapping[str, Any], path: Path) -> None:
    """Write an ONNX file for every batch size and length.

    By the older exporter: from what the newer one writes, the transformer optimizer fuses less.
    """
    import torch

    class FirstOutput(torch.nn.Module):  # type: ignore[misc]
        def forward(self, *values: Any) -> Any:
            return model(**dict(zip(inputs, values, strict=True)), return_dict=False)[0]

    wrapper = FirstOutput()
    wrapper.model = model  # or its weights would not be found
    axes = {name: {0: "batch", **({1: "length"} if value.ndim == 2 else {})} for name, value in inputs.items()}
    with torch.no_grad():
        torch.onnx.export(
            wrapper.eval(),
            tuple(torch.from_numpy(value) for value in inputs.values()),
            str(path),
            input_names=list(inputs),
            output_names=["output"],
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
        )


def _optimized(path: Path, kind: str) -> Path:
    from onnxruntime.transformers.fusion_options import FusionOptions
    from onnxruntime.transformers.optimizer import optimize_model

    options = FusionOptions(kind)
    options.use_raw_attention_mask(True)  # without it, answers are wrong under a mask that is not right-padded
    optimized = path.with_name("optimized.onnx")
    optimize_model(str(path), model_type=kind, optimization_options=options).save_model_to_file(str(optimized))
    return optimized


def compiles() -> int:
    """Return how many graphs PyTorch compiled."""
    import torch

    return int(torch._dynamo.utils.counters["stats"]["unique_graphs"])


if __name__ == "__main__":
    _serving().serve(make, compiles)
