"""A table of real clients at the gateway, which runs over a replica whose model calls tools as Qwen does."""
