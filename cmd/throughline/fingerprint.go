package main

import (
	"fmt"
	"log/slog"

	"github.com/throughline/throughline/internal/edge"
	prints "github.com/throughline/throughline/internal/fingerprint"
)

// FingerprintConfig says what is taken of visitors' connections beside what each
// shows by itself.
type FingerprintConfig struct {
	SYN         bool               `yaml:"syn"`
	Connections bool               `yaml:"connections"`
	TicketID    bool               `yaml:"ticket_id"`
	TicketKeys  string             `yaml:"ticket_keys"`
	Headers     FingerprintHeaders `yaml:"headers"`
}

// SiteFingerprintConfig says what tells the visitors of a site apart.
type SiteFingerprintConfig struct {
	Connections *bool `yaml:"connections"`
	Tickets     *bool `yaml:"tickets"`
}

// check says which of them are shared by several visitors.
func (c *SiteFingerprintConfig) check(connections, tickets *bool) {
	if c != nil {
		*connections = c.Connections != nil && !*c.Connections
		*tickets = c.Tickets != nil && !*c.Tickets
	}
}

// FingerprintHeaders name the headers by which trusted proxies tell.
type FingerprintHeaders struct {
	JA3 string `yaml:"ja3"`
	JA4 string `yaml:"ja4"`
}

func (c FingerprintConfig) check(tls bool, bad func(field, wrong, right string)) {
	if c.TicketID && !tls {
		bad("fingerprint.ticket_id", "does nothing, since no TLS ends here", "tls with a certificate, or leave it out")
	}
	switch {
	case c.TicketKeys == "":
	case !c.TicketID:
		bad("fingerprint.ticket_keys", "does nothing", "ticket_id: true beside it, or leave it out")
	default:
		if _, err := prints.NewTickets(c.TicketKeys, nil); err != nil {
			bad("fingerprint.ticket_keys", err.Error(), "a file of mode 0600 with 64 hex digits a line")
		}
	}
	for _, h := range []struct{ field, name string }{{"ja3", c.Headers.JA3}, {"ja4", c.Headers.JA4}} {
		if h.name != "" && !headerName(h.name) {
			bad("fingerprint.headers."+h.field, fmt.Sprintf("%q is no name of a header", h.name), "e.g. CloudFront-Viewer-JA4-Fingerprint")
		}
	}
}

// headerName tells whether a name is a token (RFC 9110 5.6.2), of those that headers
// that tell something have.
func headerName(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return s != "" && len(s) <= 64
}

// apply sets what the edge is to take.
func (c FingerprintConfig) apply(to *edge.Config, log *slog.Logger) error {
	to.Fingerprint = edge.Fingerprint{SYN: c.SYN, NoConnections: !c.Connections, JA3: c.Headers.JA3, JA4: c.Headers.JA4}
	if !c.TicketID {
		return nil
	}
	t, err := prints.NewTickets(c.TicketKeys, log)
	to.Fingerprint.Tickets = t
	return err
}
