"""Converts guards' results to requests of the service.

    from llama_mapper import MapperClient
    from llama_mapper.integrations import presidio

    with MapperClient() as client:
        batch = client.map_many([presidio(results)])

Each function takes the result for one text and returns a `MapRequest`. The modules `litellm` and
`langchain` have a callback each, and are the only ones that import a guard's package. Requests do
not contain the checked text, unless a guard quotes it in its reason.
"""

from llama_mapper.integrations.results import (
    any_guardrail,
    guardrails_ai,
    hugging_face,
    llm_guard,
    openai_moderation,
    presidio,
)

__all__ = [
    "any_guardrail",
    "guardrails_ai",
    "hugging_face",
    "llm_guard",
    "openai_moderation",
    "presidio",
]
