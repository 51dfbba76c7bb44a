"""CLIP: the configurations of `configuration_clip` and the model classes of `modeling_clip`."""
