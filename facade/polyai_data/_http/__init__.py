"""One request: build it, send it, retry it, read the response, map errors to exceptions."""
