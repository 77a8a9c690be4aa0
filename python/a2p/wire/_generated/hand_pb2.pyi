from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Handedness(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HANDEDNESS_UNSPECIFIED: _ClassVar[Handedness]
    HANDEDNESS_LEFT: _ClassVar[Handedness]
    HANDEDNESS_RIGHT: _ClassVar[Handedness]
HANDEDNESS_UNSPECIFIED: Handedness
HANDEDNESS_LEFT: Handedness
HANDEDNESS_RIGHT: Handedness

class Camera(_message.Message):
    __slots__ = ("fx_px", "fy_px", "cx_px", "cy_px")
    FX_PX_FIELD_NUMBER: _ClassVar[int]
    FY_PX_FIELD_NUMBER: _ClassVar[int]
    CX_PX_FIELD_NUMBER: _ClassVar[int]
    CY_PX_FIELD_NUMBER: _ClassVar[int]
    fx_px: float
    fy_px: float
    cx_px: float
    cy_px: float
    def __init__(self, fx_px: _Optional[float] = ..., fy_px: _Optional[float] = ..., cx_px: _Optional[float] = ..., cy_px: _Optional[float] = ...) -> None: ...

class Box(_message.Message):
    __slots__ = ("x0_px", "y0_px", "x1_px", "y1_px")
    X0_PX_FIELD_NUMBER: _ClassVar[int]
    Y0_PX_FIELD_NUMBER: _ClassVar[int]
    X1_PX_FIELD_NUMBER: _ClassVar[int]
    Y1_PX_FIELD_NUMBER: _ClassVar[int]
    x0_px: float
    y0_px: float
    x1_px: float
    y1_px: float
    def __init__(self, x0_px: _Optional[float] = ..., y0_px: _Optional[float] = ..., x1_px: _Optional[float] = ..., y1_px: _Optional[float] = ...) -> None: ...

class HandParameters(_message.Message):
    __slots__ = ("global_orient", "hand_pose", "betas", "transl")
    GLOBAL_ORIENT_FIELD_NUMBER: _ClassVar[int]
    HAND_POSE_FIELD_NUMBER: _ClassVar[int]
    BETAS_FIELD_NUMBER: _ClassVar[int]
    TRANSL_FIELD_NUMBER: _ClassVar[int]
    global_orient: _containers.RepeatedScalarFieldContainer[float]
    hand_pose: _containers.RepeatedScalarFieldContainer[float]
    betas: _containers.RepeatedScalarFieldContainer[float]
    transl: _containers.RepeatedScalarFieldContainer[float]
    def __init__(self, global_orient: _Optional[_Iterable[float]] = ..., hand_pose: _Optional[_Iterable[float]] = ..., betas: _Optional[_Iterable[float]] = ..., transl: _Optional[_Iterable[float]] = ...) -> None: ...

class QuantizedVertices(_message.Message):
    __slots__ = ("origin_m", "step_m", "steps")
    ORIGIN_M_FIELD_NUMBER: _ClassVar[int]
    STEP_M_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    origin_m: _containers.RepeatedScalarFieldContainer[float]
    step_m: float
    steps: bytes
    def __init__(self, origin_m: _Optional[_Iterable[float]] = ..., step_m: _Optional[float] = ..., steps: _Optional[bytes] = ...) -> None: ...

class Hand(_message.Message):
    __slots__ = ("handedness", "score", "confidence", "box", "parameters", "vertices_float32", "vertices_quantized", "joints", "keypoints_3d", "keypoints_2d", "detected_keypoints_2d", "reprojection_error_px", "track_id")
    HANDEDNESS_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    BOX_FIELD_NUMBER: _ClassVar[int]
    PARAMETERS_FIELD_NUMBER: _ClassVar[int]
    VERTICES_FLOAT32_FIELD_NUMBER: _ClassVar[int]
    VERTICES_QUANTIZED_FIELD_NUMBER: _ClassVar[int]
    JOINTS_FIELD_NUMBER: _ClassVar[int]
    KEYPOINTS_3D_FIELD_NUMBER: _ClassVar[int]
    KEYPOINTS_2D_FIELD_NUMBER: _ClassVar[int]
    DETECTED_KEYPOINTS_2D_FIELD_NUMBER: _ClassVar[int]
    REPROJECTION_ERROR_PX_FIELD_NUMBER: _ClassVar[int]
    TRACK_ID_FIELD_NUMBER: _ClassVar[int]
    handedness: Handedness
    score: float
    confidence: float
    box: Box
    parameters: HandParameters
    vertices_float32: bytes
    vertices_quantized: QuantizedVertices
    joints: _containers.RepeatedScalarFieldContainer[float]
    keypoints_3d: _containers.RepeatedScalarFieldContainer[float]
    keypoints_2d: _containers.RepeatedScalarFieldContainer[float]
    detected_keypoints_2d: _containers.RepeatedScalarFieldContainer[float]
    reprojection_error_px: float
    track_id: int
    def __init__(self, handedness: _Optional[_Union[Handedness, str]] = ..., score: _Optional[float] = ..., confidence: _Optional[float] = ..., box: _Optional[_Union[Box, _Mapping]] = ..., parameters: _Optional[_Union[HandParameters, _Mapping]] = ..., vertices_float32: _Optional[bytes] = ..., vertices_quantized: _Optional[_Union[QuantizedVertices, _Mapping]] = ..., joints: _Optional[_Iterable[float]] = ..., keypoints_3d: _Optional[_Iterable[float]] = ..., keypoints_2d: _Optional[_Iterable[float]] = ..., detected_keypoints_2d: _Optional[_Iterable[float]] = ..., reprojection_error_px: _Optional[float] = ..., track_id: _Optional[int] = ...) -> None: ...

class MeshFaces(_message.Message):
    __slots__ = ("handedness", "vertex_count", "indices_uint32")
    HANDEDNESS_FIELD_NUMBER: _ClassVar[int]
    VERTEX_COUNT_FIELD_NUMBER: _ClassVar[int]
    INDICES_UINT32_FIELD_NUMBER: _ClassVar[int]
    handedness: Handedness
    vertex_count: int
    indices_uint32: bytes
    def __init__(self, handedness: _Optional[_Union[Handedness, str]] = ..., vertex_count: _Optional[int] = ..., indices_uint32: _Optional[bytes] = ...) -> None: ...

class PenetrationReport(_message.Message):
    __slots__ = ("max_mm", "mean_mm", "volume_cm3", "vertex_count")
    MAX_MM_FIELD_NUMBER: _ClassVar[int]
    MEAN_MM_FIELD_NUMBER: _ClassVar[int]
    VOLUME_CM3_FIELD_NUMBER: _ClassVar[int]
    VERTEX_COUNT_FIELD_NUMBER: _ClassVar[int]
    max_mm: float
    mean_mm: float
    volume_cm3: float
    vertex_count: int
    def __init__(self, max_mm: _Optional[float] = ..., mean_mm: _Optional[float] = ..., volume_cm3: _Optional[float] = ..., vertex_count: _Optional[int] = ...) -> None: ...

class StageTiming(_message.Message):
    __slots__ = ("stage", "duration_ms")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    DURATION_MS_FIELD_NUMBER: _ClassVar[int]
    stage: str
    duration_ms: float
    def __init__(self, stage: _Optional[str] = ..., duration_ms: _Optional[float] = ...) -> None: ...

class Reconstruction(_message.Message):
    __slots__ = ("hands", "camera", "penetration_before", "penetration", "timings", "warnings", "image_width_px", "image_height_px")
    HANDS_FIELD_NUMBER: _ClassVar[int]
    CAMERA_FIELD_NUMBER: _ClassVar[int]
    PENETRATION_BEFORE_FIELD_NUMBER: _ClassVar[int]
    PENETRATION_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_WIDTH_PX_FIELD_NUMBER: _ClassVar[int]
    IMAGE_HEIGHT_PX_FIELD_NUMBER: _ClassVar[int]
    hands: _containers.RepeatedCompositeFieldContainer[Hand]
    camera: Camera
    penetration_before: PenetrationReport
    penetration: PenetrationReport
    timings: _containers.RepeatedCompositeFieldContainer[StageTiming]
    warnings: _containers.RepeatedScalarFieldContainer[str]
    image_width_px: int
    image_height_px: int
    def __init__(self, hands: _Optional[_Iterable[_Union[Hand, _Mapping]]] = ..., camera: _Optional[_Union[Camera, _Mapping]] = ..., penetration_before: _Optional[_Union[PenetrationReport, _Mapping]] = ..., penetration: _Optional[_Union[PenetrationReport, _Mapping]] = ..., timings: _Optional[_Iterable[_Union[StageTiming, _Mapping]]] = ..., warnings: _Optional[_Iterable[str]] = ..., image_width_px: _Optional[int] = ..., image_height_px: _Optional[int] = ...) -> None: ...
