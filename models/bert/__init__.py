"""BERT: `configuration_bert.BertConfig` and the model classes of `modeling_bert`."""
