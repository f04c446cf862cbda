"""nng under `anymq.Socket`: everything about that library.

Importing this loads no library; the provider opens files when it is asked to.
"""

from .provider import NngProvider

__all__ = ["provider"]

provider = NngProvider()
