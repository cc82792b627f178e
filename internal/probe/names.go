package probe

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// names asks a name server.
type names struct{ server string }

func newNames(server string) (*names, error) {
	if server != "" {
		return &names{server}, nil
	}
	conf, err := dns.ClientConfigFromFile("/etc/resolv.conf")
	if err != nil || len(conf.Servers) == 0 {
		return nil, fmt.Errorf("no name server is configured on this machine: %w", err)
	}
	return &names{net.JoinHostPort(conf.Servers[0], conf.Port)}, nil
}

func (n *names) ask(ctx context.Context, name string, kind uint16) ([]dns.RR, error) {
	q := new(dns.Msg)
	q.SetQuestion(dns.Fqdn(name), kind)
	a, _, err := (&dns.Client{}).ExchangeContext(ctx, q, n.server)
	if err == nil && a.Truncated {
		a, _, err = (&dns.Client{Net: "tcp"}).ExchangeContext(ctx, q, n.server)
	}
	if err != nil {
		return nil, fmt.Errorf("name server %s: %w", n.server, err)
	}
	if a.Rcode != dns.RcodeSuccess && a.Rcode != dns.RcodeNameError {
		return nil, fmt.Errorf("name server %s answers %s for %s", n.server, dns.RcodeToString[a.Rcode], name)
	}
	return a.Answer, nil
}

// maxAliases bounds a chain of aliases.
const maxAliases = 8

// aliases follows a name to the end of its chain, which it returns.
func (n *names) aliases(ctx context.Context, name string) (chain []string, err error) {
	for range maxAliases {
		answer, err := n.ask(ctx, name, dns.TypeCNAME)
		if err != nil {
			return nil, err
		}
		next := ""
		for _, rr := range answer {
			if c, ok := rr.(*dns.CNAME); ok && strings.EqualFold(c.Hdr.Name, dns.Fqdn(name)) {
				next = strings.TrimSuffix(strings.ToLower(c.Target), ".")
			}
		}
		if next == "" {
			return chain, nil
		}
		chain, name = append(chain, next), next
	}
	return nil, fmt.Errorf("more than %d aliases in a row", maxAliases)
}

// addresses are all of a name, sorted.
func (n *names) addresses(ctx context.Context, name string) (out []string, err error) {
	for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
		answer, err := n.ask(ctx, name, kind)
		if err != nil {
			return nil, err
		}
		for _, rr := range answer {
			switch rr := rr.(type) {
			case *dns.A:
				out = append(out, rr.A.String())
			case *dns.AAAA:
				out = append(out, rr.AAAA.String())
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// alias checks that the host leads to us: by an alias or, where there can be none
// (a zone's own name), by the same addresses.
func (p Plan) alias(ctx context.Context, n *names) Result {
	own, err := n.addresses(ctx, p.Host)
	if err != nil {
		return failed("a name server that answers", "%v", err)
	}
	if p.Managed == "" {
		if len(own) == 0 {
			return failed("a CNAME or addresses that lead to Throughline", "%s has no address", p.Host)
		}
		return ok("%s is at %s; whether that is here is not known without managed_domain", p.Host, strings.Join(own, ", "))
	}
	want := "CNAME " + p.target() + "., or for a zone's own name the addresses of " + p.Managed
	chain, err := n.aliases(ctx, p.Host)
	if err != nil {
		return failed(want, "%v", err)
	}
	for _, name := range chain {
		if name != p.Managed && !strings.HasSuffix(name, "."+p.Managed) {
			continue
		}
		if len(own) == 0 {
			return failed("addresses for "+name, "%s leads to %s, which has no address", p.Host, name)
		}
		return ok("%s leads to %s (%s)", p.Host, name, strings.Join(own, ", "))
	}
	if len(chain) > 0 {
		return failed(want, "%s leads to %s", p.Host, chain[len(chain)-1])
	}
	if len(own) == 0 {
		return failed(want, "%s does not exist", p.Host)
	}
	ours, err := n.addresses(ctx, p.Managed)
	if err != nil {
		return failed(want, "%v", err)
	}
	for _, a := range own {
		if !slices.Contains(ours, a) {
			return failed(want, "%s is at %s, without a CNAME", p.Host, strings.Join(own, ", "))
		}
	}
	return ok("%s has addresses of %s (%s)", p.Host, p.Managed, strings.Join(own, ", "))
}

// delegation checks that we may show by DNS that the host is ours.
func (p Plan) delegation(ctx context.Context, n *names) Result {
	want := "CNAME " + p.Challenge + "."
	chain, err := n.aliases(ctx, p.Delegated)
	switch {
	case err != nil:
		return failed(want, "%v", err)
	case len(chain) == 0:
		return failed(want, "%s has no CNAME", p.Delegated)
	case !slices.Contains(chain, strings.ToLower(p.Challenge)):
		return failed(want, "%s leads to %s", p.Delegated, chain[len(chain)-1])
	}
	return ok("%s leads to %s", p.Delegated, p.Challenge)
}
