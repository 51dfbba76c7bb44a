"""Configurations of CLIP: one per tower, and one for both."""

from pathlib import Path
from typing import Any, TypeVar

from ..common.configuration_utils import PretrainedConfig

TowerT = TypeVar("TowerT", bound="_CLIPTowerConfig")


class _CLIPTowerConfig(PretrainedConfig):
    """A tower's configuration is also found inside the `config.json` of a whole CLIP."""

    config_key = ""

    @classmethod
    def from_pretrained(cls: type[TowerT], directory: str | Path, **overrides: Any) -> TowerT:
        values = cls._read(directory)
        if values.get("model_type") == "clip":
            values = CLIPConfig.from_dict(values).to_dict()[cls.config_key]
        return cls.from_dict(values, **overrides)


class CLIPTextConfig(_CLIPTowerConfig):
    """Sizes and switches of the text tower; the defaults are those of CLIP ViT-B/32.

    The end-of-text position is the highest token id where `eos_token_id` is 2, as in the first published
    configurations, and the first `eos_token_id` otherwise.
    """

    model_type = "clip_text_model"
    config_key = "text_config"

    def __init__(
        self,
        vocab_size: int = 49408,
        hidden_size: int = 512,
        intermediate_size: int = 2048,
        projection_dim: int = 512,
        num_hidden_layers: int = 12,
        num_attention_heads: int = 8,
        max_position_embeddings: int = 77,
        hidden_act: str = "quick_gelu",
        layer_norm_eps: float = 1e-5,
        attention_dropout: float = 0.0,
        initializer_range: float = 0.02,
        initializer_factor: float = 1.0,
        pad_token_id: int = 1,
        bos_token_id: int = 49406,
        eos_token_id: int = 49407,
        **kwargs: Any,
    ) -> None:
        super().__init__(pad_token_id=pad_token_id, bos_token_id=bos_token_id, eos_token_id=eos_token_id, **kwargs)
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.intermediate_size = intermediate_size
        self.projection_dim = projection_dim
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.max_position_embeddings = max_position_embeddings
        self.hidden_act = hidden_act
        self.layer_norm_eps = layer_norm_eps
        self.attention_dropout = attention_dropout
        self.initializer_range = initializer_range
        self.initializer_factor = initializer_factor


class CLIPVisionConfig(_CLIPTowerConfig):
    """Sizes and switches of the image tower; the defaults are those of CLIP ViT-B/32."""

    model_type = "clip_vision_model"
    config_key = "vision_config"

    def __init__(
        self,
        hidden_size: int = 768,
        intermediate_size: int = 3072,
        projection_dim: int = 512,
        num_hidden_layers: int = 12,
        num_attention_heads: int = 12,
        num_channels: int = 3,
        image_size: int = 224,
        patch_size: int = 32,
        hidden_act: str = "quick_gelu",
        layer_norm_eps: float = 1e-5,
        attention_dropout: float = 0.0,
        initializer_range: float = 0.02,
        initializer_factor: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.hidden_size = hidden_size
        self.intermediate_size = intermediate_size
        self.projection_dim = projection_dim
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.num_channels = num_channels
        self.image_size = image_size
        self.patch_size = patch_size
        self.hidden_act = hidden_act
        self.layer_norm_eps = layer_norm_eps
        self.attention_dropout = attention_dropout
        self.initializer_range = initializer_range
        self.initializer_factor = initializer_factor


class CLIPConfig(PretrainedConfig):
    """Both towers (`text_config`, `vision_config`) and the space that they share.

    The older names `text_config_dict` and `vision_config_dict`, which published files carry too, are read as well and
    win over the newer ones.
    """

    model_type = "clip"

    def __init__(
        self,
        text_config: dict[str, Any] | CLIPTextConfig | None = None,
        vision_config: dict[str, Any] | CLIPVisionConfig | None = None,
        projection_dim: int = 512,
        logit_scale_init_value: float = 2.6592,
        initializer_factor: float = 1.0,
        text_config_dict: dict[str, Any] | None = None,
        vision_config_dict: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.text_config = _tower(CLIPTextConfig, text_config, text_config_dict)
        self.vision_config = _tower(CLIPVisionConfig, vision_config, vision_config_dict)
        self.projection_dim = projection_dim
        self.logit_scale_init_value = logit_scale_init_value
        self.initializer_factor = initializer_factor

    @classmethod
    def from_text_vision_configs(
        cls, text_config: CLIPTextConfig, vision_config: CLIPVisionConfig, **kwargs: Any
    ) -> "CLIPConfig":
        """Join the configurations of two towers."""
        return cls(text_config=text_config.to_dict(), vision_config=vision_config.to_dict(), **kwargs)

    def to_dict(self) -> dict[str, Any]:
        values = super().to_dict()
        values["text_config"] = self.text_config.to_dict()
        values["vision_config"] = self.vision_config.to_dict()
        return values


def _tower(cls: type[TowerT], values: dict[str, Any] | TowerT | None, legacy: dict[str, Any] | None) -> TowerT:
    if isinstance(values, cls):
        return values
    merged: dict[str, Any] = dict(values or {})  # type: ignore[arg-type]
    if legacy is not None:
        merged.update(cls.from_dict(legacy).to_dict())
    return cls.from_dict(merged)
