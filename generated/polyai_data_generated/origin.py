# Written by `make generate`. Do not edit: the next run overwrites it.
"""What this package was generated from, and the servers in the spec."""

DOCUMENT_TITLE = "Data API"
DOCUMENT_VERSION = "1.0.9"
DOCUMENT_SHA256 = "8e82a127f7f6249eac88ec68acf6eabae0e19a7611ef7f4fb0cd8152f7ea27f8"
OTHER_DOCUMENTS = {
    "openapi.conversations-v3.json": (
        "PolyAI Conversations API v3",
        "3.0.0",
        "64ab6930d69e3e4a398b9efbe41b699ec7e4b8e8f014190e800e4a927e294841",
    )
}
OVERLAY_SHA256 = "226daf9e1ae1f8ec1b8607d55511b655b123b9c3db5368a8d993cdc563341c2d"
CONFIG_SHA256 = "ca186d188f793d109c56264949ad06352d32b130b4735a2747cb40940b557876"
TOOLS = {"openapi-python-client": "0.29.1", "python-jsonpath": "2.2.2", "ruff": "0.17.6"}
SERVERS = (
    "https://api.us.poly.ai",
    "https://api.eu.poly.ai",
    "https://api.uk.poly.ai",
    "https://api.studio.poly.ai",
)
OPERATION_SERVERS: dict[str, tuple[str, ...]] = {
    "search_conversations": (
        "https://api.us-1.platform.polyai.app",
        "https://api.uk-1.platform.polyai.app",
        "https://api.euw-1.platform.polyai.app",
    )
}
"""The servers of operations that do not use SERVERS."""
