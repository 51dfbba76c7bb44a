"""CLIP: a text tower, an image tower, and both compared in one space."""

# Written as such files are in the HuggingFace world; the rewriter's examples and tests start from here.
# ruff: noqa: B007, RUF005
# mypy: disable-error-code="assignment, operator, union-attr"

from dataclasses import dataclass
from typing import Any

import mindspore
import numpy as np
from mindspore import Parameter, Tensor, nn, ops

from ..common.activations import ACT2FN
from ..common.layers import Embedding, LayerNorm
from ..common.modeling_outputs import (
    BaseModelOutput,
    BaseModelOutputWithPooling,
    ImageClassifierOutput,
    ModelOutput,
)
from ..common.modeling_utils import PreTrainedModel, constant_, lowest_value, normal_
from .configuration_clip import CLIPConfig, CLIPTextConfig, CLIPVisionConfig


def contrastive_loss(logits: mindspore.Tensor) -> mindspore.Tensor:
    """Row i belongs to column i."""
    return ops.cross_entropy(logits, ops.arange(logits.shape[0]))


def clip_loss(similarity: mindspore.Tensor) -> mindspore.Tensor:
    """The contrastive loss, averaged over both directions."""
    caption_loss = contrastive_loss(similarity)
    image_loss = contrastive_loss(similarity.t())
    return (caption_loss + image_loss) / 2.0


def _make_causal_mask(input_shape: tuple[int, ...], dtype: Any) -> mindspore.Tensor:
    """(batch, 1, length, length): the lowest float above the diagonal, 0 elsewhere."""
    batch_size, seq_length = input_shape
    mask = ops.full((seq_length, seq_length), lowest_value(dtype), dtype=dtype)
    mask = ops.triu(mask, diagonal=1)
    return ops.broadcast_to(mask[None, None, :, :], (batch_size, 1, seq_length, seq_length))


def _expand_mask(mask: mindspore.Tensor, dtype: Any) -> mindspore.Tensor:
    """(batch, keys) to (batch, 1, queries, keys): the lowest float where the mask is 0, 0 elsewhere."""
    batch_size, seq_length = mask.shape
    expanded_mask = ops.broadcast_to(mask[:, None, None, :], (batch_size, 1, seq_length, seq_length)).astype(dtype)
    inverted_mask = 1.0 - expanded_mask
    return inverted_mask.masked_fill(inverted_mask.astype(mindspore.bool_), lowest_value(dtype))


@dataclass
class CLIPVisionModelOutput(ModelOutput):
    """Outputs of `CLIPVisionModelWithProjection`."""

    image_embeds: mindspore.Tensor | None = None
    last_hidden_state: mindspore.Tensor | None = None
    hidden_states: tuple[mindspore.Tensor, ...] | None = None
    attentions: tuple[mindspore.Tensor, ...] | None = None


@dataclass
class CLIPTextModelOutput(ModelOutput):
    """Outputs of `CLIPTextModelWithProjection`."""

    text_embeds: mindspore.Tensor | None = None
    last_hidden_state: mindspore.Tensor | None = None
    hidden_states: tuple[mindspore.Tensor, ...] | None = None
    attentions: tuple[mindspore.Tensor, ...] | None = None


@dataclass
class CLIPOutput(ModelOutput):
    """Outputs of `CLIPModel`: similarities, normalised features, and what each tower returned."""

    loss: mindspore.Tensor | None = None
    logits_per_image: mindspore.Tensor | None = None
    logits_per_text: mindspore.Tensor | None = None
    text_embeds: mindspore.Tensor | None = None
    image_embeds: mindspore.Tensor | None = None
    text_model_output: BaseModelOutputWithPooling | None = None
    vision_model_output: BaseModelOutputWithPooling | None = None

    def to_tuple(self) -> tuple[Any, ...]:
        return tuple(v.to_tuple() if isinstance(v, ModelOutput) else v for v in self.values())


class CLIPVisionEmbeddings(nn.Cell):
    """An image as a class embedding and one embedding per patch, with positions."""

    def __init__(self, config: CLIPVisionConfig):
        super().__init__()
        self.config = config
        self.embed_dim = config.hidden_size
        self.image_size = config.image_size
        self.patch_size = config.patch_size

        self.class_embedding = Parameter(Tensor(np.random.randn(self.embed_dim).astype(np.float32)))
        self.patch_embedding = nn.Conv2d(
            config.num_channels,
            self.embed_dim,
            kernel_size=self.patch_size,
            stride=self.patch_size,
            pad_mode="valid",
            has_bias=False,
        )
        self.num_patches = (self.image_size // self.patch_size) ** 2
        self.num_positions = self.num_patches + 1
        self.position_embedding = Embedding(self.num_positions, self.embed_dim)
        self.position_ids = ops.arange(self.num_positions).reshape((1, -1))

    def construct(self, pixel_values: mindspore.Tensor) -> mindspore.Tensor:
        batch_size, _, height, width = pixel_values.shape
        if height != self.image_size or width != self.image_size:
            raise ValueError(
                f"the model takes images of {self.image_size} x {self.image_size} pixels, got {height} x {width}"
            )
        target_dtype = self.patch_embedding.weight.dtype
        patch_embeds = self.patch_embedding(pixel_values.astype(target_dtype))
        patch_embeds = patch_embeds.flatten(start_dim=2).swapaxes(1, 2)

        class_embeds = ops.broadcast_to(self.class_embedding, (batch_size, 1, self.embed_dim))
        embeddings = ops.cat([class_embeds, patch_embeds], axis=1)
        return embeddings + self.position_embedding(self.position_ids)


class CLIPTextEmbeddings(nn.Cell):
    """The sum of token and position embeddings."""

    def __init__(self, config: CLIPTextConfig):
        super().__init__()
        self.token_embedding = Embedding(config.vocab_size, config.hidden_size)
        self.position_embedding = Embedding(config.max_position_embeddings, config.hidden_size)
        self.position_ids = ops.arange(config.max_position_embeddings).reshape((1, -1))

    def construct(
        self,
        input_ids: mindspore.Tensor | None = None,
        position_ids: mindspore.Tensor | None = None,
        inputs_embeds: mindspore.Tensor | None = None,
    ) -> mindspore.Tensor:
        seq_length = input_ids.shape[-1] if input_ids is not None else inputs_embeds.shape[-2]
        max_position_embedding = self.position_embedding.num_embeddings
        if seq_length > max_position_embedding:
            raise ValueError(f"the model takes at most {max_position_embedding} tokens, got {seq_length}")

        if position_ids is None:
            position_ids = self.position_ids[:, :seq_length]
        if inputs_embeds is None:
            inputs_embeds = self.token_embedding(input_ids)
        return inputs_embeds + self.position_embedding(position_ids)


class CLIPAttention(nn.Cell):
    """Multi-head self-attention."""

    def __init__(self, config: CLIPTextConfig | CLIPVisionConfig):
        super().__init__()
        self.config = config
        self.embed_dim = config.hidden_size
        self.num_heads = config.num_attention_heads
        self.head_dim = self.embed_dim // self.num_heads
        if self.head_dim * self.num_heads != self.embed_dim:
            raise ValueError(
                f"hidden_size ({self.embed_dim}) is not a multiple of num_attention_heads ({self.num_heads})"
            )
        self.scale = self.head_dim**-0.5
        self.k_proj = nn.Dense(self.embed_dim, self.embed_dim)
        self.v_proj = nn.Dense(self.embed_dim, self.embed_dim)
        self.q_proj = nn.Dense(self.embed_dim, self.embed_dim)
        self.out_proj = nn.Dense(self.embed_dim, self.embed_dim)
        self.dropout = nn.Dropout(p=config.attention_dropout)

    def _shape(self, tensor: mindspore.Tensor, seq_len: int, bsz: int) -> mindspore.Tensor:
        """(batch, length, features) to (batch * heads, length, head size)."""
        tensor = tensor.view(bsz, seq_len, self.num_heads, self.head_dim).swapaxes(1, 2)
        return tensor.reshape(bsz * self.num_heads, seq_len, self.head_dim)

    def construct(
        self,
        hidden_states: mindspore.Tensor,
        attention_mask: mindspore.Tensor | None = None,
        causal_attention_mask: mindspore.Tensor | None = None,
        output_attentions: bool = False,
    ) -> tuple[mindspore.Tensor, mindspore.Tensor | None]:
        bsz, tgt_len, embed_dim = hidden_states.shape

        query_states = self._shape(self.q_proj(hidden_states) * self.scale, tgt_len, bsz)
        key_states = self._shape(self.k_proj(hidden_states), tgt_len, bsz)
        value_states = self._shape(self.v_proj(hidden_states), tgt_len, bsz)

        attn_weights = ops.bmm(query_states, key_states.swapaxes(1, 2))

        # Masks have one entry for all heads of an example, so the heads need an axis of their own here.
        attn_weights = attn_weights.view(bsz, self.num_heads, tgt_len, tgt_len)
        if causal_attention_mask is not None:
            if causal_attention_mask.shape != (bsz, 1, tgt_len, tgt_len):
                raise ValueError(
                    f"the causal mask should have the shape {(bsz, 1, tgt_len, tgt_len)}, "
                    f"got {causal_attention_mask.shape}"
                )
            attn_weights = attn_weights + causal_attention_mask
        if attention_mask is not None:
            if attention_mask.shape != (bsz, 1, tgt_len, tgt_len):
                raise ValueError(
                    f"the attention mask should have the shape {(bsz, 1, tgt_len, tgt_len)}, got {attention_mask.shape}"
                )
            attn_weights = attn_weights + attention_mask

        attn_weights = ops.softmax(attn_weights, axis=-1)
        attn_weights_reshaped = attn_weights if output_attentions else None

        attn_probs = self.dropout(attn_weights.view(bsz * self.num_heads, tgt_len, tgt_len))
        attn_output = ops.bmm(attn_probs, value_states)

        attn_output = attn_output.view(bsz, self.num_heads, tgt_len, self.head_dim)
        attn_output = attn_output.swapaxes(1, 2).reshape(bsz, tgt_len, embed_dim)
        attn_output = self.out_proj(attn_output)
        return attn_output, attn_weights_reshaped


class CLIPMLP(nn.Cell):
    """The feed-forward block."""

    def __init__(self, config: CLIPTextConfig | CLIPVisionConfig):
        super().__init__()
        self.config = config
        self.activation_fn = ACT2FN[config.hidden_act]
        self.fc1 = nn.Dense(config.hidden_size, config.intermediate_size)
        self.fc2 = nn.Dense(config.intermediate_size, config.hidden_size)

    def construct(self, hidden_states: mindspore.Tensor) -> mindspore.Tensor:
        hidden_states = self.fc1(hidden_states)
        hidden_states = self.activation_fn(hidden_states)
        return self.fc2(hidden_states)


class CLIPEncoderLayer(nn.Cell):
    """One layer: norm, attention, residual; norm, feed-forward, residual."""

    def __init__(self, config: CLIPTextConfig | CLIPVisionConfig):
        super().__init__()
        self.embed_dim = config.hidden_size
        self.self_attn = CLIPAttention(config)
        self.layer_norm1 = LayerNorm(self.embed_dim, eps=config.layer_norm_eps)
        self.mlp = CLIPMLP(config)
        self.layer_norm2 = LayerNorm(self.embed_dim, eps=config.layer_norm_eps)

    def construct(
        self,
        hidden_states: mindspore.Tensor,
        attention_mask: mindspore.Tensor | None = None,
        causal_attention_mask: mindspore.Tensor | None = None,
        output_attentions: bool = False,
    ) -> tuple[mindspore.Tensor, ...]:
        residual = hidden_states
        hidden_states = self.layer_norm1(hidden_states)
        hidden_states, attn_weights = self.self_attn(
            hidden_states,
            attention_mask=attention_mask,
            causal_attention_mask=causal_attention_mask,
            output_attentions=output_attentions,
        )
        hidden_states = residual + hidden_states

        residual = hidden_states
        hidden_states = self.layer_norm2(hidden_states)
        hidden_states = self.mlp(hidden_states)
        hidden_states = residual + hidden_states

        outputs = (hidden_states,)
        if output_attentions:
            outputs += (attn_weights,)
        return outputs


class CLIPEncoder(nn.Cell):
    """The stack of layers of either tower."""

    def __init__(self, config: CLIPTextConfig | CLIPVisionConfig):
        super().__init__()
        self.config = config
        self.layers = nn.CellList([CLIPEncoderLayer(config) for _ in range(config.num_hidden_layers)])
        self.gradient_checkpointing = False

    def construct(
        self,
        inputs_embeds: mindspore.Tensor,
        attention_mask: mindspore.Tensor | None = None,
        causal_attention_mask: mindspore.Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> tuple[Any, ...] | BaseModelOutput:
        output_attentions = output_attentions if output_attentions is not None else self.config.output_attentions
        output_hidden_states = (
            output_hidden_states if output_hidden_states is not None else self.config.output_hidden_states
        )
        return_dict = return_dict if return_dict is not None else self.config.use_return_dict

        encoder_states = () if output_hidden_states else None
        all_attentions = () if output_attentions else None

        hidden_states = inputs_embeds
        for idx, encoder_layer in enumerate(self.layers):
            if output_hidden_states:
                encoder_states = encoder_states + (hidden_states,)
            if self.gradient_checkpointing and self.training:
                layer_outputs = mindspore.recompute(
                    encoder_layer, hidden_states, attention_mask, causal_attention_mask, output_attentions
                )
            else:
                layer_outputs = encoder_layer(
                    hidden_states,
                    attention_mask,
                    causal_attention_mask,
                    output_attentions=output_attentions,
                )
            hidden_states = layer_outputs[0]
            if output_attentions:
                all_attentions = all_attentions + (layer_outputs[1],)

        if output_hidden_states:
            encoder_states = encoder_states + (hidden_states,)

        if not return_dict:
            return tuple(v for v in [hidden_states, encoder_states, all_attentions] if v is not None)
        return BaseModelOutput(last_hidden_state=hidden_states, hidden_states=encoder_states, attentions=all_attentions)


class CLIPTextTransformer(nn.Cell):
    """The text tower: embeddings, causal encoder, and the state at the end of the text."""

    def __init__(self, config: CLIPTextConfig):
        super().__init__()
        self.config = config
        self.embeddings = CLIPTextEmbeddings(config)
        self.encoder = CLIPEncoder(config)
        self.final_layer_norm = LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.eos_token_id = config.eos_token_id

    def construct(
        self,
        input_ids: mindspore.Tensor | None = None,
        attention_mask: mindspore.Tensor | None = None,
        position_ids: mindspore.Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> tuple[Any, ...] | BaseModelOutputWithPooling:
        output_attentions = output_attentions if output_attentions is not None else self.config.output_attentions
        output_hidden_states = (
            output_hidden_states if output_hidden_states is not None else self.config.output_hidden_states
        )
        return_dict = return_dict if return_dict is not None else self.config.use_return_dict

        if input_ids is None:
            raise ValueError("input_ids are missing")

        input_shape = input_ids.shape
        input_ids = input_ids.view(-1, input_shape[-1])
        hidden_states = self.embeddings(input_ids=input_ids, position_ids=position_ids)

        # Text attends to the left only, as in the published weights.
        causal_attention_mask = _make_causal_mask(input_ids.shape, hidden_states.dtype)
        if attention_mask is not None:
            attention_mask = _expand_mask(attention_mask, hidden_states.dtype)

        encoder_outputs = self.encoder(
            inputs_embeds=hidden_states,
            attention_mask=attention_mask,
            causal_attention_mask=causal_attention_mask,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=return_dict,
        )
        last_hidden_state = encoder_outputs[0]
        last_hidden_state = self.final_layer_norm(last_hidden_state)

        batch_indices = ops.arange(last_hidden_state.shape[0])
        if self.eos_token_id == 2:
            # The first published configurations say 2, though their end token is the highest id of the vocabulary.
            eos_positions = ops.argmax(input_ids.astype(mindspore.int32), dim=-1)
        else:
            # argmax of 0s and 1s is the first end token; padding may repeat it.
            eos_positions = ops.argmax((input_ids == self.eos_token_id).astype(mindspore.int32), dim=-1)
        pooled_output = last_hidden_state[batch_indices, eos_positions]

        if not return_dict:
            return (last_hidden_state, pooled_output) + encoder_outputs[1:]
        return BaseModelOutputWithPooling(
            last_hidden_state=last_hidden_state,
            pooler_output=pooled_output,
            hidden_states=encoder_outputs.hidden_states,
            attentions=encoder_outputs.attentions,
        )


class CLIPVisionTransformer(nn.Cell):
    """The image tower: patches, encoder, and the state of the class position."""

    def __init__(self, config: CLIPVisionConfig):
        super().__init__()
        self.config = config
        self.embeddings = CLIPVisionEmbeddings(config)
        # Spelled like this in the checkpoints.
        self.pre_layrnorm = LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.encoder = CLIPEncoder(config)
        self.post_layernorm = LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def construct(
        self,
        pixel_values: mindspore.Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> tuple[Any, ...] | BaseModelOutputWithPooling:
        output_attentions = output_attentions if output_attentions is not None else self.config.output_attentions
        output_hidden_states = (
            output_hidden_states if output_hidden_states is not None else self.config.output_hidden_states
        )
        return_dict = return_dict if return_dict is not None else self.config.use_return_dict

        if pixel_values is None:
            raise ValueError("pixel_values are missing")

        hidden_states = self.embeddings(pixel_values)
        hidden_states = self.pre_layrnorm(hidden_states)
        encoder_outputs = self.encoder(
            inputs_embeds=hidden_states,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=return_dict,
        )
        last_hidden_state = encoder_outputs[0]
        pooled_output = last_hidden_state[:, 0, :]
        pooled_output = self.post_layernorm(pooled_output)

        if not return_dict:
            return (last_hidden_state, pooled_output) + encoder_outputs[1:]
        return BaseModelOutputWithPooling(
            last_hidden_state=last_hidden_state,
            pooler_output=pooled_output,
            hidden_states=encoder_outputs.hidden_states,
            attentions=encoder_outputs.attentions,
        )


class CLIPPreTrainedModel(PreTrainedModel):
    """What all CLIP models share."""

    config_class = CLIPConfig
    base_model_prefix = "clip"
    supports_gradient_checkpointing = True
    _keys_allowed_missing = (r"^classifier\.", r"^text_projection\.", r"^visual_projection\.")

    def _init_weights(self, cell: nn.Cell) -> None:
        factor = self.config.initializer_factor
        if isinstance(cell, CLIPTextEmbeddings):
            normal_(cell.token_embedding.weight, 0.02 * factor)
            normal_(cell.position_embedding.weight, 0.02 * factor)
        elif isinstance(cell, CLIPVisionEmbeddings):
            factor = cell.config.initializer_factor
            normal_(cell.class_embedding, factor * cell.embed_dim**-0.5)
            normal_(cell.patch_embedding.weight, factor * cell.config.initializer_range)
            normal_(cell.position_embedding.weight, factor * cell.config.initializer_range)
        elif isinstance(cell, CLIPAttention):
            width = cell.embed_dim**-0.5 * cell.config.initializer_factor
            depth = (2 * cell.config.num_hidden_layers) ** -0.5
            for projection in (cell.q_proj, cell.k_proj, cell.v_proj):
                normal_(projection.weight, width * depth)
                constant_(projection.bias, 0.0)
            normal_(cell.out_proj.weight, width)
            constant_(cell.out_proj.bias, 0.0)
        elif isinstance(cell, CLIPMLP):
            factor = cell.config.initializer_factor
            depth = (2 * cell.config.num_hidden_layers) ** -0.5
            normal_(cell.fc1.weight, factor * (2 * cell.config.hidden_size) ** -0.5)
            normal_(cell.fc2.weight, factor * cell.config.hidden_size**-0.5 * depth)
            constant_(cell.fc1.bias, 0.0)
            constant_(cell.fc2.bias, 0.0)
        elif isinstance(cell, LayerNorm):
            constant_(cell.weight, 1.0)
            constant_(cell.bias, 0.0)
        elif isinstance(cell, nn.Dense):
            # The projections and the classifier; those inside a layer are drawn again by the cell that holds them.
            normal_(cell.weight, factor * cell.in_channels**-0.5)
            if cell.has_bias:
                constant_(cell.bias, 0.0)
        elif isinstance(cell, Embedding):
            normal_(cell.weight, 0.02 * factor)


class CLIPTextModel(CLIPPreTrainedModel):
    """The text tower alone."""

    config_class = CLIPTextConfig

    def __init__(self, config: CLIPTextConfig):
        super().__init__(config)
        self.text_model = CLIPTextTransformer(config)
        self.post_init()

    def get_input_embeddings(self) -> nn.Cell:
        return self.text_model.embeddings.token_embedding

    def set_input_embeddings(self, value: nn.Cell) -> None:
        self.text_model.embeddings.token_embedding = value
        self._name_parameters_by_path()

    def construct(
        self,
        input_ids: mindspore.Tensor | None = None,
        attention_mask: mindspore.Tensor | None = None,
        position_ids: mindspore.Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> tuple[Any, ...] | BaseModelOutputWithPooling:
        """Run the tower.

        Args:
            input_ids: (batch, length) token ids.
            attention_mask: (batch, length), 1 where to attend.
            position_ids: (batch, length).
            output_attentions: whether to return attention weights.
            output_hidden_states: whether to return the hidden states of all layers.
            return_dict: whether to return a `ModelOutput` or a tuple.
        """
        return_dict = return_dict if return_dict is not None else self.config.use_return_dict
        return self.text_model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=return_dict,
        )


class CLIPVisionModel(CLIPPreTrainedModel):
    """The image tower alone."""

    config_class = CLIPVisionConfig

    def __init__(self, config: CLIPVisionConfig):
        super().__init__(config)
        self.vision_model = CLIPVisionTransformer(config)
        self.post_init()

    def get_input_embeddings(self) -> nn.Cell:
        return self.vision_model.embeddings.patch_embedding

    def construct(
        self,
        pixel_values: mindspore.Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> tuple[Any, ...] | BaseModelOutputWithPooling:
        """Run the tower.

        Args:
            pixel_values: (batch, channels, height, width), normalised.
            output_attentions: whether to return attention weights.
            output_hidden_states: whether to return the hidden states of all layers.
            return_dict: whether to return a `ModelOutput` or a tuple.
        """
        return_dict = return_dict if return_dict is not None else self.config.use_return_dict
        return self.vision_model(
            pixel_values=pixel_values,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=return_dict,
        )


class CLIPModel(CLIPPreTrainedModel):
    """Both towers, their projections into one space, and the similarities there."""

    def __init__(self, config: CLIPConfig):
        super().__init__(config)
        text_config = config.text_config
        vision_config = config.vision_config
        self.projection_dim = config.projection_dim
        self.text_embed_dim = text_config.hidden_size
        self.vision_embed_dim = vision_config.hidden_size

        self.text_model = CLIPTextTransformer(text_config)
        self.vision_model = CLIPVisionTransformer(vision_config)
        self.visual_projection = nn.Dense(self.vision_embed_dim, self.projection_dim, has_bias=False)
        self.text_projection = nn.Dense(self.text_embed_dim, self.projection_dim, has_bias=False)
        self.logit_scale = Parameter(Tensor(config.logit_scale_init_value, mindspore.float32))
        self.post_init()

    def get_input_embeddings(self) -> nn.Cell:
        return self.text_model.embeddings.token_embedding

    def set_input_embeddings(self, value: nn.Cell) -> None:
        self.text_model.embeddings.token_embedding = value
        self._name_parameters_by_path()

    def _set_vocab_size(self, size: int) -> None:
        self.config.text_config.vocab_size = size

    def get_text_features(
        self,
        input_ids: mindspore.Tensor | None = None,
        attention_mask: mindspore.Tensor | None = None,
        position_ids: mindspore.Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> mindspore.Tensor:
        """Texts in the common space, (batch, projection); not normalised."""
        output_attentions = output_attentions if output_attentions is not None else self.config.output_attentions
        output_hidden_states = (
            output_hidden_states if output_hidden_states is not None else self.config.output_hidden_states
        )
        return_dict = return_dict if return_dict is not None else self.config.use_return_dict
        text_outputs = self.text_model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=return_dict,
        )
        pooled_output = text_outputs[1]
        return self.text_projection(pooled_output)

    def get_image_features(
        self,
        pixel_values: mindspore.Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> mindspore.Tensor:
        """Images in the common space, (batch, projection); not normalised."""
        output_attentions = output_attentions if output_attentions is not None else self.config.output_attentions
        output_hidden_states = (
            output_hidden_states if output_hidden_states is not None else self.config.output_hidden_states
        )
        return_dict = return_dict if return_dict is not None else self.config.use_return_dict
        vision_outputs = self.vision_model(
            pixel_values=pixel_values,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=return_dict,
        )
        pooled_output = vision_outputs[1]
        return self.visual_projection(pooled_output)

    def construct(
        self,
        input_ids: mindspore.Tensor | None = None,
        pixel_values: mindspore.Tensor | None = None,
        attention_mask: mindspore.Tensor | None = None,
        position_ids: mindspore.Tensor | None = None,
        return_loss: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> tuple[Any, ...] | CLIPOutput:
        """Compare texts with images.

        Args:
            input_ids: (texts, length) token ids.
            pixel_values: (images, channels, height, width), normalised.
            attention_mask: (texts, length), 1 where to attend.
            position_ids: (texts, length).
            return_loss: whether to return the contrastive loss; needs as many texts as images.
            output_attentions: whether to return attention weights.
            output_hidden_states: whether to return the hidden states of all layers.
            return_dict: whether to return a `ModelOutput` or a tuple.
        """
        output_attentions = output_attentions if output_attentions is not None else self.config.output_attentions
        output_hidden_states = (
            output_hidden_states if output_hidden_states is not None else self.config.output_hidden_states
        )
        return_dict = return_dict if return_dict is not None else self.config.use_return_dict

        vision_outputs = self.vision_model(
            pixel_values=pixel_values,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=return_dict,
        )
        text_outputs = self.text_model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=return_dict,
        )
        image_embeds = self.visual_projection(vision_outputs[1])
        text_embeds = self.text_projection(text_outputs[1])

        # Unit length, so that a product is a cosine.
        image_embeds = image_embeds / ops.norm(image_embeds, dim=-1, keepdim=True)
        text_embeds = text_embeds / ops.norm(text_embeds, dim=-1, keepdim=True)

        logit_scale = self.logit_scale.exp()
        logits_per_text = ops.matmul(text_embeds, image_embeds.t()) * logit_scale
        logits_per_image = logits_per_text.t()

        loss = None
        if return_loss:
            loss = clip_loss(logits_per_text)

        if not return_dict:
            output = (logits_per_image, logits_per_text, text_embeds, image_embeds, text_outputs, vision_outputs)
            return ((loss,) + output) if loss is not None else output
        return CLIPOutput(
            loss=loss,
            logits_per_image=logits_per_image,
            logits_per_text=logits_per_text,
            text_embeds=text_embeds,
            image_embeds=image_embeds,
            text_model_output=text_outputs,
            vision_model_output=vision_outputs,
        )


class CLIPTextModelWithProjection(CLIPPreTrainedModel):
    """The text tower with its projection into the common space."""

    config_class = CLIPTextConfig

    def __init__(self, config: CLIPTextConfig):
        super().__init__(config)
        self.text_model = CLIPTextTransformer(config)
        self.text_projection = nn.Dense(config.hidden_size, config.projection_dim, has_bias=False)
        self.post_init()

    def get_input_embeddings(self) -> nn.Cell:
        return self.text_model.embeddings.token_embedding

    def set_input_embeddings(self, value: nn.Cell) -> None:
        self.text_model.embeddings.token_embedding = value
        self._name_parameters_by_path()

    def construct(
        self,
        input_ids: mindspore.Tensor | None = None,
        attention_mask: mindspore.Tensor | None = None,
        position_ids: mindspore.Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> tuple[Any, ...] | CLIPTextModelOutput:
        """As `CLIPTextModel`."""
        return_dict = return_dict if return_dict is not None else self.config.use_return_dict
        text_outputs = self.text_model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=position_ids,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=return_dict,
        )
        pooled_output = text_outputs[1]
        text_embeds = self.text_projection(pooled_output)

        if not return_dict:
            return (text_embeds, text_outputs[0]) + text_outputs[2:]
        return CLIPTextModelOutput(
            text_embeds=text_embeds,
            last_hidden_state=text_outputs.last_hidden_state,
            hidden_states=text_outputs.hidden_states,
            attentions=text_outputs.attentions,
        )


class CLIPVisionModelWithProjection(CLIPPreTrainedModel):
    """The image tower with its projection into the common space."""

    config_class = CLIPVisionConfig

    def __init__(self, config: CLIPVisionConfig):
        super().__init__(config)
        self.vision_model = CLIPVisionTransformer(config)
        self.visual_projection = nn.Dense(config.hidden_size, config.projection_dim, has_bias=False)
        self.post_init()

    def get_input_embeddings(self) -> nn.Cell:
        return self.vision_model.embeddings.patch_embedding

    def construct(
        self,
        pixel_values: mindspore.Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> tuple[Any, ...] | CLIPVisionModelOutput:
        """As `CLIPVisionModel`."""
        return_dict = return_dict if return_dict is not None else self.config.use_return_dict
        vision_outputs = self.vision_model(
            pixel_values=pixel_values,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=return_dict,
        )
        pooled_output = vision_outputs[1]
        image_embeds = self.visual_projection(pooled_output)

        if not return_dict:
            return (image_embeds, vision_outputs[0]) + vision_outputs[2:]
        return CLIPVisionModelOutput(
            image_embeds=image_embeds,
            last_hidden_state=vision_outputs.last_hidden_state,
            hidden_states=vision_outputs.hidden_states,
            attentions=vision_outputs.attentions,
        )


class CLIPForImageClassification(CLIPPreTrainedModel):
    """The image tower with a classifier on the mean of its patches."""

    def __init__(self, config: CLIPConfig):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.vision_model = CLIPVisionTransformer(config.vision_config)
        if config.num_labels > 0:
            self.classifier = nn.Dense(config.vision_config.hidden_size, config.num_labels)
        else:
            self.classifier = nn.Identity()
        self.post_init()

    def construct(
        self,
        pixel_values: mindspore.Tensor | None = None,
        labels: mindspore.Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> tuple[Any, ...] | ImageClassifierOutput:
        """As `CLIPVisionModel`; `labels` (batch,) classes or numbers, or (batch, labels) of 0.0 and 1.0.

        The first call with labels settles `config.problem_type` from their dtype where it is not set.
        """
        output_attentions = output_attentions if output_attentions is not None else self.config.output_attentions
        output_hidden_states = (
            output_hidden_states if output_hidden_states is not None else self.config.output_hidden_states
        )
        return_dict = return_dict if return_dict is not None else self.config.use_return_dict

        outputs = self.vision_model(
            pixel_values=pixel_values,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=return_dict,
        )
        sequence_output = outputs[0]
        # The class position is not part of the mean.
        sequence_output = ops.mean(sequence_output[:, 1:, :], axis=1)
        logits = self.classifier(sequence_output)

        loss = None
        if labels is not None:
            if self.config.problem_type is None:
                if self.num_labels == 1:
                    self.config.problem_type = "regression"
                elif self.num_labels > 1 and labels.dtype in (mindspore.int64, mindspore.int32):
                    self.config.problem_type = "single_label_classification"
                else:
                    self.config.problem_type = "multi_label_classification"

            if self.config.problem_type == "regression":
                if self.num_labels == 1:
                    loss = ops.mse_loss(logits.squeeze(), labels.squeeze())
                else:
                    loss = ops.mse_loss(logits, labels)
            elif self.config.problem_type == "single_label_classification":
                loss = ops.cross_entropy(logits.view(-1, self.num_labels), labels.view(-1))
            elif self.config.problem_type == "multi_label_classification":
                loss = ops.binary_cross_entropy_with_logits(logits, labels)

        if not return_dict:
            output = (logits,) + outputs[2:]
            return ((loss,) + output) if loss is not None else output
        return ImageClassifierOutput(
            loss=loss,
            logits=logits,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )


__all__ = [
    "CLIPForImageClassification",
    "CLIPModel",
    "CLIPPreTrainedModel",
    "CLIPTextModel",
    "CLIPTextModelWithProjection",
    "CLIPVisionModel",
    "CLIPVisionModelWithProjection",
]
