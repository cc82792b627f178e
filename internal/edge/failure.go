package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
)

// clientFailed ends an exchange whose request body broke off.
func (e *exchange) clientFailed(err error) {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		e.s.counters.slow.Add(1)
		e.x.Err = "request body too slow"
		e.plain(http.StatusRequestTimeout)
		return
	}
	e.gone()
	e.plain(http.StatusBadRequest) // a client that closed only its sending half reads it
}

// originFailed answers for an origin that did not, and names the kind.
func (e *exchange) originFailed(ctx context.Context, err error) {
	// First the body: net/http ends the context for a stall as well.
	if err := e.body.failure(); err != nil {
		e.clientFailed(err)
		return
	}
	if e.r.Context().Err() != nil {
		e.gone()
		panic(http.ErrAbortHandler)
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		e.x.Err = "cut off by us"
		panic(http.ErrAbortHandler)
	}
	kind := originKind(err)
	status := http.StatusBadGateway
	if kind == "timeout" {
		status = http.StatusGatewayTimeout
	}
	e.s.counters.originError(e.site.Name, kind)
	e.x.Err = "origin " + kind
	e.s.cfg.Logger.Debug("origin failed", "site", e.site.Name, "kind", kind, "error", err.Error())
	e.plain(status)
}

// originKind sorts an origin's failures into a few kinds, for counting.
func originKind(err error) string {
	var cert *tls.CertificateVerificationError
	var alert tls.AlertError
	var record tls.RecordHeaderError
	var dns *net.DNSError
	var timeout interface{ Timeout() bool }
	var op *net.OpError
	switch {
	case errors.As(err, &cert):
		return "certificate"
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.As(err, &dns):
		return "unknown"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.As(err, &op) && op.Op == "dial":
		return "unreachable"
	case errors.As(err, &alert), errors.As(err, &record):
		return "tls"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE),
		strings.Contains(err.Error(), "server closed idle connection"): // net/http gives it no type
		return "reset"
	}
	return "broken" // it answered something that is no HTTP
}
