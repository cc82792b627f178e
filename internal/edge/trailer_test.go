package edge

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/throughline/throughline/internal/wire"
)

const withTrailers = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-Sum: 7\r\nx-sum:\t8 \r\nX-Empty:\r\n\r\n"

// TestTrailersAreToldToWhoWantsThem holds that what stands behind a body is told
// where the body or they are wanted, and that the client gets the same bytes.
func TestTrailersAreToldToWhoWantsThem(t *testing.T) {
	all := "[{X-Sum 7} {x-sum 8} {X-Empty }]"
	for _, c := range []struct {
		name   string
		d      wire.Decision
		at     wire.Phase
		answer string
		want   string
	}{
		{"nothing is wanted", wire.Decision{}, 1, withTrailers, "[]"},
		{"they are", wire.Decision{Trailers: true}, 1, withTrailers, all},
		{"they are, late", wire.Decision{Trailers: true}, wire.PhaseResponseHead, withTrailers, all},
		{"the body is", wire.Decision{Response: wire.BodyCopy}, 1, withTrailers, all},
		{"the body is held", wire.Decision{Response: wire.BodyHold}, 1, withTrailers, all},
		{"the body is held, and too long", wire.Decision{Response: wire.BodyHold, Limit: 1}, 1, withTrailers, all},
		{"there are none", wire.Decision{Trailers: true}, 1, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", "[]"},
		{"there can't be any", wire.Decision{Trailers: true}, 1, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", "[]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			origin, _ := script(t, c.answer)
			held := "[]"
			rec := newRecorder(func(x *wire.Exchange, p wire.Phase) wire.Decision {
				if p == wire.PhaseResponseBody {
					held = fmt.Sprint(x.RespTrailers)
				}
				return at(c.at, c.d)(x, p)
			})
			s := start(t, origin, rec, nil)
			conn := dial(t, s.addr)
			for range 2 { // nothing is left over from one to the next
				conn.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
				if got := conn.bytes(len(c.answer)); got != c.answer {
					t.Fatalf("the client got %q", got)
				}
				x, _ := rec.one(t)
				if got := fmt.Sprint(x.RespTrailers); got != c.want {
					t.Errorf("told %s, want %s", got, c.want)
				}
				if c.d.Response != wire.BodyNone && c.d.Limit == 0 && held != c.want {
					t.Errorf("told %s with the body, want %s", held, c.want)
				}
			}
		})
	}
}

// TestTrailersThatAreCutOffAreNotTold holds that half a trailer is none.
func TestTrailersThatAreCutOffAreNotTold(t *testing.T) {
	rec := newRecorder(at(1, wire.Decision{Trailers: true}))
	s := start(t, rawOrigin(t, func(c net.Conn, r *bufio.Reader) {
		if _, err := http.ReadRequest(r); err == nil {
			_, _ = c.Write([]byte(strings.TrimSuffix(withTrailers, "Empty:\r\n\r\n")))
		}
	}), rec, nil)
	conn := dial(t, s.addr)
	conn.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	conn.rest()
	if x, _ := rec.one(t); x.RespTrailers != nil || x.Err != "origin cut off" {
		t.Errorf("%v %q", x.RespTrailers, x.Err)
	}
}

// TestTrailersOfGRPCAreTold lets real gRPC pass, as messages and as a stream.
func TestTrailersOfGRPCAreTold(t *testing.T) {
	rec := newRecorder(at(1, wire.Decision{Trailers: true}))
	_, _, cc := grpcRig(t, rec, true)
	ctx := within(t)
	told := func() string {
		x, _ := rec.one(t)
		var out []string
		for _, f := range x.RespTrailers {
			out = append(out, strings.ToLower(f.Name)+"="+f.Value)
		}
		return strings.Join(out, " ")
	}
	if err := cc.Invoke(ctx, "/test.Talk/Unary", wrapperspb.String("this"), new(text)); err != nil {
		t.Fatal(err)
	}
	if got := told(); !strings.Contains(got, "grpc-status=0") || !strings.Contains(got, "x-last=one x-last=two") {
		t.Errorf("unary: %s", got)
	}
	down, err := cc.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, "/test.Talk/Down")
	if err != nil {
		t.Fatal(err)
	}
	_ = down.SendMsg(wrapperspb.String("hey"))
	_ = down.CloseSend()
	for down.RecvMsg(new(text)) == nil {
	}
	if got := told(); !strings.Contains(got, "grpc-status=0") || !strings.Contains(got, "x-count=3") {
		t.Errorf("down: %s", got)
	}
	both, err := cc.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/test.Talk/Both")
	if err != nil {
		t.Fatal(err)
	}
	_ = both.SendMsg(wrapperspb.String("more"))
	_ = both.RecvMsg(new(text))
	_ = both.SendMsg(wrapperspb.String("enough"))
	for both.RecvMsg(new(text)) == nil {
	}
	if got := told(); !strings.Contains(got, "grpc-status=8 grpc-message=enough") {
		t.Errorf("both: %s", got)
	}
}
