"""What the bundled models share: configuration, layers, activations, output classes and the model base class."""
