package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"syscall"

	"github.com/throughline/throughline/internal/origin"
)

// uploadFailed ends an exchange whose request body broke off or is no body.
func (e *exchange) uploadFailed(err error) {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		e.s.counters.slow.Add(1)
		e.x.Err = "request body too slow"
		e.plain(http.StatusRequestTimeout)
	case isFraming(err):
		e.s.counters.malformed.Add(1)
		e.x.Err = "request body malformed"
		e.plain(http.StatusBadRequest)
	default:
		e.gone()
		e.plain(http.StatusBadRequest) // a client that closed only its sending half reads it
	}
}

// originFailed answers for an origin that did not, and names the kind.
func (e *exchange) originFailed(err error) {
	// First the body: its failure ends the wait for the origin too.
	if err := e.up.failure(); err != nil {
		e.uploadFailed(err)
		return
	}
	why := e.aborted.Load()
	if why == 0 && e.f.context().Err() != nil { // whoever says so has not come round to it
		if why = clientLeft; e.s.cut.Err() != nil {
			why = cutOff
		}
	}
	switch why {
	case clientLeft:
		e.gone()
		e.cut()
		return
	case cutOff:
		e.x.Err = "cut off by us"
		e.cut()
		return
	}
	kind := originKind(err)
	status := http.StatusBadGateway
	if why == timeIsUp {
		kind = "timeout"
	}
	switch kind {
	case "timeout":
		status = http.StatusGatewayTimeout
	case "exhausted":
		status = http.StatusServiceUnavailable
	}
	e.s.counters.originError(e.count, kind)
	e.x.Err = "origin " + kind
	e.s.cfg.Logger.Debug("origin failed", "site", e.site.Name, "kind", kind, "error", err.Error())
	if reset := new(origin.ResetError); errors.As(err, &reset) && e.speaksGRPC() {
		e.own(http.StatusOK, e.grpcEnd(e.grpcReset(reset.Code), http.StatusText(status)), nil)
		return
	}
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
	case origin.Exhausted(err):
		return "exhausted"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused"
	case errors.As(err, &op) && op.Op == "dial":
		return "unreachable"
	case errors.As(err, &alert), errors.As(err, &record):
		return "tls"
	case errors.Is(err, errSilent), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "reset"
	}
	return "broken" // it answered something that is no HTTP
}

// timedOut tells a failure that a repetition would only make longer.
func timedOut(err error) bool { return originKind(err) == "timeout" }
