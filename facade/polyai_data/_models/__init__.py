"""The models: what the API returns and accepts, and how JSON becomes a model."""
