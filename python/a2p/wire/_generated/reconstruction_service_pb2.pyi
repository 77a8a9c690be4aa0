from a2p.wire._generated import hand_pb2 as _hand_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PixelFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PIXEL_FORMAT_UNSPECIFIED: _ClassVar[PixelFormat]
    PIXEL_FORMAT_RGB8: _ClassVar[PixelFormat]
    PIXEL_FORMAT_BGR8: _ClassVar[PixelFormat]

class VertexEncoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERTEX_ENCODING_UNSPECIFIED: _ClassVar[VertexEncoding]
    VERTEX_ENCODING_NONE: _ClassVar[VertexEncoding]
    VERTEX_ENCODING_FLOAT32: _ClassVar[VertexEncoding]
    VERTEX_ENCODING_QUANTIZED: _ClassVar[VertexEncoding]

class QueuePolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    QUEUE_POLICY_UNSPECIFIED: _ClassVar[QueuePolicy]
    QUEUE_POLICY_BLOCK: _ClassVar[QueuePolicy]
    QUEUE_POLICY_DROP_OLDEST: _ClassVar[QueuePolicy]
    QUEUE_POLICY_REJECT: _ClassVar[QueuePolicy]
PIXEL_FORMAT_UNSPECIFIED: PixelFormat
PIXEL_FORMAT_RGB8: PixelFormat
PIXEL_FORMAT_BGR8: PixelFormat
VERTEX_ENCODING_UNSPECIFIED: VertexEncoding
VERTEX_ENCODING_NONE: VertexEncoding
VERTEX_ENCODING_FLOAT32: VertexEncoding
VERTEX_ENCODING_QUANTIZED: VertexEncoding
QUEUE_POLICY_UNSPECIFIED: QueuePolicy
QUEUE_POLICY_BLOCK: QueuePolicy
QUEUE_POLICY_DROP_OLDEST: QueuePolicy
QUEUE_POLICY_REJECT: QueuePolicy

class RawImage(_message.Message):
    __slots__ = ("pixels", "width_px", "height_px", "format")
    PIXELS_FIELD_NUMBER: _ClassVar[int]
    WIDTH_PX_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_PX_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    pixels: bytes
    width_px: int
    height_px: int
    format: PixelFormat
    def __init__(self, pixels: _Optional[bytes] = ..., width_px: _Optional[int] = ..., height_px: _Optional[int] = ..., format: _Optional[_Union[PixelFormat, str]] = ...) -> None: ...

class Image(_message.Message):
    __slots__ = ("encoded", "raw")
    ENCODED_FIELD_NUMBER: _ClassVar[int]
    RAW_FIELD_NUMBER: _ClassVar[int]
    encoded: bytes
    raw: RawImage
    def __init__(self, encoded: _Optional[bytes] = ..., raw: _Optional[_Union[RawImage, _Mapping]] = ...) -> None: ...

class HandBox(_message.Message):
    __slots__ = ("handedness", "box")
    HANDEDNESS_FIELD_NUMBER: _ClassVar[int]
    BOX_FIELD_NUMBER: _ClassVar[int]
    handedness: _hand_pb2.Handedness
    box: _hand_pb2.Box
    def __init__(self, handedness: _Optional[_Union[_hand_pb2.Handedness, str]] = ..., box: _Optional[_Union[_hand_pb2.Box, _Mapping]] = ...) -> None: ...

class ReconstructRequest(_message.Message):
    __slots__ = ("image", "boxes", "camera", "vertex_encoding", "omit_faces")
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    BOXES_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    VERTEX_ENCODING_FIELD_NUMBER: _ClassVar[int]
    OMIT_FACES_FIELD_NUMBER: _ClassVar[int]
    image: Image
    boxes: _containers.RepeatedCompositeFieldContainer[HandBox]
    camera: _hand_pb2.Camera
    vertex_encoding: VertexEncoding
    omit_faces: bool
    def __init__(self, image: _Optional[_Union[Image, _Mapping]] = ..., boxes: _Optional[_Iterable[_Union[HandBox, _Mapping]]] = ..., camera: _Optional[_Union[_hand_pb2.Camera, _Mapping]] = ..., vertex_encoding: _Optional[_Union[VertexEncoding, str]] = ..., omit_faces: bool = ...) -> None: ...

class ReconstructResponse(_message.Message):
    __slots__ = ("reconstruction", "faces")
    RECONSTRUCTION_FIELD_NUMBER: _ClassVar[int]
    FACES_FIELD_NUMBER: _ClassVar[int]
    reconstruction: _hand_pb2.Reconstruction
    faces: _containers.RepeatedCompositeFieldContainer[_hand_pb2.MeshFaces]
    def __init__(self, reconstruction: _Optional[_Union[_hand_pb2.Reconstruction, _Mapping]] = ..., faces: _Optional[_Iterable[_Union[_hand_pb2.MeshFaces, _Mapping]]] = ...) -> None: ...

class StreamConfig(_message.Message):
    __slots__ = ("queue_policy", "queue_count", "vertex_encoding", "omit_faces", "independent_frames", "camera")
    QUEUE_POLICY_FIELD_NUMBER: _ClassVar[int]
    QUEUE_COUNT_FIELD_NUMBER: _ClassVar[int]
    VERTEX_ENCODING_FIELD_NUMBER: _ClassVar[int]
    OMIT_FACES_FIELD_NUMBER: _ClassVar[int]
    INDEPENDENT_FRAMES_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    queue_policy: QueuePolicy
    queue_count: int
    vertex_encoding: VertexEncoding
    omit_faces: bool
    independent_frames: bool
    camera: _hand_pb2.Camera
    def __init__(self, queue_policy: _Optional[_Union[QueuePolicy, str]] = ..., queue_count: _Optional[int] = ..., vertex_encoding: _Optional[_Union[VertexEncoding, str]] = ..., omit_faces: bool = ..., independent_frames: bool = ..., camera: _Optional[_Union[_hand_pb2.Camera, _Mapping]] = ...) -> None: ...

class Frame(_message.Message):
    __slots__ = ("frame_id", "timestamp_us", "image")
    FRAME_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_US_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    frame_id: int
    timestamp_us: int
    image: Image
    def __init__(self, frame_id: _Optional[int] = ..., timestamp_us: _Optional[int] = ..., image: _Optional[_Union[Image, _Mapping]] = ...) -> None: ...

class StreamReconstructRequest(_message.Message):
    __slots__ = ("config", "frame")
    CONFIG_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    config: StreamConfig
    frame: Frame
    def __init__(self, config: _Optional[_Union[StreamConfig, _Mapping]] = ..., frame: _Optional[_Union[Frame, _Mapping]] = ...) -> None: ...

class StreamStarted(_message.Message):
    __slots__ = ("request_id", "queue_count", "faces")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_COUNT_FIELD_NUMBER: _ClassVar[int]
    FACES_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    queue_count: int
    faces: _containers.RepeatedCompositeFieldContainer[_hand_pb2.MeshFaces]
    def __init__(self, request_id: _Optional[str] = ..., queue_count: _Optional[int] = ..., faces: _Optional[_Iterable[_Union[_hand_pb2.MeshFaces, _Mapping]]] = ...) -> None: ...

class FrameResult(_message.Message):
    __slots__ = ("frame_id", "timestamp_us", "reconstruction")
    FRAME_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_US_FIELD_NUMBER: _ClassVar[int]
    RECONSTRUCTION_FIELD_NUMBER: _ClassVar[int]
    frame_id: int
    timestamp_us: int
    reconstruction: _hand_pb2.Reconstruction
    def __init__(self, frame_id: _Optional[int] = ..., timestamp_us: _Optional[int] = ..., reconstruction: _Optional[_Union[_hand_pb2.Reconstruction, _Mapping]] = ...) -> None: ...

class FramesDropped(_message.Message):
    __slots__ = ("frame_ids",)
    FRAME_IDS_FIELD_NUMBER: _ClassVar[int]
    frame_ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, frame_ids: _Optional[_Iterable[int]] = ...) -> None: ...

class FrameFailed(_message.Message):
    __slots__ = ("frame_id", "timestamp_us", "code", "message")
    FRAME_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_US_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    frame_id: int
    timestamp_us: int
    code: int
    message: str
    def __init__(self, frame_id: _Optional[int] = ..., timestamp_us: _Optional[int] = ..., code: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...

class StreamReconstructResponse(_message.Message):
    __slots__ = ("started", "result", "dropped", "failed")
    STARTED_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    started: StreamStarted
    result: FrameResult
    dropped: FramesDropped
    failed: FrameFailed
    def __init__(self, started: _Optional[_Union[StreamStarted, _Mapping]] = ..., result: _Optional[_Union[FrameResult, _Mapping]] = ..., dropped: _Optional[_Union[FramesDropped, _Mapping]] = ..., failed: _Optional[_Union[FrameFailed, _Mapping]] = ...) -> None: ...

class GetServerInfoRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GetServerInfoResponse(_message.Message):
    __slots__ = ("version", "hand_model", "max_hand_count", "max_message_bytes", "max_image_pixel_count", "max_stream_count", "max_queue_count", "faces")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    HAND_MODEL_FIELD_NUMBER: _ClassVar[int]
    MAX_HAND_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_MESSAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_IMAGE_PIXEL_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_STREAM_COUNT_FIELD_NUMBER: _ClassVar[int]
    MAX_QUEUE_COUNT_FIELD_NUMBER: _ClassVar[int]
    FACES_FIELD_NUMBER: _ClassVar[int]
    version: str
    hand_model: str
    max_hand_count: int
    max_message_bytes: int
    max_image_pixel_count: int
    max_stream_count: int
    max_queue_count: int
    faces: _containers.RepeatedCompositeFieldContainer[_hand_pb2.MeshFaces]
    def __init__(self, version: _Optional[str] = ..., hand_model: _Optional[str] = ..., max_hand_count: _Optional[int] = ..., max_message_bytes: _Optional[int] = ..., max_image_pixel_count: _Optional[int] = ..., max_stream_count: _Optional[int] = ..., max_queue_count: _Optional[int] = ..., faces: _Optional[_Iterable[_Union[_hand_pb2.MeshFaces, _Mapping]]] = ...) -> None: ...
