"""`python -m schemas`: writes the taxonomy's labels into the published event schema.

Run it after changing `taxonomy.yaml`; a test fails while the two differ.
"""

from schemas.event import SCHEMA_PATH, event_schema, render_schema
from schemas.taxonomy import load_taxonomy

SCHEMA_PATH.write_text(render_schema(event_schema(load_taxonomy())), encoding="utf-8")
