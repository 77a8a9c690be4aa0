"""The gRPC server. Needs the extra `serve`."""
