"""The backend for nanomsg: entry point `nanomsg` of the group `anymq.backends`.

Importing this loads neither the compiled adapter nor a library; opening a library does.
"""

from .provider import NanomsgProvider

__all__ = ["provider"]

provider = NanomsgProvider()
