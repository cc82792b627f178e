// Package certificate chooses what we show of ourselves in a TLS handshake: pairs
// of files, read again when they change, and certificates that acme obtains.
package certificate

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Pair is a certificate and its key from files, read again when they change. A
// changed pair that does not load is logged; the old one stays. Safe for
// concurrent use.
type Pair struct {
	certFile, keyFile string
	log               *slog.Logger

	mu      sync.Mutex
	cert    *tls.Certificate
	stamp   string
	checked time.Time
}

// Load reads a pair of PEM files.
func Load(certFile, keyFile string, log *slog.Logger) (*Pair, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	p := &Pair{certFile: certFile, keyFile: keyFile, log: log}
	p.stamp, p.checked = p.print(), time.Now()
	cert, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, fmt.Errorf("certificate: %w", err)
	}
	p.cert = &cert
	return p, nil
}

// Get returns the certificate. It looks at the files at most once a second.
func (p *Pair) Get() *tls.Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.checked) < time.Second {
		return p.cert
	}
	p.checked = time.Now()
	stamp := p.print()
	if stamp == p.stamp {
		return p.cert
	}
	p.stamp = stamp
	cert, err := tls.LoadX509KeyPair(p.certFile, p.keyFile)
	if err != nil {
		p.log.Error("changed certificate does not load, the old one stays", "file", p.certFile, "error", err.Error())
		return p.cert
	}
	p.log.Info("certificate read again", "file", p.certFile, "until", cert.Leaf.NotAfter.UTC().Format(time.RFC3339))
	p.cert = &cert
	return p.cert
}

func (p *Pair) print() string {
	out := ""
	for _, f := range []string{p.certFile, p.keyFile} {
		if info, err := os.Stat(f); err == nil {
			out += fmt.Sprint(info.ModTime().UnixNano(), info.Size(), " ")
		}
	}
	return out
}
