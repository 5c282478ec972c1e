# Written by `make generate`. Do not edit: the next run overwrites it.
"""What this package was generated from, and the servers that the document names."""

DOCUMENT_TITLE = "Data API"
DOCUMENT_VERSION = "1.0.9"
DOCUMENT_SHA256 = "8e82a127f7f6249eac88ec68acf6eabae0e19a7611ef7f4fb0cd8152f7ea27f8"
OVERLAY_SHA256 = "1b3dd5897ad8fa883f2ec7ebca51c63224236c6a75f436061adc1b23002dd977"
CONFIG_SHA256 = "d36ffe5c6350b9a4c09a3699c52d1bb8da9d5a7f08c119b9d4b060f096dedb7e"
TOOLS = {"openapi-python-client": "0.29.1", "python-jsonpath": "2.2.2", "ruff": "0.17.6"}
SERVERS = (
    "https://api.us.poly.ai",
    "https://api.eu.poly.ai",
    "https://api.uk.poly.ai",
    "https://api.studio.poly.ai",
)
OPERATION_SERVERS: dict[str, tuple[str, ...]] = {}
"""Operations that have servers of their own, which count instead of SERVERS."""
