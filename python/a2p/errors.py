"""Every error that a2p raises on purpose, each also the builtin type a caller would expect.

A message says what was required, what arrived, and what to do.
"""


class A2PError(Exception):
    """The base of every error that a2p raises on purpose."""


class ConfigError(A2PError, ValueError):
    """A setting is out of its range or contradicts another."""


class ImageError(A2PError, ValueError):
    """An image cannot be read, or is not of the required form."""


class BoxError(A2PError, ValueError):
    """A hand box given by the caller is not usable."""


class CameraError(A2PError, ValueError):
    """Camera intrinsics are not usable."""


class ShapeError(A2PError, ValueError):
    """An array has another shape, dtype or device than required, or holds NaN or infinity."""


class MeshError(A2PError, ValueError):
    """A mesh is not usable: wrong shape, index out of range, inconsistent orientation."""


class HandModelError(A2PError, ValueError):
    """A hand model file lacks what a hand model needs."""


class WeightsError(A2PError, ValueError):
    """A file of network weights is damaged, or of another network than required."""


class UnsafeFileError(A2PError, ValueError):
    """A file asks to run code or to build objects beyond the allowed ones; nothing of it ran."""


class DataError(A2PError, ValueError):
    """A data set's file is missing, damaged or of another layout."""


class BackendError(A2PError, RuntimeError):
    """A backend that was asked for by name cannot run here."""


class OutputError(A2PError, OSError):
    """A result cannot be written."""


class ProtocolError(A2PError, ValueError):
    """A message of a server or a client is not what the protocol allows."""


class LimitError(A2PError, RuntimeError):
    """A limit of the server was met: too large, or too many at once."""


class AuthenticationError(A2PError, PermissionError):
    """A token or certificate is missing or wrong."""


class ServiceError(A2PError, RuntimeError):
    """A server failed for a reason of its own, or broke off."""


class UnavailableError(A2PError, ConnectionError):
    """A server cannot be reached, or is shutting down."""


class DeadlineError(A2PError, TimeoutError):
    """A result did not come in time."""


class AbandonedError(A2PError, RuntimeError):
    """Work was given up between two stages because nobody waits for it any more."""
