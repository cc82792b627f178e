package certificate

import (
	"crypto/tls"
	"errors"
	"strings"
	"sync/atomic"

	"github.com/throughline/throughline/internal/site"
)

// Issued holds the certificates that an authority issued to us.
type Issued interface {
	// Certificate returns the one for a name, nil while there is none. "" asks for
	// any.
	Certificate(name string) *tls.Certificate
	// Challenge returns the certificate by which an authority is shown, over
	// TLS-ALPN-01, that a name is ours; nil when nobody asked for that.
	Challenge(hello *tls.ClientHelloInfo) *tls.Certificate
}

// Set chooses a certificate for each handshake by the name asked for. Safe for
// concurrent use.
type Set struct {
	// Default is shown to who asks for no name, or for one of no site's. Without it
	// that is the first site's, or any that was issued.
	Default *Pair
	Issued  Issued // may be nil

	now     atomic.Pointer[table]
	missing atomic.Int64
}

// table is what of a Set changes with the sites.
type table struct {
	sites *site.Index
	own   map[*site.Site]*Pair
	first *Pair
}

// NewSet makes a Set for sites, of which some have certificates of their own.
func NewSet(sites []*site.Site, own map[*site.Site]*Pair) *Set {
	s := &Set{}
	s.SetSites(sites, own)
	return s
}

// SetSites puts other sites in force, from the next handshake on.
func (s *Set) SetSites(sites []*site.Site, own map[*site.Site]*Pair) {
	t := &table{sites: site.NewIndex(sites), own: own}
	for _, st := range sites {
		if t.first == nil {
			t.first = own[st]
		}
	}
	s.now.Store(t)
}

// Missing counts the handshakes for which there was no certificate.
func (s *Set) Missing() int64 { return s.missing.Load() }

// Protocols are what we speak over TLS.
func Protocols() []string { return []string{"h2", "http/1.1"} }

// challengeProtocol is asked for by an authority, and nobody else.
const challengeProtocol = "acme-tls/1"

// TLS is the configuration of a listener. Session tickets are on; crypto/tls makes
// a new key for them every day and takes each for a week.
func (s *Set) TLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: Protocols(),
		GetCertificate: s.choose, GetConfigForClient: s.challenge}
}

var errNone = errors.New("there is no certificate for this name yet")

func (s *Set) choose(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := strings.TrimSuffix(strings.ToLower(hello.ServerName), ".")
	t := s.now.Load()
	if p := t.own[t.sites.Find(name)]; p != nil && name != "" {
		return p.Get(), nil
	}
	if s.Issued != nil && name != "" {
		if c := s.Issued.Certificate(name); c != nil {
			return c, nil
		}
	}
	switch {
	case s.Default != nil:
		return s.Default.Get(), nil
	case t.first != nil:
		return t.first.Get(), nil
	case s.Issued != nil:
		if c := s.Issued.Certificate(""); c != nil {
			return c, nil
		}
	}
	s.missing.Add(1)
	return nil, errNone
}

// challenge answers an authority that asks whether a name is ours. To everybody
// else the protocol does not exist.
func (s *Set) challenge(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	if s.Issued == nil || len(hello.SupportedProtos) != 1 || hello.SupportedProtos[0] != challengeProtocol {
		return nil, nil
	}
	c := s.Issued.Challenge(hello)
	if c == nil {
		return nil, nil
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{challengeProtocol},
		Certificates: []tls.Certificate{*c}, SessionTicketsDisabled: true}, nil
}
