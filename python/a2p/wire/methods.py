"""The names of the service and of its methods, as they stand in protos/."""

from __future__ import annotations

from a2p.wire._generated import reconstruction_service_pb2 as pb

SERVICE = pb.DESCRIPTOR.services_by_name["ReconstructionService"].full_name
RECONSTRUCT = f"/{SERVICE}/Reconstruct"
STREAM_RECONSTRUCT = f"/{SERVICE}/StreamReconstruct"
GET_SERVER_INFO = f"/{SERVICE}/GetServerInfo"
