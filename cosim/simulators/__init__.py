"""The mosaik side: thin simulators that read inputs, call a model, and hand out outputs."""
