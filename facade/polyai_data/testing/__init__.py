"""Made-up responses of the API, for tests without a server.

    from polyai_data.testing import conversation, page

    httpx.Response(200, json=conversation(polyScore=2.0))

They need nothing but the package. For tests with a server, pytest has the fixtures `polyai_sandbox`
and `polyai_client`, which need the extra `sandbox`.
"""

from ._responses import conversation, page

__all__ = ["conversation", "page"]
