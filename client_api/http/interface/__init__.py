"""Models of the facade's request and response bodies, and the OpenAPI document made from them."""
