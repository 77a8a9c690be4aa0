// Sends pictures to a2p serve: the first alone, then all of them as the frames of one camera.
//
//     npm run start -- localhost:50051 photo.jpg [more.jpg ...]

import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as grpc from "@grpc/grpc-js";
import * as protoLoader from "@grpc/proto-loader";

interface Hand {
  handedness: string;
  score: number;
  joints: number[];
  verticesFloat32: Buffer;
  trackId?: number;
}

interface Reconstruction {
  hands: Hand[];
  timings: { stage: string; durationMs: number }[];
  warnings: string[];
}

interface StreamResponse {
  response: "started" | "result" | "dropped" | "failed";
  result?: { frameId: string; reconstruction: Reconstruction };
  dropped?: { frameIds: string[] };
  failed?: { frameId: string; message: string };
}

interface Service extends grpc.Client {
  reconstruct(
    request: object,
    options: { deadline: number },
    done: (error: grpc.ServiceError | null, response?: { reconstruction: Reconstruction }) => void,
  ): void;
  streamReconstruct(): grpc.ClientDuplexStream<object, StreamResponse>;
}

type ServiceConstructor = new (
  target: string,
  credentials: grpc.ChannelCredentials,
  options: grpc.ChannelOptions,
) => Service;

function connect(target: string): Service {
  const protos = process.env.A2P_PROTOS ?? join(__dirname, "..", "..", "..", "protos");
  const definition = protoLoader.loadSync("a2p/v1/reconstruction_service.proto", {
    includeDirs: [protos],
    enums: String,
    longs: String, // frame ids have 64 bits, numbers in JavaScript 53
    oneofs: true,
    defaults: true, // an id of 0 is not sent
  });
  const loaded = grpc.loadPackageDefinition(definition) as unknown as {
    a2p: { v1: { ReconstructionService: ServiceConstructor } };
  };
  return new loaded.a2p.v1.ReconstructionService(target, grpc.credentials.createInsecure(), {
    "grpc.max_receive_message_length": -1,
    "grpc.max_send_message_length": -1,
  });
}

function describe(reconstruction: Reconstruction): string {
  const hands = reconstruction.hands.map((hand) => {
    const side = hand.handedness === "HANDEDNESS_LEFT" ? "left" : "right";
    const [x, y, z] = hand.joints.slice(0, 3).map((value) => value.toFixed(3));
    const vertices = hand.verticesFloat32.length / 12;
    return `${side} ${hand.score.toFixed(2)} wrist (${x}, ${y}, ${z}) m, ${vertices} vertices`;
  });
  return hands.join("; ") || "no hands";
}

function reconstruct(service: Service, image: Buffer): Promise<Reconstruction> {
  return new Promise((resolve, reject) => {
    service.reconstruct({ image: { encoded: image } }, { deadline: Date.now() + 30_000 }, (error, response) =>
      error || !response ? reject(error) : resolve(response.reconstruction),
    );
  });
}

function stream(service: Service, images: Buffer[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const call = service.streamReconstruct();
    call.on("data", (message: StreamResponse) => {
      if (message.response === "result" && message.result) {
        console.log(`frame ${message.result.frameId}: ${describe(message.result.reconstruction)}`);
      } else if (message.response === "failed" && message.failed) {
        console.log(`frame ${message.failed.frameId} failed: ${message.failed.message}`);
      } else if (message.response === "dropped" && message.dropped) {
        console.log(`dropped: ${message.dropped.frameIds.join(", ")}`);
      }
    });
    call.on("error", reject);
    call.on("end", resolve);
    call.write({ config: { queuePolicy: "QUEUE_POLICY_BLOCK", omitFaces: true } });
    images.forEach((image, index) => call.write({ frame: { frameId: index, image: { encoded: image } } }));
    call.end();
  });
}

async function main(): Promise<void> {
  const [target, ...paths] = process.argv.slice(2);
  if (!target || paths.length === 0) {
    throw new Error("usage: client HOST:PORT PICTURE...");
  }
  const images = paths.map((path) => readFileSync(path));
  const service = connect(target);
  try {
    console.log(`picture: ${describe(await reconstruct(service, images[0]))}`);
    await stream(service, images);
  } finally {
    service.close();
  }
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
