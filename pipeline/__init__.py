"""One pipeline for every caller: read an output, ask the model, decide."""
