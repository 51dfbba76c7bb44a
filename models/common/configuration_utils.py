"""Base of the model configurations: plain attributes that are read from and written to `config.json`."""

import copy
import json
from pathlib import Path
from typing import Any, TypeVar

CONFIG_NAME = "config.json"

ConfigT = TypeVar("ConfigT", bound="PretrainedConfig")


class PretrainedConfig:
    """Settings that every model has. Unknown keyword arguments become attributes and are kept.

    Args:
        return_dict: whether models return a `ModelOutput` (True) or a tuple.
        output_hidden_states: whether the hidden states of all layers are returned.
        output_attentions: whether the attention weights of all layers are returned.
        tie_word_embeddings: whether input and output embeddings are one parameter.
        is_decoder: whether the model attends to the left only and may keep a cache.
        add_cross_attention: whether decoder layers attend to an encoder's output.
        chunk_size_feed_forward: 0, or the number of positions that a feed-forward block takes at a time.
        pruned_heads: layer index to the heads that were removed there.
        num_labels: number of classes of a classification head. Ignored where `id2label` is given.
        problem_type: "regression", "single_label_classification", "multi_label_classification" or None.
    """

    model_type = ""

    def __init__(
        self,
        *,
        return_dict: bool = True,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        tie_word_embeddings: bool = True,
        is_decoder: bool = False,
        add_cross_attention: bool = False,
        chunk_size_feed_forward: int = 0,
        pruned_heads: dict[Any, list[int]] | None = None,
        num_labels: int | None = None,
        id2label: dict[Any, str] | None = None,
        label2id: dict[str, int] | None = None,
        problem_type: str | None = None,
        pad_token_id: int | None = None,
        bos_token_id: int | None = None,
        eos_token_id: int | None = None,
        **extra: Any,
    ) -> None:
        self.return_dict = return_dict
        self.output_hidden_states = output_hidden_states
        self.output_attentions = output_attentions
        self.tie_word_embeddings = tie_word_embeddings
        self.is_decoder = is_decoder
        self.add_cross_attention = add_cross_attention
        self.chunk_size_feed_forward = chunk_size_feed_forward
        # JSON only has text keys.
        self.pruned_heads = {int(layer): list(heads) for layer, heads in (pruned_heads or {}).items()}
        self.problem_type = problem_type
        self.pad_token_id = pad_token_id
        self.bos_token_id = bos_token_id
        self.eos_token_id = eos_token_id
        self.id2label: dict[int, str] = {}
        self.label2id: dict[str, int] = {}
        if id2label is None:
            self.num_labels = 2 if num_labels is None else num_labels
        else:
            self.id2label = {int(index): label for index, label in id2label.items()}
            self.label2id = label2id or {label: index for index, label in self.id2label.items()}
        extra.pop("model_type", None)
        for name, value in extra.items():
            setattr(self, name, value)

    @property
    def use_return_dict(self) -> bool:
        """Whether a forward without an explicit `return_dict` returns a `ModelOutput`."""
        return self.return_dict

    @property
    def num_labels(self) -> int:
        return len(self.id2label)

    @num_labels.setter
    def num_labels(self, count: int) -> None:
        if count != len(self.id2label):
            self.id2label = {index: f"LABEL_{index}" for index in range(count)}
            self.label2id = {label: index for index, label in self.id2label.items()}

    @classmethod
    def from_dict(cls: type[ConfigT], values: dict[str, Any], **overrides: Any) -> ConfigT:
        """Build a configuration from a dict as `to_dict` gives it; `overrides` win."""
        merged = {**copy.deepcopy(values), **overrides}
        if "num_labels" in overrides and len(values.get("id2label") or {}) != overrides["num_labels"]:
            merged.pop("id2label", None)
            merged.pop("label2id", None)
        return cls(**merged)

    def to_dict(self) -> dict[str, Any]:
        """All settings as plain values, `model_type` among them."""
        values = copy.deepcopy(vars(self))
        values["model_type"] = self.model_type
        return values

    @classmethod
    def from_pretrained(cls: type[ConfigT], directory: str | Path, **overrides: Any) -> ConfigT:
        """Read `config.json` in `directory`. Raises FileNotFoundError when there is none."""
        return cls.from_dict(cls._read(directory), **overrides)

    @classmethod
    def _read(cls, directory: str | Path) -> dict[str, Any]:
        path = Path(directory) / CONFIG_NAME
        if not path.is_file():
            raise FileNotFoundError(f"no {CONFIG_NAME} in {str(directory)!r}; only local directories can be loaded")
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return values

    def save_pretrained(self, directory: str | Path) -> None:
        """Write `config.json` into `directory`, which is made where it is missing."""
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.to_dict(), indent=2, sort_keys=True)
        (folder / CONFIG_NAME).write_text(text + "\n", encoding="utf-8")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PretrainedConfig) and self.to_dict() == other.to_dict()

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"{type(self).__name__}({json.dumps(self.to_dict(), indent=2, sort_keys=True)})"
