"""GraphQL over HTTP and WebSocket: one executor, one context, for any schema."""
