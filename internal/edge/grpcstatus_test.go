package edge

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// TestRefusalsThatGRPCUnderstands answers calls in the origin's place: its clients
// read a status of theirs, no page.
func TestRefusalsThatGRPCUnderstands(t *testing.T) {
	page := []byte("<p>no</p>")
	for _, c := range []struct {
		name string
		d    Decider
		stop bool // the origin is gone
		want codes.Code
	}{
		{"blocked", newRecorder(at(wire.PhaseRequestHead, wire.Decision{Answer: &wire.Answer{Status: 403, Fields: []wire.Field{{Name: "Content-Type", Value: "text/html"}}, Body: page}})), false, codes.PermissionDenied},
		{"slowed down", newRecorder(at(wire.PhaseRequestHead, wire.Decision{Answer: &wire.Answer{Status: 429, Body: page}})), false, codes.Unavailable},
		{"response held and refused", newRecorder(at(wire.PhaseResponseHead, wire.Decision{Answer: &wire.Answer{Status: 401, Body: page}})), false, codes.Unauthenticated},
		{"no origin", newRecorder(nil), true, codes.Unavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, s, cc := grpcRig(t, c.d, false)
			if c.stop {
				if err := s.Reconfigure(Config{Sites: []*site.Site{{Name: "shop", Hosts: []string{"*"}, Origin: "http://127.0.0.1:1", Mode: site.Active, Failure: site.FailOpen}}}); err != nil {
					t.Fatal(err)
				}
			}
			err := cc.Invoke(within(t), "/test.Talk/Unary", wrapperspb.String("this"), new(text))
			if status.Code(err) != c.want {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// TestADeadlineThatTheOriginKeeps has a client that goes on waiting: an origin of
// gRPC resets the stream when its time is up, and why is told.
func TestADeadlineThatTheOriginKeeps(t *testing.T) {
	_, s, _ := grpcRig(t, newRecorder(nil), false)
	_, transport := startTLS(t, "http://127.0.0.1:1", nobody{})
	message, err := proto.Marshal(wrapperspb.String("wait"))
	if err != nil {
		t.Fatal(err)
	}
	body := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(message))) //nolint:gosec // short
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+s.addr+"/test.Talk/Unary", bytes.NewReader(append(body, message...)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}, "Grpc-Timeout": {"50m"}}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	rest, err := io.ReadAll(resp.Body)
	code := resp.Header.Get("Grpc-Status") + resp.Trailer.Get("Grpc-Status")
	if err != nil || resp.StatusCode != 200 || code != "4" || len(rest) > 0 || resp.Header.Get("Content-Type") != "application/grpc" {
		t.Errorf("%v %d %v %v %q", err, resp.StatusCode, resp.Header, resp.Trailer, rest)
	}
}

func TestWhatAResetMeans(t *testing.T) {
	e := &exchange{s: &Server{}}
	e.s.cfg.Clock = func() int64 { return 2_000_000 }
	e.x.Start = 1_000_000
	for _, c := range []struct {
		reason, timeout string
		want            grpcCode
	}{
		{"CANCEL", "", grpcCancelled}, {"CANCEL", "1S", grpcDeadlineExceeded}, {"CANCEL", "1000m", grpcDeadlineExceeded}, {"CANCEL", "1001m", grpcCancelled},
		{"CANCEL", "99999999H", grpcCancelled}, {"CANCEL", "100000000n", grpcCancelled}, {"CANCEL", "-1S", grpcCancelled}, {"CANCEL", "1", grpcCancelled}, {"CANCEL", "1x", grpcCancelled},
		{"REFUSED_STREAM", "", grpcUnavailable}, {"ENHANCE_YOUR_CALM", "", grpcResourceExhausted}, {"INADEQUATE_SECURITY", "", grpcPermissionDenied},
		{"INTERNAL_ERROR", "", grpcInternal}, {"NO_ERROR", "", grpcInternal},
	} {
		e.req = &wire.Message{Head: wire.Head{Fields: []wire.Field{{Name: "grpc-timeout", Value: c.timeout}}}}
		if got := e.grpcReset(c.reason); got != c.want {
			t.Errorf("%s with a timeout of %q: %d, want %d", c.reason, c.timeout, got, c.want)
		}
	}
}
