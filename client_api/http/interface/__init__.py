"""What the facade takes and answers, as models, and the OpenAPI document made from them."""
