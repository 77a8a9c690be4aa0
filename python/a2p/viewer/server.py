"""Serves the page and, as server-sent events, the newest frame. Only this machine is answered.

Pictures are private, and any page that the user has open may send requests to this machine. So requests must name this
machine as their host, which foils DNS rebinding, and nothing allows other origins to read the answers.
"""

from __future__ import annotations

import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from a2p.errors import ConfigError
from a2p.result import Reconstruction
from a2p.viewer.messages import faces_message, frame_message

if TYPE_CHECKING:
    from types import TracebackType

_HOST = "127.0.0.1"
_NAMES = (_HOST, "localhost")
_FILES = {"/": ("index.html", "text/html"), "/viewer.js": ("viewer.js", "text/javascript")}
_POLICY = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'"
_MAX_VIEWERS = 16
_ALIVE_S = 5.0
"""A connection without news is written to so often, to notice that it is gone."""


class _Newest:
    """The newest message. Readers that are slow miss some; none is kept for them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._number = 0
        self._message = b""
        self.is_closed = False
        self.faces: dict[str, bytes] = {}

    def put(self, message: bytes) -> None:
        with self._changed:
            self._number += 1
            self._message = message
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self.is_closed = True
            self._changed.notify_all()

    def after(self, number: int) -> tuple[int, bytes]:
        """Returns the newest message and its number, once it is another than `number`; or as before, after a while."""
        with self._changed:
            self._changed.wait_for(lambda: self._number != number or self.is_closed, timeout=_ALIVE_S)
            return self._number, self._message


class ViewerServer:
    """Shows frames in browsers on this machine.

    with ViewerServer() as viewer:
        print(viewer.url)
        for frame_id, result in enumerate(reconstructor.stream(frames)):
            viewer.show(result, frame_id=frame_id)
    """

    def __init__(self, *, port: int = 0, title: str = "a2p") -> None:
        """Listens on the loopback address; port 0 takes a free one.

        Raises:
            ConfigError: The port is taken.
        """
        self._newest = _Newest()
        self._title = title
        try:
            self._http = _Http(port, self._newest)
        except OSError as error:
            raise ConfigError(f"port must be free; got {port}: {error.strerror}. Choose another, or 0.") from error
        self._thread = threading.Thread(target=self._http.serve_forever, name="a2p-viewer", daemon=True)
        self._thread.start()

    def __enter__(self) -> ViewerServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        """What to open."""
        return f"http://{_HOST}:{self._http.server_address[1]}/"

    def show(self, result: Reconstruction, *, frame_id: int = 0, title: str | None = None) -> None:
        """Shows a result in place of the last one."""
        for hand in result.hands:
            self._newest.faces[hand.handedness] = faces_message(hand)
        self._newest.put(frame_message(result, frame_id=frame_id, title=title or self._title))

    def close(self) -> None:
        """Ends every connection and stops listening."""
        self._newest.close()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Http(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, port: int, newest: _Newest) -> None:
        super().__init__((_HOST, port), _Handler)
        self.newest = newest
        self.viewers = threading.BoundedSemaphore(_MAX_VIEWERS)


class _Handler(BaseHTTPRequestHandler):
    server: _Http
    timeout = 60
    server_version = "a2p"
    sys_version = ""

    def do_GET(self) -> None:
        """Answers one request."""
        path = urlsplit(self.path).path
        if urlsplit(f"//{self.headers.get('Host', '')}").hostname not in _NAMES:
            self._answer(HTTPStatus.FORBIDDEN, b"Open this page as http://127.0.0.1 or http://localhost.", "text/plain")
        elif path in _FILES:
            name, kind = _FILES[path]
            content = (resources.files("a2p.viewer") / "page" / name).read_bytes()
            self._answer(HTTPStatus.OK, content, f"{kind}; charset=utf-8")
        elif path == "/frames":
            self._frames()
        elif path.removeprefix("/faces/") in self.server.newest.faces:
            self._answer(
                HTTPStatus.OK, self.server.newest.faces[path.removeprefix("/faces/")], "application/octet-stream"
            )
        else:
            self._answer(HTTPStatus.NOT_FOUND, b"There is no such page.", "text/plain")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Logs nothing."""

    def _answer(self, status: HTTPStatus, content: bytes, kind: str) -> None:
        self._begin(status, kind, length=len(content))
        self.wfile.write(content)

    def _begin(self, status: HTTPStatus, kind: str, *, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-store")
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def _frames(self) -> None:
        """Sends the newest frame whenever there is one, until the browser or the viewer goes."""
        viewers = self.server.viewers
        if not viewers.acquire(blocking=False):
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE, b"Too many pages are open.", "text/plain")
            return
        try:
            self._begin(HTTPStatus.OK, "text/event-stream")
            self._send_newest()
        except OSError:
            pass  # the browser is gone
        finally:
            viewers.release()

    def _send_newest(self) -> None:
        newest, number = self.server.newest, 0
        while not newest.is_closed:
            last, (number, message) = number, newest.after(number)
            self.wfile.write(b": nothing new\n\n" if number == last else b"data: " + message + b"\n\n")
        self.wfile.write(b"event: end\ndata:\n\n")
