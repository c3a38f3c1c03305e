"""One pipeline for every caller: read an output, answer its signals, decide."""
