#!/bin/sh
# build.sh FOLDER: generates the messages and builds FOLDER/client, with Debian's Go packages and no network.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
protos=${A2P_PROTOS:-$here/../../protos}
out=$(mkdir -p "$1" && cd "$1" && pwd)
package="$out/src/a2p.example/v1"
mkdir -p "$package" "$out/src/a2p.example/client"
names="hand reconstruction_service"
set --
for name in $names; do
  set -- "$@" "--go_opt=Ma2p/v1/$name.proto=a2p.example/v1" "--go-grpc_opt=Ma2p/v1/$name.proto=a2p.example/v1"
done
protoc -I "$protos" --go_out="$out/src" --go-grpc_out="$out/src" "$@" \
  a2p/v1/hand.proto a2p/v1/reconstruction_service.proto
cp "$here/client.go" "$out/src/a2p.example/client/"
GO111MODULE=off GOFLAGS= GOPATH="$out:/usr/share/gocode" go build -o "$out/client" a2p.example/client
