// Sends pictures to a2p serve: the first alone, then all of them as the frames of one camera.
//
//	client localhost:50051 photo.jpg [more.jpg ...]
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	v1 "a2p.example/v1"
)

// describe returns a line about the hands of one picture.
func describe(reconstruction *v1.Reconstruction) string {
	var hands []string
	for _, hand := range reconstruction.GetHands() {
		side := "right"
		if hand.GetHandedness() == v1.Handedness_HANDEDNESS_LEFT {
			side = "left"
		}
		wrist := hand.GetJoints()[:3] // m, camera frame: x right, y down, z forward
		hands = append(hands, fmt.Sprintf("%s %.2f wrist (%.3f, %.3f, %.3f) m, %d vertices",
			side, hand.GetScore(), wrist[0], wrist[1], wrist[2], len(vertices(hand))))
	}
	if len(hands) == 0 {
		return "no hands"
	}
	return strings.Join(hands, "; ")
}

// vertices returns a hand's mesh, m, camera frame.
func vertices(hand *v1.Hand) [][3]float32 {
	data := hand.GetVerticesFloat32() // three little-endian floats each
	points := make([][3]float32, len(data)/12)
	for i := range points {
		for k := range points[i] {
			points[i][k] = math.Float32frombits(binary.LittleEndian.Uint32(data[12*i+4*k:]))
		}
	}
	return points
}

func reconstruct(client v1.ReconstructionServiceClient, picture []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	image := &v1.Image{Content: &v1.Image_Encoded{Encoded: picture}}
	response, err := client.Reconstruct(ctx, &v1.ReconstructRequest{Image: image})
	if err != nil {
		return err
	}
	fmt.Println("picture:", describe(response.GetReconstruction()))
	return nil
}

// send writes the configuration and the frames of a stream. Send waits while the server's queue is full.
func send(call v1.ReconstructionService_StreamReconstructClient, pictures [][]byte) error {
	config := &v1.StreamConfig{QueuePolicy: v1.QueuePolicy_QUEUE_POLICY_BLOCK, OmitFaces: true}
	request := &v1.StreamReconstructRequest{Request: &v1.StreamReconstructRequest_Config{Config: config}}
	if err := call.Send(request); err != nil {
		return err
	}
	for id, picture := range pictures {
		frame := &v1.Frame{FrameId: uint64(id), Image: &v1.Image{Content: &v1.Image_Encoded{Encoded: picture}}}
		request := &v1.StreamReconstructRequest{Request: &v1.StreamReconstructRequest_Frame{Frame: frame}}
		if err := call.Send(request); err != nil {
			return err
		}
	}
	return call.CloseSend()
}

func stream(client v1.ReconstructionServiceClient, pictures [][]byte) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	call, err := client.StreamReconstruct(ctx)
	if err != nil {
		return err
	}
	sent := make(chan error, 1)
	go func() { sent <- send(call, pictures) }()
	for {
		response, err := call.Recv()
		if errors.Is(err, io.EOF) {
			return <-sent
		}
		if err != nil {
			return err // says more than Send, which only knows that the stream is over
		}
		show(response)
	}
}

func show(response *v1.StreamReconstructResponse) {
	switch answer := response.GetResponse().(type) {
	case *v1.StreamReconstructResponse_Result:
		fmt.Printf("frame %d: %s\n", answer.Result.GetFrameId(), describe(answer.Result.GetReconstruction()))
	case *v1.StreamReconstructResponse_Failed:
		fmt.Printf("frame %d failed: %s\n", answer.Failed.GetFrameId(), answer.Failed.GetMessage())
	case *v1.StreamReconstructResponse_Dropped:
		fmt.Println("dropped:", answer.Dropped.GetFrameIds())
	}
}

func run(address string, paths []string) error {
	var pictures [][]byte
	for _, path := range paths {
		picture, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		pictures = append(pictures, picture)
	}
	connection, err := grpc.Dial(address, grpc.WithInsecure(),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(math.MaxInt32)))
	if err != nil {
		return err
	}
	defer connection.Close()
	client := v1.NewReconstructionServiceClient(connection)
	if err := reconstruct(client, pictures[0]); err != nil {
		return err
	}
	return stream(client, pictures)
}

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: client HOST:PORT PICTURE...")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, status.Convert(err).Message())
		os.Exit(1)
	}
}
