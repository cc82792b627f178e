package hub

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/throughline/throughline/internal/auth"
)

// caller is what every handler may know of the request at hand.
type caller struct {
	auth.Principal
	now     time.Time
	ip      string
	hub     *Hub
	request *http.Request
}

func (c *caller) by() auth.By { return auth.By{Actor: c.Actor(), IP: c.ip} }

type callerKey struct{}

func callerOf(ctx context.Context) *caller { return ctx.Value(callerKey{}).(*caller) }

// guard is what every request passes, the app's files included: host check,
// security headers, log, and a net for panics.
func (h *Hub) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		c := &caller{now: h.Clock(), ip: addrText(h.ClientIP(r)), hub: h}
		r = r.WithContext(context.WithValue(r.Context(), callerKey{}, c))
		c.request = r
		lw := &loggedWriter{ResponseWriter: w}
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler {
					panic(p)
				}
				h.Logger.Error("hub handler panicked", "panic", p, "stack", string(debug.Stack()))
				if lw.status == 0 {
					problem(lw, http.StatusInternalServerError, "internal error")
				}
			}
			// Never the query: it may hold an e-mail address or a set-up token.
			h.Logger.Info("hub request", "id", h.requests.Add(1), "method", r.Method, "path", r.URL.Path, "status", lw.code(),
				"bytes", lw.bytes, "ms", float64(time.Since(begun).Microseconds())/1000, "ip", c.ip, "actor", c.Actor())
		}()
		h.secureHeaders(lw.Header(), r)
		if !h.hostAllowed(r.Host) {
			problem(lw, http.StatusMisdirectedRequest, fmt.Sprintf("the Hub is not configured to be asked for as %q; add the name to the Hub's hosts", hostOnly(r.Host)))
			return
		}
		next.ServeHTTP(lw, r)
	})
}

func (h *Hub) secureHeaders(out http.Header, r *http.Request) {
	out.Set("X-Content-Type-Options", "nosniff")
	out.Set("Referrer-Policy", "no-referrer")
	out.Set("Permissions-Policy", "accelerometer=(), camera=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), payment=(), usb=()")
	out.Set("Cross-Origin-Opener-Policy", "same-origin")
	out.Set("Cross-Origin-Resource-Policy", "same-origin")
	out.Set("X-Frame-Options", "DENY")
	if h.Secure {
		out.Set("Strict-Transport-Security", "max-age=31536000")
	}
	if strings.HasPrefix(r.URL.Path, "/api/") {
		out.Set("Cache-Control", "no-store")
		out.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	}
}

// hostAllowed keeps a name that an attacker points at this machine (DNS
// rebinding) from making the Hub same-origin with the attacker's page. A plain
// address cannot be pointed elsewhere.
func (h *Hub) hostAllowed(host string) bool {
	name := hostOnly(host)
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil {
		return true
	}
	for _, allowed := range h.Hosts {
		allowed = strings.ToLower(allowed)
		if name == allowed {
			return true
		}
		if suffix, ok := strings.CutPrefix(allowed, "*."); ok && strings.HasSuffix(name, "."+suffix) {
			return true
		}
	}
	return false
}

func hostOnly(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

// problem answers outside huma in the same shape as within (RFC 9457).
func problem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(huma.ErrorModel{Title: http.StatusText(status), Status: status, Detail: detail})
}

// loggedWriter remembers what was answered.
type loggedWriter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// Unwrap lets http.ResponseController reach the connection.
func (w *loggedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *loggedWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *loggedWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += int64(n)
	return n, err
}

func (w *loggedWriter) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}
