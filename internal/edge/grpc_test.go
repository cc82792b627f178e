package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

type text = wrapperspb.StringValue

// talk is a service with a method of each kind; what a test needs of it is in
// the message.
type talk struct{ ended chan error }

func (k *talk) unary(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	in := new(text)
	if err := decode(in); err != nil {
		return nil, err
	}
	switch {
	case in.Value == "refuse":
		st, _ := status.New(codes.FailedPrecondition, "not so: 100 % ü").WithDetails(wrapperspb.String("the detail"))
		return nil, st.Err()
	case in.Value == "wait":
		_, has := ctx.Deadline()
		<-ctx.Done()
		k.ended <- ctx.Err()
		if !has {
			return nil, status.Error(codes.Internal, "no deadline came")
		}
		return nil, ctx.Err()
	}
	md, _ := metadata.FromIncomingContext(ctx)
	_ = grpc.SetHeader(ctx, metadata.Pairs("x-first", strings.Join(md["x-ask"], ","), "x-raw-bin", "\x00\xff"))
	_ = grpc.SetTrailer(ctx, metadata.Pairs("x-last", "one", "x-last", "two"))
	return wrapperspb.String("heard " + in.Value), nil
}

func (k *talk) down(_ any, s grpc.ServerStream) error {
	in := new(text)
	if err := s.RecvMsg(in); err != nil {
		return err
	}
	for i := 0; in.Value == "endless" || i < 3; i++ {
		if err := s.SendMsg(wrapperspb.String(in.Value + strings.Repeat("!", i%10))); err != nil {
			k.ended <- err
			return err
		}
	}
	s.SetTrailer(metadata.Pairs("x-count", "3"))
	return nil
}

func (k *talk) up(_ any, s grpc.ServerStream) error {
	n := 0
	for {
		in := new(text)
		err := s.RecvMsg(in)
		if err == io.EOF {
			return s.SendMsg(wrapperspb.String(strings.Repeat("#", n)))
		}
		if err != nil {
			k.ended <- err
			return err
		}
		n += len(in.Value)
	}
}

func (k *talk) both(_ any, s grpc.ServerStream) error {
	for {
		in := new(text)
		err := s.RecvMsg(in)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			k.ended <- err
			return err
		}
		if in.Value == "enough" {
			return status.Error(codes.ResourceExhausted, "enough")
		}
		if err := s.SendMsg(wrapperspb.String("> " + in.Value)); err != nil {
			return err
		}
	}
}

func (k *talk) desc() *grpc.ServiceDesc {
	return &grpc.ServiceDesc{ServiceName: "test.Talk", HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Unary", Handler: k.unary}},
		Streams: []grpc.StreamDesc{{StreamName: "Down", Handler: k.down, ServerStreams: true}, {StreamName: "Up", Handler: k.up, ClientStreams: true},
			{StreamName: "Both", Handler: k.both, ServerStreams: true, ClientStreams: true}}}
}

// grpcOrigin serves talk and the health service, with or without TLS.
func grpcOrigin(t testing.TB, cert string, key string) (*talk, *grpc.Server, string) {
	t.Helper()
	k := &talk{ended: make(chan error, 100)}
	var o []grpc.ServerOption
	if cert != "" {
		creds, err := credentials.NewServerTLSFromFile(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		o = append(o, grpc.Creds(creds))
	}
	s := grpc.NewServer(o...)
	s.RegisterService(k.desc(), k)
	grpc_health_v1.RegisterHealthServer(s, health.NewServer())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(ln) }()
	t.Cleanup(s.Stop)
	if cert != "" {
		return k, s, "https://" + ln.Addr().String()
	}
	return k, s, "http://" + ln.Addr().String()
}

// grpcRig is a Server with TLS toward visitors in front of a gRPC origin.
func grpcRig(t testing.TB, d Decider, secure bool) (*talk, *rig, *grpc.ClientConn) {
	t.Helper()
	cert, key := certificate(t, t.TempDir(), "shop.example")
	ocert, okey := "", ""
	if secure {
		ocert, okey = certificate(t, t.TempDir(), "origin.example")
	}
	k, _, origin := grpcOrigin(t, ocert, okey)
	s := start(t, origin, d, func(c *Config) {
		c.Listeners[0].CertFile, c.Listeners[0].KeyFile = cert, key
		c.Sites[0].OriginProtocol = site.HTTP2
		if secure {
			c.Sites[0].OriginProtocol = site.AutoProtocol
			c.Sites[0].TLS = &site.OriginTLS{CAFile: ocert, ServerName: "origin.example"}
		}
	})
	cc, err := grpc.NewClient(s.addr, grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cc.Close() })
	return k, s, cc
}

func within(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func (k *talk) stop(t *testing.T, what string) {
	t.Helper()
	select {
	case err := <-k.ended:
		if err == nil {
			t.Errorf("%s: the origin ended well", what)
		}
	case <-time.After(20 * time.Second):
		t.Errorf("%s: the origin was not told", what)
	}
}

func TestGRPC(t *testing.T) {
	for _, secure := range []bool{false, true} {
		k, s, cc := grpcRig(t, newRecorder(nil), secure)
		ctx := within(t)
		t.Run("unary", func(t *testing.T) {
			var head, trail metadata.MD
			out := new(text)
			ask := metadata.NewOutgoingContext(ctx, metadata.Pairs("x-ask", "a", "x-ask", "b"))
			if err := cc.Invoke(ask, "/test.Talk/Unary", wrapperspb.String("this"), out, grpc.Header(&head), grpc.Trailer(&trail)); err != nil {
				t.Fatal(err)
			}
			if out.Value != "heard this" || strings.Join(head["x-first"], "|") != "a,b" || strings.Join(head["x-raw-bin"], "") != "\x00\xff" || strings.Join(trail["x-last"], "|") != "one|two" {
				t.Errorf("%q head %v trailers %v", out.Value, head, trail)
			}
			for _, name := range []string{"date", "content-length", "server", "via", "trailer"} {
				if head[name] != nil || trail[name] != nil {
					t.Errorf("%s was added: %v %v", name, head, trail)
				}
			}
			big := strings.Repeat("0123456789", 300_000)
			if err := cc.Invoke(ctx, "/test.Talk/Unary", wrapperspb.String(big), out); err != nil || out.Value != "heard "+big {
				t.Errorf("3 MB: %v, %d bytes", err, len(out.Value))
			}
		})
		t.Run("trailers only", func(t *testing.T) {
			var head, trail metadata.MD
			err := cc.Invoke(ctx, "/test.Talk/Unary", wrapperspb.String("refuse"), new(text), grpc.Header(&head), grpc.Trailer(&trail))
			st := status.Convert(err)
			if st.Code() != codes.FailedPrecondition || st.Message() != "not so: 100 % ü" || len(st.Details()) != 1 || st.Details()[0].(*text).Value != "the detail" {
				t.Errorf("%v, details %v", err, st.Details())
			}
			if head["content-length"] != nil || trail["content-length"] != nil {
				t.Errorf("a length was added: %v %v", head, trail)
			}
			err = cc.Invoke(ctx, "/test.Talk/Unknown", wrapperspb.String("x"), new(text))
			if status.Code(err) != codes.Unimplemented {
				t.Errorf("unknown method: %v", err)
			}
		})
		t.Run("streams", func(t *testing.T) {
			down, err := cc.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, "/test.Talk/Down")
			if err != nil {
				t.Fatal(err)
			}
			_ = down.SendMsg(wrapperspb.String("hey"))
			_ = down.CloseSend()
			got := ""
			for {
				m := new(text)
				if err = down.RecvMsg(m); err != nil {
					break
				}
				got += m.Value
			}
			if err != io.EOF || got != "heyhey!hey!!" || strings.Join(down.Trailer()["x-count"], "") != "3" {
				t.Errorf("down: %v %q %v", err, got, down.Trailer())
			}
			up, err := cc.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, "/test.Talk/Up")
			if err != nil {
				t.Fatal(err)
			}
			for range 20 {
				_ = up.SendMsg(wrapperspb.String(strings.Repeat("x", 50_000)))
			}
			_ = up.CloseSend()
			m := new(text)
			if err := up.RecvMsg(m); err != nil || len(m.Value) != 1_000_000 {
				t.Errorf("up: %v %d", err, len(m.Value))
			}
		})
		t.Run("full duplex", func(t *testing.T) {
			both, err := cc.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/test.Talk/Both")
			if err != nil {
				t.Fatal(err)
			}
			for _, say := range []string{"one", "two", "three"} { // each answer before the next question
				m := new(text)
				if err := errors.Join(both.SendMsg(wrapperspb.String(say)), both.RecvMsg(m)); err != nil || m.Value != "> "+say {
					t.Fatalf("%v %q", err, m.Value)
				}
			}
			// The origin ends while the client still could send, who learns it at once.
			began := time.Now()
			_ = both.SendMsg(wrapperspb.String("enough"))
			if err := both.RecvMsg(new(text)); status.Code(err) != codes.ResourceExhausted {
				t.Errorf("end: %v", err)
			}
			if time.Since(began) > linger*3/4 {
				t.Error("the end was kept back until the request's")
			}
		})
		t.Run("cancel", func(t *testing.T) {
			for _, method := range []string{"Both", "Down"} {
				c, cancel := context.WithCancel(ctx)
				st, err := cc.NewStream(c, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, "/test.Talk/"+method)
				if err != nil {
					t.Fatal(err)
				}
				err = st.SendMsg(wrapperspb.String("endless"))
				if method == "Down" {
					_ = st.CloseSend()
				}
				if err := errors.Join(err, st.RecvMsg(new(text))); err != nil {
					t.Fatal(err)
				}
				cancel()
				k.stop(t, method)
			}
		})
		t.Run("deadline", func(t *testing.T) {
			c, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			defer cancel()
			if err := cc.Invoke(c, "/test.Talk/Unary", wrapperspb.String("wait"), new(text)); status.Code(err) != codes.DeadlineExceeded {
				t.Errorf("%v", err)
			}
			k.stop(t, "deadline")
		})
		t.Run("health", func(t *testing.T) {
			r, err := grpc_health_v1.NewHealthClient(cc).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
			if err != nil || r.Status != grpc_health_v1.HealthCheckResponse_SERVING {
				t.Errorf("%v %v", r, err)
			}
		})
		if n := s.Counters().Faults; n != 0 {
			t.Errorf("%d faults", n)
		}
	}
}

// TestGRPCIsSeen captures both bodies, the response's held back too.
func TestGRPCIsSeen(t *testing.T) {
	for _, want := range []wire.BodyWant{wire.BodyCopy, wire.BodyHold} {
		rec := newRecorder(at(wire.PhaseRequestHead, wire.Decision{Request: want, Response: want}))
		_, _, cc := grpcRig(t, rec, false)
		out := new(text)
		if err := cc.Invoke(within(t), "/test.Talk/Unary", wrapperspb.String("this"), out); err != nil || out.Value != "heard this" {
			t.Fatalf("%v %q", err, out.Value)
		}
		x, _ := rec.one(t)
		if !strings.HasSuffix(string(x.ReqBody.Bytes), "this") || !strings.HasSuffix(string(x.RespBody.Bytes), "heard this") || !x.RespBody.Seen || !x.ReqBody.Seen {
			t.Errorf("%v: %q %q", want, x.ReqBody.Bytes, x.RespBody.Bytes)
		}
		if x.Request.Target != "/test.Talk/Unary" || x.Response.Status != 200 || x.Err != "" {
			t.Errorf("%v: %+v", want, x)
		}
	}
}
