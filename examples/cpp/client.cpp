// Sends pictures to a2p serve: the first alone, then all of them as the frames of one camera.
//
//     a2p_client localhost:50051 photo.jpg [more.jpg ...]

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "a2p/v1/reconstruction_service.grpc.pb.h"

namespace {

namespace v1 = a2p::v1;

std::string read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string describe(const v1::Reconstruction& reconstruction) {
  std::string text;
  for (const v1::Hand& hand : reconstruction.hands()) {
    const char* side = hand.handedness() == v1::HANDEDNESS_LEFT ? "left" : "right";
    const std::size_t vertices = hand.vertices_float32().size() / 12;  // three little-endian floats each
    char line[160];
    std::snprintf(line, sizeof line, "%s%s %.2f wrist (%.3f, %.3f, %.3f) m, %zu vertices", text.empty() ? "" : "; ",
                  side, hand.score(), hand.joints(0), hand.joints(1), hand.joints(2), vertices);
    text += line;
  }
  return text.empty() ? "no hands" : text;
}

grpc::Status reconstruct(v1::ReconstructionService::Stub& stub, const std::string& image) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  v1::ReconstructRequest request;
  request.mutable_image()->set_encoded(image);
  v1::ReconstructResponse response;
  const grpc::Status status = stub.Reconstruct(&context, request, &response);
  if (status.ok()) std::printf("picture: %s\n", describe(response.reconstruction()).c_str());
  return status;
}

void print(const v1::StreamReconstructResponse& response) {
  if (response.has_result()) {
    std::printf("frame %ju: %s\n", static_cast<std::uintmax_t>(response.result().frame_id()),
                describe(response.result().reconstruction()).c_str());
  } else if (response.has_failed()) {
    std::printf("frame %ju failed: %s\n", static_cast<std::uintmax_t>(response.failed().frame_id()),
                response.failed().message().c_str());
  } else if (response.has_dropped()) {
    for (const auto frame_id : response.dropped().frame_ids()) {
      std::printf("dropped: %ju\n", static_cast<std::uintmax_t>(frame_id));
    }
  }
}

// Writes from a thread of its own, since the server stops reading while its queue is full.
grpc::Status stream(v1::ReconstructionService::Stub& stub, const std::vector<std::string>& images) {
  grpc::ClientContext context;
  const auto call = stub.StreamReconstruct(&context);
  std::thread writer([&] {
    v1::StreamReconstructRequest request;
    request.mutable_config()->set_queue_policy(v1::QUEUE_POLICY_BLOCK);
    request.mutable_config()->set_omit_faces(true);
    bool is_open = call->Write(request);
    for (std::size_t i = 0; i < images.size() && is_open; ++i) {
      request.mutable_frame()->set_frame_id(i);
      request.mutable_frame()->mutable_image()->set_encoded(images[i]);
      is_open = call->Write(request);
    }
    call->WritesDone();
  });
  v1::StreamReconstructResponse response;
  while (call->Read(&response)) print(response);
  writer.join();
  return call->Finish();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: a2p_client HOST:PORT PICTURE...\n");
    return 2;
  }
  std::vector<std::string> images;
  for (int i = 2; i < argc; ++i) images.push_back(read_file(argv[i]));
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  const auto channel = grpc::CreateCustomChannel(argv[1], grpc::InsecureChannelCredentials(), arguments);
  const auto stub = v1::ReconstructionService::NewStub(channel);
  grpc::Status status = reconstruct(*stub, images.front());
  if (status.ok()) status = stream(*stub, images);
  if (status.ok()) return 0;
  std::fprintf(stderr, "%s\n", status.error_message().c_str());
  return 1;
}
