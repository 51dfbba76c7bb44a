"""`PreTrainedModel`: weights on disk, embeddings, head pruning and attention masks, and the helpers around them."""

import contextlib
import functools
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import mindspore
import numpy as np
from mindspore import Parameter, Tensor, nn, ops
from mindspore.common.initializer import Normal, initializer

from .configuration_utils import PretrainedConfig
from .layers import Embedding

logger = logging.getLogger(__name__)

WEIGHTS_NAME = "model.safetensors"

ModelT = TypeVar("ModelT", bound="PreTrainedModel")

# True while `from_pretrained` builds a model: drawing weights that a file is about to replace takes seconds.
_skip_initialization = False


@contextlib.contextmanager
def _no_initialization() -> Iterator[None]:
    global _skip_initialization
    before, _skip_initialization = _skip_initialization, True
    try:
        yield
    finally:
        _skip_initialization = before


@functools.cache
def warning_once(message: str) -> None:
    """Log `message` the first time only."""
    logger.warning(message)


def lowest_value(dtype: Any) -> float:
    """The most negative finite number of a float dtype. It masks a position before a softmax."""
    if dtype == mindspore.float16:
        return -65504.0
    if dtype == mindspore.float64:
        return -1.7976931348623157e308
    if dtype == mindspore.bfloat16:
        return -3.3895313892515355e38
    return -3.4028234663852886e38


def normal_(parameter: Parameter, std: float, mean: float = 0.0) -> None:
    """Draw `parameter` from a normal distribution."""
    parameter.set_data(initializer(Normal(std, mean), parameter.shape, parameter.dtype))


def constant_(parameter: Parameter, value: float) -> None:
    """Fill `parameter` with `value`."""
    parameter.set_data(Tensor(np.full(parameter.shape, value, np.float32)).astype(parameter.dtype))


def replace_parameter(cell: nn.Cell, name: str, value: np.ndarray) -> None:
    """Put an array of any shape in the place of the parameter `cell.<name>`, under the same parameter name."""
    old = getattr(cell, name)
    setattr(cell, name, Parameter(Tensor(value).astype(old.dtype), name=old.name, requires_grad=old.requires_grad))


def prune_linear_layer(layer: nn.Dense, index: np.ndarray, axis: int = 0) -> nn.Dense:
    """Keep only the outputs (`axis=0`) or inputs (`axis=1`) of `layer` that `index` lists; changes it in place."""
    replace_parameter(layer, "weight", np.take(layer.weight.asnumpy(), index, axis=axis))
    if axis == 0:
        layer.out_channels = len(index)
        if layer.has_bias:
            replace_parameter(layer, "bias", layer.bias.asnumpy()[index])
    else:
        layer.in_channels = len(index)
    return layer


def find_pruneable_heads_and_indices(
    heads: Iterable[int], n_heads: int, head_size: int, already_pruned_heads: set[int]
) -> tuple[set[int], np.ndarray]:
    """Which of `heads` (numbered as in the unpruned layer) are still there, and which features stay without them.

    Args:
        heads: heads to remove.
        n_heads: number of heads that the layer has now.
        head_size: features per head.
        already_pruned_heads: heads that were removed before.

    Returns:
        The heads that can be removed, and the indices of the features to keep, as an int array.
    """
    removable = set(heads) - already_pruned_heads
    present = [head for head in range(n_heads + len(already_pruned_heads)) if head not in already_pruned_heads]
    kept = [place for place, head in enumerate(present) if head not in removable]
    features = np.asarray(kept, np.int64)[:, None] * head_size + np.arange(head_size)
    return removable, features.reshape(-1)


def apply_chunking_to_forward(
    forward_fn: Callable[..., mindspore.Tensor], chunk_size: int, chunk_dim: int, *input_tensors: mindspore.Tensor
) -> mindspore.Tensor:
    """`forward_fn(*input_tensors)`, taken `chunk_size` positions of `chunk_dim` at a time (0: all at once).

    Raises:
        ValueError: when the positions cannot be split evenly.
    """
    if chunk_size <= 0:
        return forward_fn(*input_tensors)
    length = input_tensors[0].shape[chunk_dim]
    if length % chunk_size != 0:
        raise ValueError(f"{length} positions cannot be split into chunks of {chunk_size}")
    pieces = [ops.split(tensor, chunk_size, axis=chunk_dim) for tensor in input_tensors]
    return ops.cat([forward_fn(*piece) for piece in zip(*pieces, strict=True)], axis=chunk_dim)


def _all_parameter_paths(cell: nn.Cell, prefix: str = "") -> Iterator[tuple[str, Parameter]]:
    """Like `parameters_and_names`, but a parameter that sits in two places comes with both paths."""
    for name, parameter in cell._params.items():
        if parameter is not None:
            yield prefix + name, parameter
    for name, child in cell.name_cells().items():
        yield from _all_parameter_paths(child, f"{prefix}{name}.")


class PreTrainedModel(nn.Cell):
    """Base of the models: a cell with a configuration, and weights that can be read and written.

    Parameter names are the keys of a HuggingFace checkpoint of the same class.
    """

    config_class: type[PretrainedConfig] = PretrainedConfig
    base_model_prefix = ""
    supports_gradient_checkpointing = False
    # Patterns of keys that a checkpoint may lack: they belong to a head that is trained anew. A warning names them.
    _keys_allowed_missing: tuple[str, ...] = ()

    def __init__(self, config: PretrainedConfig) -> None:
        super().__init__()
        if not isinstance(config, self.config_class):
            raise TypeError(
                f"{type(self).__name__} needs a {self.config_class.__name__}, got a {type(config).__name__}; "
                f"use {type(self).__name__}.from_pretrained(directory) to load saved weights"
            )
        self.config: Any = config

    # Building

    def post_init(self) -> None:
        """To be called at the end of a model's `__init__`: draws the weights, prunes and ties."""
        if not _skip_initialization:
            # Inner cells first: a cell that knows better than a generic rule has the last word on what it holds.
            for _, cell in reversed(list(self.cells_and_names())):
                self._init_weights(cell)
        if self.config.pruned_heads and self.base_model is self:
            self._prune_heads(self.config.pruned_heads)
        self.tie_weights()

    def _init_weights(self, cell: nn.Cell) -> None:
        """Draw the weights that `cell` itself holds."""

    @property
    def base_model(self) -> Any:
        """The model without its head; the model itself where it has none."""
        return getattr(self, self.base_model_prefix, self) if self.base_model_prefix else self

    @property
    def dtype(self) -> Any:
        """dtype of the weights."""
        return next(p.dtype for p in self.get_parameters() if p.dtype in mindspore.common.dtype.float_type)

    def half(self: ModelT) -> ModelT:
        """Turn all floating point weights into float16."""
        return self._to_dtype(mindspore.float16)

    def float(self: ModelT) -> ModelT:
        """Turn all floating point weights into float32."""
        return self._to_dtype(mindspore.float32)

    def _to_dtype(self: ModelT, dtype: Any) -> ModelT:
        for parameter in self.get_parameters():
            parameter.set_dtype(dtype)
        return self

    def gradient_checkpointing_enable(self) -> None:
        """Compute layers again in the backward pass of training, to save memory.

        Raises:
            ValueError: when this model cannot.
        """
        if not self.supports_gradient_checkpointing:
            raise ValueError(f"{type(self).__name__} does not support gradient checkpointing")
        self._set_gradient_checkpointing(True)

    def gradient_checkpointing_disable(self) -> None:
        """Undo `gradient_checkpointing_enable`."""
        self._set_gradient_checkpointing(False)

    def _set_gradient_checkpointing(self, value: bool) -> None:
        for _, cell in self.cells_and_names():
            if hasattr(cell, "gradient_checkpointing"):
                cell.gradient_checkpointing = value

    # Embeddings

    def get_input_embeddings(self) -> nn.Cell:
        """The cell that embeds tokens."""
        if self.base_model is self:
            raise NotImplementedError(f"{type(self).__name__} has no input embeddings")
        return self.base_model.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Cell) -> None:
        """Replace the cell that embeds tokens."""
        if self.base_model is self:
            raise NotImplementedError(f"{type(self).__name__} has no input embeddings")
        self.base_model.set_input_embeddings(value)
        # Until they are tied again, the output embeddings still hold the old parameter, under the new one's name.
        self._name_parameters_by_path()

    def get_output_embeddings(self) -> nn.Dense | None:
        """The layer that maps to the vocabulary; None where there is none."""
        return None

    def set_output_embeddings(self, new_embeddings: nn.Dense) -> None:
        """Replace the layer that maps to the vocabulary."""
        raise NotImplementedError(f"{type(self).__name__} has no output embeddings")

    def tie_weights(self) -> None:
        """Make input and output embeddings one parameter where the configuration says so."""
        output_embeddings = self.get_output_embeddings()
        if output_embeddings is not None and self.config.tie_word_embeddings:
            output_embeddings.weight = self.get_input_embeddings().weight

    def resize_token_embeddings(self, new_num_tokens: int | None = None) -> nn.Cell:
        """Change the number of tokens: old rows are kept as far as they fit, new ones are drawn.

        Returns:
            The input embeddings, new ones unless the size stays.
        """
        old = self.get_input_embeddings()
        if not isinstance(old, Embedding):
            raise NotImplementedError(f"{type(self).__name__} has no token embeddings")
        if new_num_tokens is None or new_num_tokens == old.num_embeddings:
            return old
        padding_idx = old.padding_idx
        if padding_idx is not None and padding_idx >= new_num_tokens:
            padding_idx = None
        new = Embedding(new_num_tokens, old.embedding_dim, padding_idx=padding_idx)
        self._init_weights(new)
        new.weight.set_data(_with_rows_of(new.weight, old.weight))
        self.set_input_embeddings(new)
        self._resize_output_embeddings(new_num_tokens)
        self._set_vocab_size(new_num_tokens)
        self.tie_weights()
        return self.get_input_embeddings()

    def _resize_output_embeddings(self, new_num_tokens: int) -> None:
        old = self.get_output_embeddings()
        if old is None:
            return
        new = nn.Dense(old.in_channels, new_num_tokens, has_bias=old.has_bias)
        self._init_weights(new)
        new.weight.set_data(_with_rows_of(new.weight, old.weight))
        if old.has_bias:
            new.bias.set_data(_with_rows_of(new.bias, old.bias))
        self.set_output_embeddings(new)

    def _set_vocab_size(self, size: int) -> None:
        self.config.vocab_size = size

    def _name_parameters_by_path(self) -> None:
        """To be called after a cell was replaced.

        MindSpore names a parameter by its path when its cell is assigned, so a cell that is put into a finished model
        has names without the outer part of the path. Where this model is itself a part of another, the part before its
        own paths is read off the parameters that were there before.
        """
        paths = list(self.parameters_and_names())
        prefixes = Counter(p.name.removesuffix(path) for path, p in paths if p.name.endswith(path))
        prefix = prefixes.most_common(1)[0][0]
        for path, parameter in paths:
            parameter.name = prefix + path

    # Heads

    def prune_heads(self, heads_to_prune: dict[int, Iterable[int]]) -> None:
        """Remove attention heads: layer index to head indices, as numbered before any pruning."""
        for layer, heads in heads_to_prune.items():
            gone = set(self.config.pruned_heads.get(layer, [])) | set(heads)
            self.config.pruned_heads[layer] = sorted(gone)
        self.base_model._prune_heads(heads_to_prune)

    def _prune_heads(self, heads_to_prune: dict[int, Iterable[int]]) -> None:
        raise NotImplementedError(f"{type(self).__name__} cannot prune heads")

    # Masks

    def warn_if_padding_and_no_attention_mask(
        self, input_ids: mindspore.Tensor, attention_mask: mindspore.Tensor | None
    ) -> None:
        """Warn, once per process, when the ids look padded and there is no mask to say so."""
        if attention_mask is not None or self.config.pad_token_id is None:
            return
        if self.config.pad_token_id in input_ids.asnumpy()[:, [0, -1]]:
            warning_once(
                "some input ids begin or end with the padding token, but no attention_mask was given: "
                "padding is attended to like text"
            )

    def create_causal_attention_mask(
        self, input_shape: tuple[int, ...], attention_mask: mindspore.Tensor
    ) -> mindspore.Tensor:
        """A 2-D mask (batch, past + length), narrowed to the left context: (batch, 1, length, past + length)."""
        batch_size, seq_length = input_shape
        total_length = attention_mask.shape[1]
        key_positions = ops.arange(total_length)
        query_positions = ops.arange(total_length - seq_length, total_length)
        causal_mask = key_positions[None, :] <= query_positions[:, None]
        causal_mask = ops.broadcast_to(causal_mask[None, :, :], (batch_size, seq_length, total_length))
        return causal_mask[:, None, :, :].astype(attention_mask.dtype) * attention_mask[:, None, None, :]

    def get_extended_attention_mask(
        self, attention_mask: mindspore.Tensor, input_shape: tuple[int, ...], dtype: Any = None
    ) -> mindspore.Tensor:
        """What is added to attention scores: 0 where the mask is 1, the lowest float where it is 0.

        Args:
            attention_mask: (batch, keys), or (batch, queries, keys) where each query has its own.
            input_shape: (batch, queries).
            dtype: float dtype of the result; that of the weights when left out.

        Returns:
            (batch, 1, 1 or queries, keys), in `dtype`.

        Raises:
            ValueError: when the mask has another number of axes.
        """
        dtype = dtype if dtype is not None else self.dtype
        if attention_mask.dtype == mindspore.bool_:
            attention_mask = attention_mask.astype(dtype)
        if attention_mask.ndim == 3:
            extended_attention_mask = attention_mask[:, None, :, :]
        elif attention_mask.ndim == 2:
            if self.config.is_decoder:
                extended_attention_mask = self.create_causal_attention_mask(input_shape, attention_mask)
            else:
                extended_attention_mask = attention_mask[:, None, None, :]
        else:
            raise ValueError(
                f"an attention mask has 2 or 3 axes, this one has the shape {attention_mask.shape} "
                f"for inputs of the shape {input_shape}"
            )
        return (1.0 - extended_attention_mask.astype(dtype)) * lowest_value(dtype)

    def invert_attention_mask(self, encoder_attention_mask: mindspore.Tensor) -> mindspore.Tensor:
        """As `get_extended_attention_mask`, for the encoder's side of cross-attention (never causal)."""
        dtype = self.dtype
        if encoder_attention_mask.ndim == 3:
            extended_attention_mask = encoder_attention_mask[:, None, :, :]
        else:
            extended_attention_mask = encoder_attention_mask[:, None, None, :]
        return (1.0 - extended_attention_mask.astype(dtype)) * lowest_value(dtype)

    def get_head_mask(self, head_mask: mindspore.Tensor | None, num_hidden_layers: int) -> Any:
        """One mask per layer, each to be multiplied with (batch, heads, queries, keys).

        Args:
            head_mask: (heads,), (layers, heads) or None; 1 keeps a head.
            num_hidden_layers: number of layers.

        Returns:
            A tensor whose first axis is the layer, or a list of None.
        """
        if head_mask is None:
            return [None] * num_hidden_layers
        if head_mask.ndim == 1:
            head_mask = head_mask[None, None, :, None, None]
            head_mask = ops.broadcast_to(head_mask, (num_hidden_layers, 1, head_mask.shape[2], 1, 1))
        elif head_mask.ndim == 2:
            head_mask = head_mask[:, None, :, None, None]
        if head_mask.ndim != 5:
            raise ValueError(f"a head mask has 1 or 2 axes, this one has the shape {head_mask.shape}")
        return head_mask.astype(self.dtype)

    # Disk

    @classmethod
    def from_pretrained(
        cls: type[ModelT],
        directory: str | Path,
        *,
        config: PretrainedConfig | None = None,
        mindspore_dtype: Any = None,
        ignore_mismatched_sizes: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        **config_overrides: Any,
    ) -> ModelT:
        """Build a model from `config.json` and `model.safetensors` in `directory`, in evaluation mode.

        A checkpoint of a model with a head serves a model without one, and the other way round. Weights of a head that
        the file lacks are drawn, with a warning.

        Args:
            directory: a local directory as HuggingFace's `save_pretrained` writes it.
            config: used instead of the directory's `config.json`.
            mindspore_dtype: float dtype of the weights; float32 when left out.
            ignore_mismatched_sizes: draw weights whose shape differs from the file's, rather than raise.
            model_kwargs: further arguments of the class, such as `add_pooling_layer`.
            **config_overrides: settings that win over the file's, such as `num_labels`.

        Raises:
            FileNotFoundError: no such directory or file.
            ValueError: the file lacks weights, or has them in another shape.
        """
        folder = Path(directory)
        tensors = _read_weights(folder)
        if config is None:
            config = cls.config_class.from_pretrained(folder, **config_overrides)
        elif config_overrides:
            raise ValueError("give either a config or settings to override, not both")
        with _no_initialization():
            model = cls(config, **(model_kwargs or {}))
        model._load(tensors, ignore_mismatched_sizes=ignore_mismatched_sizes)
        model.tie_weights()
        if mindspore_dtype is not None:
            model._to_dtype(mindspore_dtype)
        model.set_train(False)
        return model

    def save_pretrained(self, directory: str | Path) -> None:
        """Write `config.json` and `model.safetensors` into `directory`; HuggingFace's classes can read them."""
        from safetensors.numpy import save_file

        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        self.config.architectures = [type(self).__name__]
        self.config.save_pretrained(folder)
        tensors = {}
        for name, parameter in self.parameters_dict().items():
            # numpy has no bfloat16; float32 holds every value of it.
            value = parameter.astype(mindspore.float32) if parameter.dtype == mindspore.bfloat16 else parameter
            tensors[name] = np.ascontiguousarray(value.asnumpy()).reshape(parameter.shape)
        save_file(tensors, folder / WEIGHTS_NAME, metadata={"format": "pt"})

    def _load(self, tensors: dict[str, np.ndarray], *, ignore_mismatched_sizes: bool = False) -> None:
        paths = dict(_all_parameter_paths(self))
        tensors = self._rename_keys(tensors, set(paths))
        # A tied parameter has several paths, and a file may hold any of them.
        keys_of: dict[int, list[str]] = {}
        for path, parameter in paths.items():
            keys_of.setdefault(id(parameter), []).append(path)
        missing, mismatched, drawn = [], [], []
        for parameter in self.get_parameters():
            keys = keys_of[id(parameter)]
            found = next((key for key in keys if key in tensors), None)
            if found is None:
                missing.append(keys[0])
            elif tuple(tensors[found].shape) == tuple(parameter.shape):
                parameter.set_data(Tensor(tensors[found], dtype=parameter.dtype))
            elif ignore_mismatched_sizes:
                drawn.append(keys[0])
            else:
                mismatched.append(f"{keys[0]}: {tuple(tensors[found].shape)} in the file, {parameter.shape} here")
        if mismatched:
            raise ValueError(f"the checkpoint does not fit this {type(self).__name__}:\n  " + "\n  ".join(mismatched))
        self._check_missing(missing)
        self._draw(missing + drawn)
        unexpected = sorted(key for key in tensors if key not in paths and not key.endswith("position_ids"))
        if unexpected:
            logger.warning("%s does not use these weights of the checkpoint: %s", type(self).__name__, unexpected)

    def _rename_keys(self, tensors: dict[str, np.ndarray], paths: set[str]) -> dict[str, np.ndarray]:
        """Bring the keys of a checkpoint to those of this class: older spellings, and the base model's prefix."""
        tensors = {_modern_key(key): value for key, value in tensors.items()}
        prefix = f"{self.base_model_prefix}."
        if prefix == ".":
            return tensors
        here = any(path.startswith(prefix) for path in paths)
        there = any(key.startswith(prefix) for key in tensors)
        if there and not here:
            return {key.removeprefix(prefix): value for key, value in tensors.items()}
        if here and not there:
            return {key if key in paths else prefix + key: value for key, value in tensors.items()}
        return tensors

    def _check_missing(self, missing: list[str]) -> None:
        wrong = [key for key in missing if not any(re.search(p, key) for p in self._keys_allowed_missing)]
        if wrong:
            raise ValueError(f"the checkpoint lacks weights of {type(self).__name__}: {', '.join(wrong)}")
        if missing:
            logger.warning("the checkpoint has no %s: drawn anew, to be trained", ", ".join(missing))

    def _draw(self, keys: list[str]) -> None:
        """Initialise the cells that hold `keys`, but touch no other parameter of theirs."""
        wanted = set(keys)
        for path, cell in self.cells_and_names():
            own = {f"{path}.{name}" if path else name: p for name, p in cell._params.items()}
            if not wanted & set(own):
                continue
            kept = {name: Tensor(p.asnumpy()) for name, p in own.items() if name not in wanted}
            self._init_weights(cell)
            for name, value in kept.items():
                own[name].set_data(value)


def _with_rows_of(new: Parameter, old: Parameter) -> Tensor:
    """The values of `new`, with the first rows of `old` as far as both reach."""
    values = new.asnumpy().copy()
    count = min(len(values), old.shape[0])
    values[:count] = old.asnumpy()[:count]
    return Tensor(values).astype(old.dtype)


def _modern_key(key: str) -> str:
    """Old TensorFlow-born checkpoints call the parameters of a layer norm `gamma` and `beta`."""
    if key.endswith("LayerNorm.gamma"):
        return key.removesuffix("gamma") + "weight"
    if key.endswith("LayerNorm.beta"):
        return key.removesuffix("beta") + "bias"
    return key


def _read_weights(folder: Path) -> dict[str, np.ndarray]:
    from safetensors import safe_open

    if not folder.is_dir():
        raise FileNotFoundError(f"no directory {str(folder)!r}; only local directories can be loaded")
    path = folder / WEIGHTS_NAME
    if not path.is_file():
        raise FileNotFoundError(f"no {WEIGHTS_NAME} in {str(folder)!r}; other formats must be converted first")
    with safe_open(path, framework="np") as file:
        keys = list(file.keys())
        bfloat16 = [key for key in keys if file.get_slice(key).get_dtype() == "BF16"]
        if bfloat16:
            raise ValueError(f"{str(path)!r} holds bfloat16 ({bfloat16[0]!r}, ...), which numpy cannot; save float32")
        return {key: file.get_tensor(key) for key in keys}
