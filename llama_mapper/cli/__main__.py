"""`python -m llama_mapper.cli`."""

from llama_mapper.cli import main

main()
