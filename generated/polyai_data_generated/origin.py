# Written by `make generate`. Do not edit: the next run overwrites it.
"""What this package was generated from, and the servers in the spec."""

DOCUMENT_TITLE = "Data API"
DOCUMENT_VERSION = "1.0.9"
DOCUMENT_SHA256 = "8e82a127f7f6249eac88ec68acf6eabae0e19a7611ef7f4fb0cd8152f7ea27f8"
OVERLAY_SHA256 = "2763e78493c2139576a27111a154831f2652d7f7b8085d295afcf2a78ca94a14"
CONFIG_SHA256 = "6e79f98dc4672bb741c4f55d3d95166acfe48479b3a6197fc6c5db213f956693"
TOOLS = {"openapi-python-client": "0.29.1", "python-jsonpath": "2.2.2", "ruff": "0.17.6"}
SERVERS = (
    "https://api.us.poly.ai",
    "https://api.eu.poly.ai",
    "https://api.uk.poly.ai",
    "https://api.studio.poly.ai",
)
OPERATION_SERVERS: dict[str, tuple[str, ...]] = {}
"""The servers of operations that do not use SERVERS."""
