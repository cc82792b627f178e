package edge

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/wire"
)

// grpcCode is a status of gRPC (grpc/doc/statuscodes.md).
type grpcCode int

const (
	grpcCancelled         grpcCode = 1
	grpcUnknown           grpcCode = 2
	grpcDeadlineExceeded  grpcCode = 4
	grpcPermissionDenied  grpcCode = 7
	grpcResourceExhausted grpcCode = 8
	grpcUnimplemented     grpcCode = 12
	grpcInternal          grpcCode = 13
	grpcUnavailable       grpcCode = 14
	grpcUnauthenticated   grpcCode = 16
)

// speaksGRPC tells a client to which a page would say nothing. It is gRPC's type,
// or that of gRPC-Web.
func (e *exchange) speaksGRPC() bool {
	return e.req.Method == http.MethodPost && strings.HasPrefix(e.grpcType(), "application/grpc")
}

func (e *exchange) grpcType() string {
	for i := range e.req.Fields {
		if strings.EqualFold(e.req.Fields[i].Name, "Content-Type") {
			return e.req.Fields[i].Value
		}
	}
	return ""
}

// grpcEnd is a response that is nothing but a status ("Trailers-Only",
// grpc/doc/PROTOCOL-HTTP2.md).
func (e *exchange) grpcEnd(code grpcCode, message string) []wire.Field {
	return []wire.Field{
		{Name: "Content-Type", Value: e.grpcType()},
		{Name: "Grpc-Status", Value: strconv.Itoa(int(code))},
		{Name: "Grpc-Message", Value: message},
	}
}

// grpcOf is what a client makes of a status that comes without one of gRPC
// (grpc/doc/http-grpc-status-mapping.md).
func grpcOf(status int) grpcCode {
	switch status {
	case http.StatusBadRequest:
		return grpcInternal
	case http.StatusUnauthorized:
		return grpcUnauthenticated
	case http.StatusForbidden:
		return grpcPermissionDenied
	case http.StatusNotFound:
		return grpcUnimplemented
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return grpcUnavailable
	}
	return grpcUnknown
}

// grpcReset is what a client makes of a stream that was reset
// (grpc/doc/PROTOCOL-HTTP2.md, "Errors"). An origin that gives up at the deadline
// resets with CANCEL; a client whose deadline has passed by then knows why.
func (e *exchange) grpcReset(reason string) grpcCode {
	switch reason {
	case "CANCEL":
		if limit := e.grpcTimeout(); limit > 0 && e.x.Start > 0 && e.s.cfg.Clock()-e.x.Start >= limit.Microseconds() {
			return grpcDeadlineExceeded
		}
		return grpcCancelled
	case "REFUSED_STREAM":
		return grpcUnavailable
	case "ENHANCE_YOUR_CALM":
		return grpcResourceExhausted
	case "INADEQUATE_SECURITY":
		return grpcPermissionDenied
	}
	return grpcInternal
}

// grpcTimeout is how long the client waits, 0 if it does not say: up to eight
// digits and a unit.
func (e *exchange) grpcTimeout() time.Duration {
	for i := range e.req.Fields {
		if !strings.EqualFold(e.req.Fields[i].Name, "Grpc-Timeout") {
			continue
		}
		v := e.req.Fields[i].Value
		if len(v) < 2 || len(v) > 9 {
			return 0
		}
		n, err := strconv.ParseUint(v[:len(v)-1], 10, 32)
		if err != nil {
			return 0
		}
		unit := map[byte]time.Duration{'H': time.Hour, 'M': time.Minute, 'S': time.Second,
			'm': time.Millisecond, 'u': time.Microsecond, 'n': time.Nanosecond}[v[len(v)-1]]
		return time.Duration(min(n, uint64(24*365*time.Hour/max(unit, 1)))) * unit //nolint:gosec // a year at most
	}
	return 0
}
