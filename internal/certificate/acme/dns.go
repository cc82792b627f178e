package acme

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mholt/acmez/v3/acme"
	"github.com/miekg/dns"
)

// DNS is a zone of the operator's that we may write to by dynamic update
// (RFC 2136, signed by TSIG). The owner of a host delegates its challenges to it
// once, by a CNAME from Delegated to Target.
type DNS struct {
	Zone      string        // acme.example.net
	Server    string        // host:port of the primary
	KeyName   string        // of the TSIG key; "": updates are not signed
	Secret    string        // of the TSIG key, base64
	Algorithm string        // of the TSIG key; hmac-sha256
	Wait      time.Duration // until secondaries have followed
}

// Delegated is where an authority looks for the proof that a name is ours.
func Delegated(name string) string { return "_acme-challenge." + strings.TrimPrefix(name, "*.") }

// Target is where we write that proof.
func (d *DNS) Target(name string) string { return strings.TrimPrefix(name, "*.") + "." + d.Zone }

// recordTTL is short, since the record is gone in a minute.
const recordTTL = 60

// solver shows by records in a zone of ours that names are ours.
type solver struct{ dns *DNS }

// Present implements acmez.Solver.
func (s *solver) Present(ctx context.Context, c acme.Challenge) error {
	return s.update(ctx, c, (*dns.Msg).Insert)
}

// Wait implements acmez.Waiter.
func (s *solver) Wait(ctx context.Context, _ acme.Challenge) error {
	select {
	case <-time.After(s.dns.Wait):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// CleanUp implements acmez.Solver. It happens although ctx may have ended.
func (s *solver) CleanUp(ctx context.Context, c acme.Challenge) error {
	return s.update(context.WithoutCancel(ctx), c, (*dns.Msg).Remove)
}

// updateTimeout bounds one update.
const updateTimeout = 10 * time.Second

func (s *solver) update(ctx context.Context, c acme.Challenge, change func(*dns.Msg, []dns.RR)) error {
	ctx, cancel := context.WithTimeout(ctx, updateTimeout)
	defer cancel()
	d := s.dns
	record := &dns.TXT{Hdr: dns.RR_Header{Name: dns.Fqdn(d.Target(c.Identifier.Value)), Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: recordTTL},
		Txt: []string{c.DNS01KeyAuthorization()}}
	msg := new(dns.Msg)
	msg.SetUpdate(dns.Fqdn(d.Zone))
	change(msg, []dns.RR{record})
	client := &dns.Client{Net: "tcp", Timeout: updateTimeout}
	if d.KeyName != "" {
		key, algorithm := dns.Fqdn(d.KeyName), dns.Fqdn(d.Algorithm)
		client.TsigSecret = map[string]string{key: d.Secret}
		msg.SetTsig(key, algorithm, 300, time.Now().Unix())
	}
	answer, _, err := client.ExchangeContext(ctx, msg, d.Server)
	if err != nil {
		return fmt.Errorf("update of zone %s at %s: %w", d.Zone, d.Server, err)
	}
	if answer.Rcode != dns.RcodeSuccess {
		return fmt.Errorf("update of zone %s at %s: refused with %s", d.Zone, d.Server, dns.RcodeToString[answer.Rcode])
	}
	return nil
}

// Check tells what is wrong with the settings.
func (d *DNS) Check() error {
	switch {
	case d.Zone == "" || d.Server == "":
		return errors.New("zone or server is missing")
	case (d.KeyName == "") != (d.Secret == ""):
		return errors.New("a key's name or its secret is missing")
	}
	return nil
}
