"""The version of the package, which the build reads too, and that of the API's spec."""

from polyai_data_generated.origin import DOCUMENT_VERSION as __spec_version__

__version__ = "0.2.0"

__all__ = ["__spec_version__", "__version__"]
