"""Clients of `a2p serve` that are called like a Reconstructor and return the same results. Needs the extra `client`.

with a2p.client.Client("localhost:50051") as client:
    result = client("photo.jpg")
"""

from a2p.extras import require_extra

require_extra("client", "grpc", "google.rpc")

from a2p.client.asynchronous import AsyncClient  # noqa: E402 - after the message for those without the extra
from a2p.client.codec import StreamedFrame, StreamSettings  # noqa: E402
from a2p.client.connection import Retry, Tls  # noqa: E402
from a2p.client.sync import Client  # noqa: E402

__all__ = ["AsyncClient", "Client", "Retry", "StreamSettings", "StreamedFrame", "Tls"]
