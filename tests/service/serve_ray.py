"""Two replicas of fake results under Ray Serve; ends with its input: python -m tests.service.serve_ray PORT PORT."""

from __future__ import annotations

import dataclasses
import os
import sys

from a2p.camera import Camera
from a2p.perception.image import ImageInput
from a2p.result import Reconstruction
from a2p.service.backend import Backend
from a2p.service.config import ServeConfig
from a2p.service.ray_app import build_with
from tests.service.fakes import FakeBackend


class _Named(FakeBackend):
    """Says in every result which process it comes from."""

    def result(self, image: ImageInput, camera: Camera | None, track_id: int | None) -> Reconstruction:
        found = super().result(image, camera, track_id)
        return dataclasses.replace(found, warnings=(f"process {os.getpid()}",))


def _backend(config: ServeConfig) -> Backend:
    del config
    return _Named(delay_s=0.01)


def main(port: int, http_port: int) -> None:
    import ray
    from ray import serve
    from ray.serve.config import HTTPOptions, gRPCOptions

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, object_store_memory=100 * 2**20)
    print("ray", flush=True)
    serve.start(
        grpc_options=gRPCOptions(port=port, grpc_servicer_functions=["a2p.service.ray_app.add_service"]),
        http_options=HTTPOptions(host="127.0.0.1", port=http_port),
    )
    application = build_with({"workers": 1}, _backend)
    deployment = application._bound_deployment.options(num_replicas=2, ray_actor_options={"num_cpus": 0.5})
    serve.run(deployment.bind(*application._bound_deployment.init_args), name="a2p")
    print("serving", flush=True)
    sys.stdin.read()
    serve.shutdown()
    ray.shutdown()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
