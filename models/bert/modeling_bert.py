"""BERT: encoder, decoder with cross-attention and cache, and the task heads."""

# Written as such files are in the HuggingFace world; the rewriter's examples and tests start from here.
# ruff: noqa: RUF005, SIM102, SIM108
# mypy: disable-error-code="assignment, operator, union-attr"

import logging
import math
import warnings
from dataclasses import dataclass
from typing import Any

import mindspore
from mindspore import Parameter, nn, ops

from ..common.activations import ACT2FN
from ..common.layers import Embedding, LayerNorm
from ..common.modeling_outputs import (
    BaseModelOutputWithPastAndCrossAttentions,
    BaseModelOutputWithPoolingAndCrossAttentions,
    CausalLMOutputWithCrossAttentions,
    MaskedLMOutput,
    ModelOutput,
    MultipleChoiceModelOutput,
    NextSentencePredictorOutput,
    QuestionAnsweringModelOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)
from ..common.modeling_utils import (
    PreTrainedModel,
    apply_chunking_to_forward,
    constant_,
    find_pruneable_heads_and_indices,
    normal_,
    prune_linear_layer,
)
from .configuration_bert import BertConfig

logger = logging.getLogger(__name__)


class BertEmbeddings(nn.Cell):
    """The sum of word, position and token type embeddings, normalised."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.word_embeddings = Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.position_embeddings = Embedding(config.max_position_embeddings, config.hidden_size)
        self.token_type_embeddings = Embedding(config.type_vocab_size, config.hidden_size)
        self.LayerNorm = LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(p=config.hidden_dropout_prob)
        self.position_embedding_type = config.position_embedding_type
        self.position_ids = ops.arange(config.max_position_embeddings).reshape((1, -1))
        self.token_type_ids = ops.zeros((1, config.max_position_embeddings), dtype=mindspore.int64)

    def construct(
        self,
        input_ids: mindspore.Tensor | None = None,
        token_type_ids: mindspore.Tensor | None = None,
        position_ids: mindspore.Tensor | None = None,
        inputs_embeds: mindspore.Tensor | None = None,
        past_key_values_length: int = 0,
    ) -> mindspore.Tensor:
        if input_ids is not None:
            input_shape = input_ids.shape
        else:
            input_shape = inputs_embeds.shape[:-1]
        seq_length = input_shape[1]

        if position_ids is None:
            position_ids = ops.narrow(self.position_ids, 1, past_key_values_length, seq_length)

        if token_type_ids is None:
            token_type_ids = ops.zeros(input_shape, dtype=mindspore.int64)

        if inputs_embeds is None:
            inputs_embeds = self.word_embeddings(input_ids)
        embeddings = inputs_embeds + self.token_type_embeddings(token_type_ids)
        if self.position_embedding_type == "absolute":
            embeddings = embeddings + self.position_embeddings(position_ids)
        embeddings = self.LayerNorm(embeddings)
        return self.dropout(embeddings)


class BertSelfAttention(nn.Cell):
    """Multi-head attention of a sequence to itself, or to an encoder's output."""

    def __init__(self, config: BertConfig, position_embedding_type: str | None = None):
        super().__init__()
        if config.hidden_size % config.num_attention_heads != 0:
            raise ValueError(
                f"hidden_size ({config.hidden_size}) is not a multiple of "
                f"num_attention_heads ({config.num_attention_heads})"
            )
        self.num_attention_heads = config.num_attention_heads
        self.attention_head_size = config.hidden_size // config.num_attention_heads
        self.all_head_size = self.num_attention_heads * self.attention_head_size

        self.query = nn.Dense(config.hidden_size, self.all_head_size)
        self.key = nn.Dense(config.hidden_size, self.all_head_size)
        self.value = nn.Dense(config.hidden_size, self.all_head_size)
        self.dropout = nn.Dropout(p=config.attention_probs_dropout_prob)

        self.position_embedding_type = position_embedding_type or config.position_embedding_type
        if self.position_embedding_type in ("relative_key", "relative_key_query"):
            self.max_position_embeddings = config.max_position_embeddings
            self.distance_embedding = Embedding(2 * config.max_position_embeddings - 1, self.attention_head_size)
        self.is_decoder = config.is_decoder

    def transpose_for_scores(self, x: mindspore.Tensor) -> mindspore.Tensor:
        """(batch, length, features) to (batch, heads, length, head size)."""
        x = x.view(x.shape[:-1] + (self.num_attention_heads, self.attention_head_size))
        return x.permute(0, 2, 1, 3)

    def construct(
        self,
        hidden_states: mindspore.Tensor,
        attention_mask: mindspore.Tensor | None = None,
        head_mask: mindspore.Tensor | None = None,
        encoder_hidden_states: mindspore.Tensor | None = None,
        encoder_attention_mask: mindspore.Tensor | None = None,
        past_key_value: tuple[mindspore.Tensor, ...] | None = None,
        output_attentions: bool = False,
    ) -> tuple[Any, ...]:
        query_layer = self.transpose_for_scores(self.query(hidden_states))

        is_cross_attention = encoder_hidden_states is not None
        if is_cross_attention:
            attention_mask = encoder_attention_mask

        if is_cross_attention and past_key_value is not None:
            # The encoder's keys and values do not change from step to step.
            key_layer, value_layer = past_key_value[0], past_key_value[1]
        else:
            attended_states = encoder_hidden_states if is_cross_attention else hidden_states
            key_layer = self.transpose_for_scores(self.key(attended_states))
            value_layer = self.transpose_for_scores(self.value(attended_states))
            if past_key_value is not None:
                key_layer = ops.cat((past_key_value[0], key_layer), axis=2)
                value_layer = ops.cat((past_key_value[1], value_layer), axis=2)

        if self.is_decoder:
            past_key_value = (key_layer, value_layer)

        attention_scores = ops.matmul(query_layer, key_layer.swapaxes(-1, -2))

        if self.position_embedding_type == "relative_key" or self.position_embedding_type == "relative_key_query":
            query_length, key_length = query_layer.shape[2], key_layer.shape[2]
            # With a cache the queries are the last positions of the keys.
            query_positions = ops.arange(key_length - query_length, key_length).view(-1, 1)
            key_positions = ops.arange(key_length).view(1, -1)
            distance = query_positions - key_positions
            positional_embedding = self.distance_embedding(distance + self.max_position_embeddings - 1)
            positional_embedding = positional_embedding.astype(query_layer.dtype)

            relative_scores_query = ops.einsum("bhld,lrd->bhlr", query_layer, positional_embedding)
            attention_scores = attention_scores + relative_scores_query
            if self.position_embedding_type == "relative_key_query":
                relative_scores_key = ops.einsum("bhrd,lrd->bhlr", key_layer, positional_embedding)
                attention_scores = attention_scores + relative_scores_key

        attention_scores = attention_scores / math.sqrt(self.attention_head_size)
        if attention_mask is not None:
            attention_scores = attention_scores + attention_mask

        attention_probs = ops.softmax(attention_scores, axis=-1)
        attention_probs = self.dropout(attention_probs)
        if head_mask is not None:
            attention_probs = attention_probs * head_mask

        context_layer = ops.matmul(attention_probs, value_layer)
        context_layer = context_layer.permute(0, 2, 1, 3)
        context_layer = context_layer.view(context_layer.shape[:-2] + (self.all_head_size,))

        outputs = (context_layer, attention_probs) if output_attentions else (context_layer,)
        if self.is_decoder:
            outputs = outputs + (past_key_value,)
        return outputs


class BertSelfOutput(nn.Cell):
    """What follows attention: projection, dropout, residual and norm."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.dense = nn.Dense(config.hidden_size, config.hidden_size)
        self.LayerNorm = LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(p=config.hidden_dropout_prob)

    def construct(self, hidden_states: mindspore.Tensor, input_tensor: mindspore.Tensor) -> mindspore.Tensor:
        hidden_states = self.dense(hidden_states)
        hidden_states = self.dropout(hidden_states)
        return self.LayerNorm(hidden_states + input_tensor)


class BertAttention(nn.Cell):
    """Attention with its output block; heads can be removed."""

    def __init__(self, config: BertConfig, position_embedding_type: str | None = None):
        super().__init__()
        self.self = BertSelfAttention(config, position_embedding_type=position_embedding_type)
        self.output = BertSelfOutput(config)
        self.pruned_heads: set[int] = set()

    def prune_heads(self, heads) -> None:
        """Remove heads, numbered as before any pruning."""
        if len(heads) == 0:
            return
        heads, index = find_pruneable_heads_and_indices(
            heads, self.self.num_attention_heads, self.self.attention_head_size, self.pruned_heads
        )
        prune_linear_layer(self.self.query, index)
        prune_linear_layer(self.self.key, index)
        prune_linear_layer(self.self.value, index)
        prune_linear_layer(self.output.dense, index, axis=1)
        self.self.num_attention_heads = self.self.num_attention_heads - len(heads)
        self.self.all_head_size = self.self.attention_head_size * self.self.num_attention_heads
        self.pruned_heads = self.pruned_heads | heads

    def construct(
        self,
        hidden_states: mindspore.Tensor,
        attention_mask: mindspore.Tensor | None = None,
        head_mask: mindspore.Tensor | None = None,
        encoder_hidden_states: mindspore.Tensor | None = None,
        encoder_attention_mask: mindspore.Tensor | None = None,
        past_key_value: tuple[mindspore.Tensor, ...] | None = None,
        output_attentions: bool = False,
    ) -> tuple[Any, ...]:
        self_outputs = self.self(
            hidden_states,
            attention_mask,
            head_mask,
            encoder_hidden_states,
            encoder_attention_mask,
            past_key_value,
            output_attentions,
        )
        attention_output = self.output(self_outputs[0], hidden_states)
        return (attention_output,) + self_outputs[1:]


class BertIntermediate(nn.Cell):
    """First half of the feed-forward block."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.dense = nn.Dense(config.hidden_size, config.intermediate_size)
        if isinstance(config.hidden_act, str):
            self.intermediate_act_fn = ACT2FN[config.hidden_act]
        else:
            self.intermediate_act_fn = config.hidden_act

    def construct(self, hidden_states: mindspore.Tensor) -> mindspore.Tensor:
        hidden_states = self.dense(hidden_states)
        return self.intermediate_act_fn(hidden_states)


class BertOutput(nn.Cell):
    """Second half of the feed-forward block, with residual and norm."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.dense = nn.Dense(config.intermediate_size, config.hidden_size)
        self.LayerNorm = LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(p=config.hidden_dropout_prob)

    def construct(self, hidden_states: mindspore.Tensor, input_tensor: mindspore.Tensor) -> mindspore.Tensor:
        hidden_states = self.dense(hidden_states)
        hidden_states = self.dropout(hidden_states)
        return self.LayerNorm(hidden_states + input_tensor)


class BertLayer(nn.Cell):
    """One layer: self-attention, cross-attention in a decoder that has it, feed-forward."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.chunk_size_feed_forward = config.chunk_size_feed_forward
        self.seq_len_dim = 1
        self.attention = BertAttention(config)
        self.is_decoder = config.is_decoder
        self.add_cross_attention = config.add_cross_attention
        if self.add_cross_attention:
            if not self.is_decoder:
                raise ValueError("add_cross_attention needs a decoder: set is_decoder=True in the configuration")
            self.crossattention = BertAttention(config, position_embedding_type="absolute")
        self.intermediate = BertIntermediate(config)
        self.output = BertOutput(config)

    def construct(
        self,
        hidden_states: mindspore.Tensor,
        attention_mask: mindspore.Tensor | None = None,
        head_mask: mindspore.Tensor | None = None,
        encoder_hidden_states: mindspore.Tensor | None = None,
        encoder_attention_mask: mindspore.Tensor | None = None,
        past_key_value: tuple[mindspore.Tensor, ...] | None = None,
        output_attentions: bool = False,
    ) -> tuple[Any, ...]:
        # A layer's cache is (key, value), followed by the cross-attention's (key, value) where there is one.
        self_attn_past_key_value = past_key_value[:2] if past_key_value is not None else None
        self_attention_outputs = self.attention(
            hidden_states,
            attention_mask,
            head_mask,
            past_key_value=self_attn_past_key_value,
            output_attentions=output_attentions,
        )
        attention_output = self_attention_outputs[0]

        if self.is_decoder:
            outputs = self_attention_outputs[1:-1]
            present_key_value = self_attention_outputs[-1]
        else:
            outputs = self_attention_outputs[1:]

        if self.is_decoder and encoder_hidden_states is not None:
            if not hasattr(self, "crossattention"):
                raise ValueError(
                    "encoder_hidden_states were given to a layer without cross-attention: "
                    "set add_cross_attention=True in the configuration"
                )
            cross_attn_past_key_value = past_key_value[-2:] if past_key_value is not None else None
            cross_attention_outputs = self.crossattention(
                attention_output,
                attention_mask,
                head_mask,
                encoder_hidden_states,
                encoder_attention_mask,
                cross_attn_past_key_value,
                output_attentions,
            )
            attention_output = cross_attention_outputs[0]
            outputs = outputs + cross_attention_outputs[1:-1]
            present_key_value = present_key_value + cross_attention_outputs[-1]

        layer_output = apply_chunking_to_forward(
            self.feed_forward_chunk, self.chunk_size_feed_forward, self.seq_len_dim, attention_output
        )
        outputs = (layer_output,) + outputs
        if self.is_decoder:
            outputs = outputs + (present_key_value,)
        return outputs

    def feed_forward_chunk(self, attention_output: mindspore.Tensor) -> mindspore.Tensor:
        """The feed-forward block on some positions."""
        intermediate_output = self.intermediate(attention_output)
        return self.output(intermediate_output, attention_output)


class BertEncoder(nn.Cell):
    """The stack of layers."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.config = config
        self.layer = nn.CellList([BertLayer(config) for _ in range(config.num_hidden_layers)])
        self.gradient_checkpointing = False

    def construct(
        self,
        hidden_states: mindspore.Tensor,
        attention_mask: mindspore.Tensor | None = None,
        head_mask: mindspore.Tensor | None = None,
        encoder_hidden_states: mindspore.Tensor | None = None,
        encoder_attention_mask: mindspore.Tensor | None = None,
        past_key_values: tuple[tuple[mindspore.Tensor, ...], ...] | None = None,
        use_cache: bool | None = None,
        output_attentions: bool = False,
        output_hidden_states: bool = False,
        return_dict: bool = True,
    ) -> tuple[Any, ...] | BaseModelOutputWithPastAndCrossAttentions:
        all_hidden_states = () if output_hidden_states else None
        all_self_attentions = () if output_attentions else None
        all_cross_attentions = () if output_attentions and self.config.add_cross_attention else None

        if self.gradient_checkpointing and self.training:
            if use_cache:
                logger.warning("no cache is kept while gradients are checkpointed: use_cache is set to False")
                use_cache = False

        next_decoder_cache = () if use_cache else None
        for i, layer_module in enumerate(self.layer):
            if output_hidden_states:
                all_hidden_states = all_hidden_states + (hidden_states,)

            layer_head_mask = head_mask[i] if head_mask is not None else None
            past_key_value = past_key_values[i] if past_key_values is not None else None

            if self.gradient_checkpointing and self.training:
                layer_outputs = mindspore.recompute(
                    layer_module,
                    hidden_states,
                    attention_mask,
                    layer_head_mask,
                    encoder_hidden_states,
                    encoder_attention_mask,
                    past_key_value,
                    output_attentions,
                )
            else:
                layer_outputs = layer_module(
                    hidden_states,
                    attention_mask,
                    layer_head_mask,
                    encoder_hidden_states,
                    encoder_attention_mask,
                    past_key_value,
                    output_attentions,
                )

            hidden_states = layer_outputs[0]
            if use_cache:
                next_decoder_cache += (layer_outputs[-1],)
            if output_attentions:
                all_self_attentions = all_self_attentions + (layer_outputs[1],)
                if self.config.add_cross_attention and encoder_hidden_states is not None:
                    all_cross_attentions = all_cross_attentions + (layer_outputs[2],)

        if output_hidden_states:
            all_hidden_states = all_hidden_states + (hidden_states,)

        if not return_dict:
            return tuple(
                v
                for v in [
                    hidden_states,
                    next_decoder_cache,
                    all_hidden_states,
                    all_self_attentions,
                    all_cross_attentions,
                ]
                if v is not None
            )
        return BaseModelOutputWithPastAndCrossAttentions(
            last_hidden_state=hidden_states,
            past_key_values=next_decoder_cache,
            hidden_states=all_hidden_states,
            attentions=all_self_attentions,
            cross_attentions=all_cross_attentions,
        )


class BertPooler(nn.Cell):
    """The first position, through a dense layer and tanh."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.dense = nn.Dense(config.hidden_size, config.hidden_size)
        self.activation = ACT2FN["tanh"]

    def construct(self, hidden_states: mindspore.Tensor) -> mindspore.Tensor:
        first_token_tensor = hidden_states[:, 0]
        pooled_output = self.dense(first_token_tensor)
        return self.activation(pooled_output)


class BertPredictionHeadTransform(nn.Cell):
    """What the language modeling head does before it maps to the vocabulary."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.dense = nn.Dense(config.hidden_size, config.hidden_size)
        if isinstance(config.hidden_act, str):
            self.transform_act_fn = ACT2FN[config.hidden_act]
        else:
            self.transform_act_fn = config.hidden_act
        self.LayerNorm = LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def construct(self, hidden_states: mindspore.Tensor) -> mindspore.Tensor:
        hidden_states = self.dense(hidden_states)
        hidden_states = self.transform_act_fn(hidden_states)
        return self.LayerNorm(hidden_states)


class BertLMPredictionHead(nn.Cell):
    """Scores over the vocabulary. The decoder's weight is the word embedding, its bias is this cell's."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.transform = BertPredictionHeadTransform(config)
        self.decoder = nn.Dense(config.hidden_size, config.vocab_size)
        self.bias = Parameter(ops.zeros((config.vocab_size,), dtype=mindspore.float32), name="bias")
        self.decoder.bias = self.bias

    def set_decoder(self, decoder: nn.Dense) -> None:
        """Replace the decoder; its bias becomes this cell's, or this cell's stays where it has none."""
        if decoder.has_bias:
            self.bias = decoder.bias
        self.decoder = decoder

    def construct(self, hidden_states: mindspore.Tensor) -> mindspore.Tensor:
        hidden_states = self.transform(hidden_states)
        return self.decoder(hidden_states)


class BertOnlyMLMHead(nn.Cell):
    """Language modeling head."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.predictions = BertLMPredictionHead(config)

    def construct(self, sequence_output: mindspore.Tensor) -> mindspore.Tensor:
        return self.predictions(sequence_output)


class BertOnlyNSPHead(nn.Cell):
    """Next sentence head."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.seq_relationship = nn.Dense(config.hidden_size, 2)

    def construct(self, pooled_output: mindspore.Tensor) -> mindspore.Tensor:
        return self.seq_relationship(pooled_output)


class BertPreTrainingHeads(nn.Cell):
    """Language modeling and next sentence heads together."""

    def __init__(self, config: BertConfig):
        super().__init__()
        self.predictions = BertLMPredictionHead(config)
        self.seq_relationship = nn.Dense(config.hidden_size, 2)

    def construct(
        self, sequence_output: mindspore.Tensor, pooled_output: mindspore.Tensor
    ) -> tuple[mindspore.Tensor, mindspore.Tensor]:
        prediction_scores = self.predictions(sequence_output)
        seq_relationship_score = self.seq_relationship(pooled_output)
        return prediction_scores, seq_relationship_score


class BertPreTrainedModel(PreTrainedModel):
    """What all BERT models share."""

    config_class = BertConfig
    base_model_prefix = "bert"
    supports_gradient_checkpointing = True
    _keys_allowed_missing = (
        r"^(cls|classifier|qa_outputs)\.",
        r"(^|\.)pooler\.",
        r"\.crossattention\.",
        r"\.distance_embedding\.",
    )

    def _init_weights(self, cell: nn.Cell) -> None:
        if isinstance(cell, nn.Dense):
            normal_(cell.weight, self.config.initializer_range)
            if cell.has_bias:
                constant_(cell.bias, 0.0)
        elif isinstance(cell, Embedding):
            normal_(cell.weight, self.config.initializer_range)
            if cell.padding_idx is not None:
                cell.weight[cell.padding_idx] = 0.0
        elif isinstance(cell, LayerNorm):
            constant_(cell.weight, 1.0)
            constant_(cell.bias, 0.0)


@dataclass
class BertForPreTrainingOutput(ModelOutput):
    """Outputs of `BertForPreTraining`: the loss is the sum of both tasks' losses."""

    loss: mindspore.Tensor | None = None
    prediction_logits: mindspore.Tensor | None = None
    seq_relationship_logits: mindspore.Tensor | None = None
    hidden_states: tuple[mindspore.Tensor, ...] | None = None
    attentions: tuple[mindspore.Tensor, ...] | None = None


class BertModel(BertPreTrainedModel):
    """BERT without a head: an encoder, or a decoder with `is_decoder`, with cross-attention if configured.

    Args:
        config: sizes and switches.
        add_pooling_layer: whether to make the pooler, which only some heads need.
    """

    def __init__(self, config: BertConfig, add_pooling_layer: bool = True):
        super().__init__(config)
        self.embeddings = BertEmbeddings(config)
        self.encoder = BertEncoder(config)
        self.pooler = BertPooler(config) if add_pooling_layer else None
        self.post_init()

    def get_input_embeddings(self) -> nn.Cell:
        return self.embeddings.word_embeddings

    def set_input_embeddings(self, value: nn.Cell) -> None:
        self.embeddings.word_embeddings = value
        self._name_parameters_by_path()

    def _prune_heads(self, heads_to_prune) -> None:
        for layer, heads in heads_to_prune.items():
            self.encoder.layer[layer].attention.prune_heads(heads)

    def construct(
        self,
        input_ids: mindspore.Tensor | None = None,
        attention_mask: mindspore.Tensor | None = None,
        token_type_ids: mindspore.Tensor | None = None,
        position_ids: mindspore.Tensor | None = None,
        head_mask: mindspore.Tensor | None = None,
        inputs_embeds: mindspore.Tensor | None = None,
        encoder_hidden_states: mindspore.Tensor | None = None,
        encoder_attention_mask: mindspore.Tensor | None = None,
        past_key_values: tuple[tuple[mindspore.Tensor, ...], ...] | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> tuple[Any, ...] | BaseModelOutputWithPoolingAndCrossAttentions:
        """Run the model.

        Args:
            input_ids: (batch, length) token ids; this or `inputs_embeds`.
            attention_mask: (batch, past + length) or (batch, length, past + length), 1 where to attend.
            token_type_ids: (batch, length), 0 or 1.
            position_ids: (batch, length).
            head_mask: (heads,) or (layers, heads), 0 to silence a head.
            inputs_embeds: (batch, length, hidden), in the place of the word embeddings.
            encoder_hidden_states: (batch, encoder length, hidden), for cross-attention.
            encoder_attention_mask: (batch, encoder length), 1 where to attend.
            past_key_values: the cache that an earlier call returned.
            use_cache: whether to return a cache (decoder only).
            output_attentions: whether to return attention weights.
            output_hidden_states: whether to return the hidden states of all layers.
            return_dict: whether to return a `ModelOutput` or a tuple.
        """
        output_attentions = output_attentions if output_attentions is not None else self.config.output_attentions
        output_hidden_states = (
            output_hidden_states if output_hidden_states is not None else self.config.output_hidden_states
        )
        return_dict = return_dict if return_dict is not None else self.config.use_return_dict

        if self.config.is_decoder:
            use_cache = use_cache if use_cache is not None else self.config.use_cache
        else:
            use_cache = False

        if input_ids is not None and inputs_embeds is not None:
            raise ValueError("give either input_ids or inputs_embeds, not both")
        if input_ids is not None:
            self.warn_if_padding_and_no_attention_mask(input_ids, attention_mask)
            input_shape = input_ids.shape
        elif inputs_embeds is not None:
            input_shape = inputs_embeds.shape[:-1]
        else:
            raise ValueError("give either input_ids or inputs_embeds")

        batch_size, seq_length = input_shape
        past_key_values_length = past_key_values[0][0].shape[2] if past_key_values is not None else 0

        if attention_mask is None:
            attention_mask = ops.ones((batch_size, seq_length + past_key_values_length), dtype=mindspore.float32)
        if token_type_ids is None:
            token_type_ids = self.embeddings.token_type_ids[:, :seq_length]
            token_type_ids = ops.broadcast_to(token_type_ids, (batch_size, seq_length))

        extended_attention_mask = self.get_extended_attention_mask(attention_mask, input_shape)

        if self.config.is_decoder and encoder_hidden_states is not None:
            if encoder_attention_mask is None:
                encoder_hidden_shape = encoder_hidden_states.shape[:-1]
                encoder_attention_mask = ops.ones(encoder_hidden_shape, dtype=mindspore.float32)
            encoder_extended_attention_mask = self.invert_attention_mask(encoder_attention_mask)
        else:
            encoder_extended_attention_mask = None

        head_mask = self.get_head_mask(head_mask, self.config.num_hidden_layers)

        embedding_output = self.embeddings(
            input_ids=input_ids,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            inputs_embeds=inputs_embeds,
            past_key_values_length=past_key_values_length,
        )
        encoder_outputs = self.encoder(
            embedding_output,
            attention_mask=extended_attention_mask,
            head_mask=head_mask,
            encoder_hidden_states=encoder_hidden_states,
            encoder_attention_mask=encoder_extended_attention_mask,
            past_key_values=past_key_values,
            use_cache=use_cache,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=return_dict,
        )
        sequence_output = encoder_outputs[0]
        pooled_output = self.pooler(sequence_output) if self.pooler is not None else None

        if not return_dict:
            return (sequence_output, pooled_output) + encoder_outputs[1:]
        return BaseModelOutputWithPoolingAndCrossAttentions(
            last_hidden_state=sequence_output,
            pooler_output=pooled_output,
            past_key_values=encoder_outputs.past_key_values,
            hidden_states=encoder_outputs.hidden_states,
            attentions=encoder_outputs.attentions,
            cross_attentions=encoder_outputs.cross_attentions,
        )


class BertForPreTraining(BertPreTrainedModel):
    """BERT with the two heads that it is pre-trained with."""

    def __init__(self, config: BertConfig):
        super().__init__(config)
        self.bert = BertModel(config)
        self.cls = BertPreTrainingHeads(config)
        self.post_init()

    def get_output_embeddings(self) -> nn.Dense:
        return self.cls.predictions.decoder

    def set_output_embeddings(self, new_embeddings: nn.Dense) -> None:
        self.cls.predictions.set_decoder(new_embeddings)
        self._name_parameters_by_path()

    def construct(
        self,
        input_ids: mindspore.Tensor | None = None,
        attention_mask: mindspore.Tensor | None = None,
        token_type_ids: mindspore.Tensor | None = None,
        position_ids: mindspore.Tensor | None = None,
        head_mask: mindspore.Tensor | None = None,
        inputs_embeds: mindspore.Tensor | None = None,
        labels: mindspore.Tensor | None = None,
        next_sentence_label: mindspore.Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> tuple[Any, ...] | BertForPreTrainingOutput:
        """As `BertModel`; `labels` (batch, length) with -100 to ignore, `next_sentence_label` (batch,)."""
        return_dict = return_dict if return_dict is not None else self.config.use_return_dict

        outputs = self.bert(
            input_ids,
            attention_mask=attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            head_mask=head_mask,
            inputs_embeds=inputs_embeds,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=return_dict,
        )
        sequence_output, pooled_output = outputs[:2]
        prediction_scores, seq_relationship_score = self.cls(sequence_output, pooled_output)

        total_loss = None
        if labels is not None and next_sentence_label is not None:
            masked_lm_loss = ops.cross_entropy(prediction_scores.view(-1, self.config.vocab_size), labels.view(-1))
            next_sentence_loss = ops.cross_entropy(seq_relationship_score.view(-1, 2), next_sentence_label.view(-1))
            total_loss = masked_lm_loss + next_sentence_loss

        if not return_dict:
            output = (prediction_scores, seq_relationship_score) + outputs[2:]
            return ((total_loss,) + output) if total_loss is not None else output
        return BertForPreTrainingOutput(
            loss=total_loss,
            prediction_logits=prediction_scores,
            seq_relationship_logits=seq_relationship_score,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )


class BertLMHeadModel(BertPreTrainedModel):
    """BERT as a left-to-right language model."""

    def __init__(self, config: BertConfig):
        super().__init__(config)
        if not config.is_decoder:
            logger.warning("a BertLMHeadModel on its own should be a decoder: set is_decoder=True")
        self.bert = BertModel(config, add_pooling_layer=False)
        self.cls = BertOnlyMLMHead(config)
        self.post_init()

    def get_output_embeddings(self) -> nn.Dense:
        return self.cls.predictions.decoder

    def set_output_embeddings(self, new_embeddings: nn.Dense) -> None:
        self.cls.predictions.set_decoder(new_embeddings)
        self._name_parameters_by_path()

    def construct(
        self,
        input_ids: mindspore.Tensor | None = None,
        attention_mask: mindspore.Tensor | None = None,
        token_type_ids: mindspore.Tensor | None = None,
        position_ids: mindspore.Tensor | None = None,
        head_mask: mindspore.Tensor | None = None,
        inputs_embeds: mindspore.Tensor | None = None,
        encoder_hidden_states: mindspore.Tensor | None = None,
        encoder_attention_mask: mindspore.Tensor | None = None,
        labels: mindspore.Tensor | None = None,
        past_key_values: tuple[tuple[mindspore.Tensor, ...], ...] | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> tuple[Any, ...] | CausalLMOutputWithCrossAttentions:
        """As `BertModel`; `labels` (batch, length) are the input ids themselves, -100 to ignore."""
        return_dict = return_dict if return_dict is not None else self.config.use_return_dict
        if labels is not None:
            use_cache = False

        outputs = self.bert(
            input_ids,
            attention_mask=attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            head_mask=head_mask,
            inputs_embeds=inputs_embeds,
            encoder_hidden_states=encoder_hidden_states,
            encoder_attention_mask=encoder_attention_mask,
            past_key_values=past_key_values,
            use_cache=use_cache,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=return_dict,
        )
        sequence_output = outputs[0]
        prediction_scores = self.cls(sequence_output)

        lm_loss = None
        if labels is not None:
            # Each position predicts the token after it.
            predictions = prediction_scores[:, :-1, :].reshape(-1, self.config.vocab_size)
            lm_loss = ops.cross_entropy(predictions, labels[:, 1:].reshape(-1))

        if not return_dict:
            output = (prediction_scores,) + outputs[2:]
            return ((lm_loss,) + output) if lm_loss is not None else output
        return CausalLMOutputWithCrossAttentions(
            loss=lm_loss,
            logits=prediction_scores,
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
            cross_attentions=outputs.cross_attentions,
        )

    def prepare_inputs_for_generation(
        self,
        input_ids: mindspore.Tensor,
        past_key_values: tuple[tuple[mindspore.Tensor, ...], ...] | None = None,
        attention_mask: mindspore.Tensor | None = None,
        use_cache: bool = True,
        **model_kwargs: Any,
    ) -> dict[str, Any]:
        """The arguments of the next step: only what the cache does not cover yet."""
        if attention_mask is None:
            attention_mask = ops.ones(input_ids.shape, dtype=mindspore.int64)
        if past_key_values is not None:
            past_length = past_key_values[0][0].shape[2]
            # A caller may keep only the newest token; then all of it is new, whatever the cache covers.
            first_new = past_length if input_ids.shape[1] > past_length else input_ids.shape[1] - 1
            input_ids = input_ids[:, first_new:]
        return {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "past_key_values": past_key_values,
            "use_cache": use_cache,
        }

    def _reorder_cache(
        self, past_key_values: tuple[tuple[mindspore.Tensor, ...], ...], beam_idx: mindspore.Tensor
    ) -> tuple[tuple[mindspore.Tensor, ...], ...]:
        """The cache with its batch rows chosen anew, for beam search."""
        reordered_past = ()
        for layer_past in past_key_values:
            reordered_past += (tuple(ops.index_select(past_state, 0, beam_idx) for past_state in layer_past),)
        return reordered_past


class BertForMaskedLM(BertPreTrainedModel):
    """BERT that fills masked positions."""

    def __init__(self, config: BertConfig):
        super().__init__(config)
        if config.is_decoder:
            logger.warning("a BertForMaskedLM looks to both sides: set is_decoder=False")
        self.bert = BertModel(config, add_pooling_layer=False)
        self.cls = BertOnlyMLMHead(config)
        self.post_init()

    def get_output_embeddings(self) -> nn.Dense:
        return self.cls.predictions.decoder

    def set_output_embeddings(self, new_embeddings: nn.Dense) -> None:
        self.cls.predictions.set_decoder(new_embeddings)
        self._name_parameters_by_path()

    def construct(
        self,
        input_ids: mindspore.Tensor | None = None,
        attention_mask: mindspore.Tensor | None = None,
        token_type_ids: mindspore.Tensor | None = None,
        position_ids: mindspore.Tensor | None = None,
        head_mask: mindspore.Tensor | None = None,
        inputs_embeds: mindspore.Tensor | None = None,
        encoder_hidden_states: mindspore.Tensor | None = None,
        encoder_attention_mask: mindspore.Tensor | None = None,
        labels: mindspore.Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> tuple[Any, ...] | MaskedLMOutput:
        """As `BertModel`; `labels` (batch, length), -100 where no token was masked."""
        return_dict = return_dict if return_dict is not None else self.config.use_return_dict

        outputs = self.bert(
            input_ids,
            attention_mask=attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            head_mask=head_mask,
            inputs_embeds=inputs_embeds,
            encoder_hidden_states=encoder_hidden_states,
            encoder_attention_mask=encoder_attention_mask,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=return_dict,
        )
        sequence_output = outputs[0]
        prediction_scores = self.cls(sequence_output)

        masked_lm_loss = None
        if labels is not None:
            masked_lm_loss = ops.cross_entropy(prediction_scores.view(-1, self.config.vocab_size), labels.view(-1))

        if not return_dict:
            output = (prediction_scores,) + outputs[2:]
            return ((masked_lm_loss,) + output) if masked_lm_loss is not None else output
        return MaskedLMOutput(
            loss=masked_lm_loss,
            logits=prediction_scores,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )

    def prepare_inputs_for_generation(
        self, input_ids: mindspore.Tensor, attention_mask: mindspore.Tensor | None = None, **model_kwargs: Any
    ) -> dict[str, Any]:
        """The arguments of the next step: the ids, and a padding token in the place that is to be filled."""
        if self.config.pad_token_id is None:
            raise ValueError("generation needs config.pad_token_id")
        batch_size = input_ids.shape[0]
        if attention_mask is not None:
            attention_mask = ops.cat([attention_mask, ops.zeros((batch_size, 1), dtype=attention_mask.dtype)], axis=-1)
        dummy_token = ops.full((batch_size, 1), self.config.pad_token_id, dtype=input_ids.dtype)
        input_ids = ops.cat([input_ids, dummy_token], axis=1)
        return {"input_ids": input_ids, "attention_mask": attention_mask}


class BertForNextSentencePrediction(BertPreTrainedModel):
    """BERT that tells whether the second segment follows the first."""

    def __init__(self, config: BertConfig):
        super().__init__(config)
        self.bert = BertModel(config)
        self.cls = BertOnlyNSPHead(config)
        self.post_init()

    def construct(
        self,
        input_ids: mindspore.Tensor | None = None,
        attention_mask: mindspore.Tensor | None = None,
        token_type_ids: mindspore.Tensor | None = None,
        position_ids: mindspore.Tensor | None = None,
        head_mask: mindspore.Tensor | None = None,
        inputs_embeds: mindspore.Tensor | None = None,
        labels: mindspore.Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **kwargs: Any,
    ) -> tuple[Any, ...] | NextSentencePredictorOutput:
        """As `BertModel`; `labels` (batch,), 0 where the second segment follows, 1 where it is random."""
        if "next_sentence_label" in kwargs:
            warnings.warn("`next_sentence_label` is called `labels` now", FutureWarning, stacklevel=2)
            labels = kwargs.pop("next_sentence_label")
        return_dict = return_dict if return_dict is not None else self.config.use_return_dict

        outputs = self.bert(
            input_ids,
            attention_mask=attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            head_mask=head_mask,
            inputs_embeds=inputs_embeds,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=return_dict,
        )
        pooled_output = outputs[1]
        seq_relationship_scores = self.cls(pooled_output)

        next_sentence_loss = None
        if labels is not None:
            next_sentence_loss = ops.cross_entropy(seq_relationship_scores.view(-1, 2), labels.view(-1))

        if not return_dict:
            output = (seq_relationship_scores,) + outputs[2:]
            return ((next_sentence_loss,) + output) if next_sentence_loss is not None else output
        return NextSentencePredictorOutput(
            loss=next_sentence_loss,
            logits=seq_relationship_scores,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )


class BertForSequenceClassification(BertPreTrainedModel):
    """BERT with a classifier or regressor on the pooled output."""

    def __init__(self, config: BertConfig):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.bert = BertModel(config)
        self.dropout = nn.Dropout(p=_classifier_dropout(config))
        self.classifier = nn.Dense(config.hidden_size, config.num_labels)
        self.post_init()

    def construct(
        self,
        input_ids: mindspore.Tensor | None = None,
        attention_mask: mindspore.Tensor | None = None,
        token_type_ids: mindspore.Tensor | None = None,
        position_ids: mindspore.Tensor | None = None,
        head_mask: mindspore.Tensor | None = None,
        inputs_embeds: mindspore.Tensor | None = None,
        labels: mindspore.Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> tuple[Any, ...] | SequenceClassifierOutput:
        """As `BertModel`; `labels` (batch,) classes or numbers, or (batch, labels) of 0.0 and 1.0.

        The first call with labels settles `config.problem_type` from their dtype where it is not set.
        """
        return_dict = return_dict if return_dict is not None else self.config.use_return_dict

        outputs = self.bert(
            input_ids,
            attention_mask=attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            head_mask=head_mask,
            inputs_embeds=inputs_embeds,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=return_dict,
        )
        pooled_output = outputs[1]
        pooled_output = self.dropout(pooled_output)
        logits = self.classifier(pooled_output)

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
        return SequenceClassifierOutput(
            loss=loss,
            logits=logits,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )


class BertForMultipleChoice(BertPreTrainedModel):
    """BERT that picks one of several continuations."""

    def __init__(self, config: BertConfig):
        super().__init__(config)
        self.bert = BertModel(config)
        self.dropout = nn.Dropout(p=_classifier_dropout(config))
        self.classifier = nn.Dense(config.hidden_size, 1)
        self.post_init()

    def construct(
        self,
        input_ids: mindspore.Tensor | None = None,
        attention_mask: mindspore.Tensor | None = None,
        token_type_ids: mindspore.Tensor | None = None,
        position_ids: mindspore.Tensor | None = None,
        head_mask: mindspore.Tensor | None = None,
        inputs_embeds: mindspore.Tensor | None = None,
        labels: mindspore.Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> tuple[Any, ...] | MultipleChoiceModelOutput:
        """As `BertModel`, with an axis of choices after the batch; `labels` (batch,) is the right choice."""
        return_dict = return_dict if return_dict is not None else self.config.use_return_dict
        num_choices = input_ids.shape[1] if input_ids is not None else inputs_embeds.shape[1]

        # Every choice becomes a row of the batch.
        input_ids = input_ids.view(-1, input_ids.shape[-1]) if input_ids is not None else None
        attention_mask = attention_mask.view(-1, attention_mask.shape[-1]) if attention_mask is not None else None
        token_type_ids = token_type_ids.view(-1, token_type_ids.shape[-1]) if token_type_ids is not None else None
        position_ids = position_ids.view(-1, position_ids.shape[-1]) if position_ids is not None else None
        inputs_embeds = (
            inputs_embeds.view(-1, inputs_embeds.shape[-2], inputs_embeds.shape[-1])
            if inputs_embeds is not None
            else None
        )

        outputs = self.bert(
            input_ids,
            attention_mask=attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            head_mask=head_mask,
            inputs_embeds=inputs_embeds,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=return_dict,
        )
        pooled_output = outputs[1]
        pooled_output = self.dropout(pooled_output)
        logits = self.classifier(pooled_output)
        reshaped_logits = logits.view(-1, num_choices)

        loss = None
        if labels is not None:
            loss = ops.cross_entropy(reshaped_logits, labels)

        if not return_dict:
            output = (reshaped_logits,) + outputs[2:]
            return ((loss,) + output) if loss is not None else output
        return MultipleChoiceModelOutput(
            loss=loss,
            logits=reshaped_logits,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )


class BertForTokenClassification(BertPreTrainedModel):
    """BERT that labels every token."""

    def __init__(self, config: BertConfig):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.bert = BertModel(config, add_pooling_layer=False)
        self.dropout = nn.Dropout(p=_classifier_dropout(config))
        self.classifier = nn.Dense(config.hidden_size, config.num_labels)
        self.post_init()

    def construct(
        self,
        input_ids: mindspore.Tensor | None = None,
        attention_mask: mindspore.Tensor | None = None,
        token_type_ids: mindspore.Tensor | None = None,
        position_ids: mindspore.Tensor | None = None,
        head_mask: mindspore.Tensor | None = None,
        inputs_embeds: mindspore.Tensor | None = None,
        labels: mindspore.Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> tuple[Any, ...] | TokenClassifierOutput:
        """As `BertModel`; `labels` (batch, length), -100 to ignore."""
        return_dict = return_dict if return_dict is not None else self.config.use_return_dict

        outputs = self.bert(
            input_ids,
            attention_mask=attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            head_mask=head_mask,
            inputs_embeds=inputs_embeds,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=return_dict,
        )
        sequence_output = outputs[0]
        sequence_output = self.dropout(sequence_output)
        logits = self.classifier(sequence_output)

        loss = None
        if labels is not None:
            loss = ops.cross_entropy(logits.view(-1, self.num_labels), labels.view(-1))

        if not return_dict:
            output = (logits,) + outputs[2:]
            return ((loss,) + output) if loss is not None else output
        return TokenClassifierOutput(
            loss=loss,
            logits=logits,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )


class BertForQuestionAnswering(BertPreTrainedModel):
    """BERT that finds the span which answers a question."""

    def __init__(self, config: BertConfig):
        super().__init__(config)
        self.num_labels = config.num_labels
        self.bert = BertModel(config, add_pooling_layer=False)
        self.qa_outputs = nn.Dense(config.hidden_size, config.num_labels)
        self.post_init()

    def construct(
        self,
        input_ids: mindspore.Tensor | None = None,
        attention_mask: mindspore.Tensor | None = None,
        token_type_ids: mindspore.Tensor | None = None,
        position_ids: mindspore.Tensor | None = None,
        head_mask: mindspore.Tensor | None = None,
        inputs_embeds: mindspore.Tensor | None = None,
        start_positions: mindspore.Tensor | None = None,
        end_positions: mindspore.Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> tuple[Any, ...] | QuestionAnsweringModelOutput:
        """As `BertModel`; `start_positions`, `end_positions` (batch,). A position past the end is ignored."""
        return_dict = return_dict if return_dict is not None else self.config.use_return_dict

        outputs = self.bert(
            input_ids,
            attention_mask=attention_mask,
            token_type_ids=token_type_ids,
            position_ids=position_ids,
            head_mask=head_mask,
            inputs_embeds=inputs_embeds,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=return_dict,
        )
        sequence_output = outputs[0]
        logits = self.qa_outputs(sequence_output)
        start_logits, end_logits = ops.split(logits, 1, axis=-1)
        start_logits = start_logits.squeeze(-1)
        end_logits = end_logits.squeeze(-1)

        total_loss = None
        if start_positions is not None and end_positions is not None:
            if start_positions.ndim > 1:
                start_positions = start_positions.squeeze(-1)
            if end_positions.ndim > 1:
                end_positions = end_positions.squeeze(-1)
            ignored_index = start_logits.shape[1]
            start_positions = ops.clamp(start_positions, 0, ignored_index)
            end_positions = ops.clamp(end_positions, 0, ignored_index)
            start_loss = ops.cross_entropy(start_logits, start_positions, ignore_index=ignored_index)
            end_loss = ops.cross_entropy(end_logits, end_positions, ignore_index=ignored_index)
            total_loss = (start_loss + end_loss) / 2

        if not return_dict:
            output = (start_logits, end_logits) + outputs[2:]
            return ((total_loss,) + output) if total_loss is not None else output
        return QuestionAnsweringModelOutput(
            loss=total_loss,
            start_logits=start_logits,
            end_logits=end_logits,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )


def _classifier_dropout(config: BertConfig) -> float:
    return config.classifier_dropout if config.classifier_dropout is not None else config.hidden_dropout_prob


__all__ = [
    "BertForMaskedLM",
    "BertForMultipleChoice",
    "BertForNextSentencePrediction",
    "BertForPreTraining",
    "BertForQuestionAnswering",
    "BertForSequenceClassification",
    "BertForTokenClassification",
    "BertLMHeadModel",
    "BertModel",
    "BertPreTrainedModel",
]
