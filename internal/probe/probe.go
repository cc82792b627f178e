// Package probe looks at a site as its visitors find it: the records that lead to
// us, the certificate that is shown, the origin behind.
package probe

import (
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"time"

	"github.com/throughline/throughline/internal/site"
)

// Plan says what should be so for a host.
type Plan struct {
	Host string
	Site *site.Site // whose host it is
	// Managed is the domain whose names lead to us; "": it is not known.
	Managed string
	// Delegated is the name whose alias Challenge lets us obtain the certificate by
	// DNS; both "" where it is obtained otherwise.
	Delegated, Challenge string

	Resolver string         // host:port of the name server asked; "": the system's
	Connect  string         // host:port at which the certificate is looked for; "": where the name leads, 443
	Roots    *x509.CertPool // by which it is verified; nil: the system's
	Timeout  time.Duration  // for each check; 10 s
}

// Record is one to publish.
type Record struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value string `json:"value"`
}

func (r Record) String() string { return fmt.Sprintf("%s. %s %s.", r.Name, r.Type, r.Value) }

// Result is what one check found.
type Result struct {
	Check string `json:"check"`
	OK    bool   `json:"ok"`
	Found string `json:"found"`
	Want  string `json:"want,omitempty"` // what would be right, where it failed
}

func ok(found string, args ...any) Result {
	return Result{OK: true, Found: fmt.Sprintf(found, args...)}
}

func failed(want, found string, args ...any) Result {
	return Result{Found: fmt.Sprintf(found, args...), Want: want}
}

// target is the name of ours that the host is to lead to.
func (p Plan) target() string { return p.Host + "." + p.Managed }

// Records are those to publish for the host.
func (p Plan) Records() (out []Record) {
	if p.Managed != "" {
		out = append(out, Record{p.Host, "CNAME", p.target()})
	}
	if p.Challenge != "" {
		out = append(out, Record{p.Delegated, "CNAME", p.Challenge})
	}
	return out
}

// Check looks at everything, in the order in which one depends on the other.
func (p Plan) Check(ctx context.Context) []Result {
	if p.Timeout == 0 {
		p.Timeout = 10 * time.Second
	}
	var out []Result
	look := func(name string, check func(context.Context) Result) {
		ctx, cancel := context.WithTimeout(ctx, p.Timeout)
		defer cancel()
		r := check(ctx)
		r.Check = name
		out = append(out, r)
	}
	n, err := newNames(p.Resolver)
	if err != nil {
		return []Result{{Check: "dns", Found: err.Error(), Want: "a name server, by --resolver host:port"}}
	}
	look("cname", func(ctx context.Context) Result { return p.alias(ctx, n) })
	if p.Challenge != "" {
		look("acme-challenge", func(ctx context.Context) Result { return p.delegation(ctx, n) })
	}
	look("certificate", func(ctx context.Context) Result { return p.certificate(ctx, n) })
	look("origin-tls", p.originTLS)
	look("origin-health", p.originHealth)
	return out
}

// dial opens a connection to a host and port, looked up by n.
func dial(ctx context.Context, n *names, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	ips := []string{host}
	if net.ParseIP(host) == nil {
		if ips, err = n.addresses(ctx, host); err != nil {
			return nil, err
		}
	}
	err = fmt.Errorf("%s has no address", host)
	for _, ip := range ips {
		var d net.Dialer
		var c net.Conn
		if c, err = d.DialContext(ctx, "tcp", net.JoinHostPort(ip, port)); err == nil {
			return c, nil
		}
	}
	return nil, err
}
