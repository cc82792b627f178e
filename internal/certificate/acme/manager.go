// Package acme obtains and renews certificates from an authority that speaks
// ACME, by certmagic. All of it happens beside the traffic: while a certificate is
// missing, handshakes are answered with what there is.
package acme

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"
	"go.uber.org/zap"
)

// Challenges by which an authority is shown that a name is ours.
const (
	HTTP01    = acme.ChallengeTypeHTTP01
	TLSALPN01 = acme.ChallengeTypeTLSALPN01
	DNS01     = acme.ChallengeTypeDNS01
)

// Config says from whom certificates come, and for what names.
type Config struct {
	Dir       string         // where account, keys and certificates are kept; only we may read it
	Directory string         // the authority's URL; Let's Encrypt
	Email     string         // where it may write to
	Roots     *x509.CertPool // by which the authority itself is verified; nil: the system's
	Names     []string       // and no others: exact ones, with DNS also "*.example.com"
	Challenge string         // "": HTTP-01, and where that fails TLS-ALPN-01; DNS-01 with DNS
	DNS       *DNS
	Logger    *slog.Logger

	checkEvery time.Duration // for what is to be renewed; 10 min
	early      float64       // renewed when this part of the lifetime is left; a third
}

// LetsEncrypt is the directory that is asked when none is named.
const LetsEncrypt = certmagic.LetsEncryptProductionCA

// Stats count what became of certificates since the start.
type Stats struct {
	Obtained, Renewed, Failed int64
	// Waiting is how many names have none, Next when the first of the others ends.
	Waiting int
	Next    time.Time
}

// Manager keeps certificates for its names. Safe for concurrent use.
type Manager struct {
	cfg   Config
	names atomic.Pointer[names]
	cache *certmagic.Cache
	magic *certmagic.Config

	started                   atomic.Bool
	ctx                       context.Context // ends with Close
	stop                      context.CancelFunc
	once                      sync.Once
	obtained, renewed, failed atomic.Int64
}

// New takes up the certificates that are kept. Start begins to obtain others.
func New(cfg Config) (*Manager, error) {
	if len(cfg.Names) == 0 {
		return nil, errors.New("acme: no names to obtain certificates for")
	}
	if cfg.Directory == "" {
		cfg.Directory = LetsEncrypt
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	m := &Manager{cfg: cfg}
	m.ctx, m.stop = context.WithCancel(context.Background())
	m.names.Store(newNames(cfg.Names))
	log := zap.New(bridge{cfg.Logger})
	m.cache = certmagic.NewCache(certmagic.CacheOptions{GetConfigForCert: m.config, RenewCheckInterval: cfg.checkEvery,
		OCSPCheckInterval: 365 * 24 * time.Hour, Logger: log})
	m.magic = certmagic.New(m.cache, certmagic.Config{Storage: &certmagic.FileStorage{Path: cfg.Dir}, Logger: log,
		KeySource: certmagic.StandardKeyGenerator{KeyType: certmagic.P256}, RenewalWindowRatio: cfg.early, OnEvent: m.event,
		OCSP: certmagic.OCSPConfig{DisableStapling: true}, // authorities give it up, and it would keep the start waiting
		// The real ones, with addresses to listen on, come with Start.
		Issuers: []certmagic.Issuer{&certmagic.ACMEIssuer{CA: cfg.Directory}}})
	for _, n := range cfg.Names {
		_, err := m.magic.CacheManagedCertificate(context.Background(), n)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			cfg.Logger.Warn("a kept certificate does not load, another is obtained", "name", n, "error", err.Error())
		}
	}
	return m, nil
}

var errNotStarted = errors.New("not started yet")

// config is asked for by the cache's own goroutine.
func (m *Manager) config(certmagic.Certificate) (*certmagic.Config, error) {
	if !m.started.Load() {
		return nil, errNotStarted
	}
	return m.magic, nil
}

// Start obtains what is missing and renews what is due, in the background, until
// Close. The listeners whose addresses are given answer by Answer and Challenge;
// an address that is nil has none.
func (m *Manager) Start(plain, secure net.Addr) error {
	issuers, err := m.issuers(plain, secure)
	if err != nil {
		return err
	}
	m.magic.Issuers = issuers
	m.started.Store(true)
	return m.magic.ManageAsync(m.ctx, m.names.Load().list)
}

// SetNames puts other names in force. Certificates of names that are gone stay in
// the folder, and are shown and renewed no more.
func (m *Manager) SetNames(list []string) error {
	now := newNames(list)
	old := m.names.Swap(now)
	var gone []certmagic.SubjectIssuer
	for _, n := range old.list {
		if !now.has[n] {
			gone = append(gone, certmagic.SubjectIssuer{Subject: n})
		}
	}
	m.cache.RemoveManaged(gone)
	return m.magic.ManageAsync(m.ctx, list) // knows those that it keeps already
}

// names are the hosts that we keep certificates for.
type names struct {
	list []string
	has  map[string]bool
}

func newNames(list []string) *names {
	n := &names{slices.Clone(list), map[string]bool{}}
	for _, one := range list {
		n.has[one] = true
	}
	return n
}

// issuers has one for each way to show that a name is ours: certmagic tries them
// in turn, and knows one address to look for a listener at.
func (m *Manager) issuers(plain, secure net.Addr) ([]certmagic.Issuer, error) {
	base := certmagic.ACMEIssuer{CA: m.cfg.Directory, Email: m.cfg.Email, Agreed: true, TrustedRoots: m.cfg.Roots,
		Logger: m.magic.Logger, DisableDistributedSolvers: true, DisableHTTPChallenge: true, DisableTLSALPNChallenge: true}
	if m.cfg.DNS != nil {
		base.DNS01Solver = &solver{dns: m.cfg.DNS}
		return []certmagic.Issuer{certmagic.NewACMEIssuer(m.magic, base)}, nil
	}
	var out []certmagic.Issuer
	for _, way := range []struct {
		name string
		at   net.Addr
	}{{HTTP01, plain}, {TLSALPN01, secure}} {
		if way.at == nil || m.cfg.Challenge != "" && m.cfg.Challenge != way.name {
			continue
		}
		host, port, err := net.SplitHostPort(way.at.String())
		if err != nil {
			return nil, fmt.Errorf("acme: address of the %s listener: %w", way.name, err)
		}
		n, err := strconv.Atoi(port)
		if err != nil {
			return nil, fmt.Errorf("acme: port of the %s listener: %w", way.name, err)
		}
		one := base
		one.ListenHost = host
		if way.name == HTTP01 {
			one.DisableHTTPChallenge, one.AltHTTPPort = false, n
		} else {
			one.DisableTLSALPNChallenge, one.AltTLSALPNPort = false, n
		}
		out = append(out, certmagic.NewACMEIssuer(m.magic, one))
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("acme: no listener for %s", m.cfg.Challenge)
	}
	return out, nil
}

// Close ends the background work. Call it before the listeners close.
func (m *Manager) Close() {
	m.once.Do(func() {
		m.stop()
		m.cache.Stop()
	})
}

// Certificate implements certificate.Issued. Of several it takes the one that
// ends last.
func (m *Manager) Certificate(name string) *tls.Certificate {
	if name == "" {
		for _, n := range m.names.Load().list {
			if c := m.latest(n, false); c != nil {
				return c
			}
		}
		return nil
	}
	if !m.covers(name) {
		return nil
	}
	return m.latest(name, false)
}

// latest is the certificate for a name that ends last; exact leaves out those that
// only cover it.
func (m *Manager) latest(name string, exact bool) *tls.Certificate {
	var best *certmagic.Certificate
	list := m.cache.AllMatchingCertificates(name)
	for i := range list {
		c := &list[i]
		if c.Leaf == nil || exact && !slices.Contains(c.Leaf.DNSNames, name) {
			continue
		}
		if best == nil || c.Leaf.NotAfter.After(best.Leaf.NotAfter) {
			best = c
		}
	}
	if best == nil {
		return nil
	}
	return &best.Certificate
}

// covers tells whether a name is among ours, so that nobody makes us look for
// what they make up.
func (m *Manager) covers(name string) bool {
	has := m.names.Load().has
	if has[name] {
		return true
	}
	_, rest, ok := strings.Cut(name, ".")
	return ok && has["*."+rest]
}

// Challenge implements certificate.Issued.
func (m *Manager) Challenge(hello *tls.ClientHelloInfo) *tls.Certificate {
	name := strings.ToLower(hello.ServerName)
	if c, ok := m.asked(name, TLSALPN01); !ok || c.Token == "" {
		return nil
	}
	cert, err := m.magic.GetCertificate(hello)
	if err != nil {
		m.cfg.Logger.Warn("certificate challenge", "name", name, "error", err.Error())
		return nil
	}
	return cert
}

// Answer is what a plain request for a path on a host is answered with, if an
// authority asks for it just now, over HTTP-01.
func (m *Manager) Answer(host, path string) (text string, ok bool) {
	c, ok := m.asked(host, HTTP01)
	if !ok || path != c.HTTP01ResourcePath() {
		return "", false
	}
	return c.KeyAuthorization, true
}

// asked is the challenge that is open for a name.
func (m *Manager) asked(name, kind string) (certmagic.Challenge, bool) {
	if !m.names.Load().has[name] {
		return certmagic.Challenge{}, false
	}
	c, ok := certmagic.GetACMEChallenge(name)
	return c, ok && c.Type == kind
}

// event counts and says what became of a certificate.
func (m *Manager) event(_ context.Context, event string, data map[string]any) error {
	name, _ := data["identifier"].(string)
	renewal, _ := data["renewal"].(bool)
	switch event {
	case "cert_obtaining":
		if !m.names.Load().has[name] {
			return certmagic.ErrNoRetry{Err: errors.New("the name belongs to no site any more")}
		}
	case "cert_obtained":
		if renewal {
			m.renewed.Add(1)
		} else {
			m.obtained.Add(1)
		}
		m.cfg.Logger.Info("certificate issued", "name", name, "renewal", renewal)
	case "cert_failed":
		m.failed.Add(1)
		m.cfg.Logger.Error("no certificate was issued; it is tried again", "name", name, "renewal", renewal, "error", fmt.Sprint(data["error"]))
	}
	return nil
}

// Stats returns what became of certificates.
func (m *Manager) Stats() Stats {
	s := Stats{Obtained: m.obtained.Load(), Renewed: m.renewed.Load(), Failed: m.failed.Load()}
	for _, n := range m.names.Load().list {
		c := m.latest(n, true)
		if c == nil {
			s.Waiting++
			continue
		}
		if end := c.Leaf.NotAfter; s.Next.IsZero() || end.Before(s.Next) {
			s.Next = end
		}
	}
	return s
}
