"""The synchronous half. All but `io.py` is generated from `_async` by `make sync`."""
