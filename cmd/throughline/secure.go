package main

import (
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"time"

	"github.com/throughline/throughline/internal/certificate"
	"github.com/throughline/throughline/internal/certificate/acme"
	"github.com/throughline/throughline/internal/edge"
	"github.com/throughline/throughline/internal/site"
)

// secure adds the TLS listener with the certificates of all sites. It takes up
// what was obtained before; obtainCertificates goes on.
func (a *app) secure(cfg *edge.Config) error {
	t := a.set.TLS
	if t == nil {
		return nil
	}
	own, err := a.set.ownPairs(a.log)
	if err != nil {
		return err
	}
	a.certificates = certificate.NewSet(a.set.sites, own)
	if t.Cert != "" {
		p, err := certificate.Load(t.Cert, t.Key, a.log)
		if err != nil {
			return err
		}
		a.certificates.Default = p
	}
	if a.set.certificates.acme != nil {
		conf := *a.set.certificates.acme
		conf.Dir, conf.Logger = filepath.Join(a.set.Data, "certificates"), a.log
		m, err := acme.New(conf)
		if err != nil {
			return err
		}
		a.acme, a.certificates.Issued, cfg.Challenge = m, m, m.Answer
	}
	cfg.Listeners = append(cfg.Listeners, edge.Listener{Addr: t.Listen, TLS: a.certificates.TLS(), Socket: a.secret, Announced: a.set.announcedTLS})
	return nil
}

// ownPairs are the certificates of sites that have their own.
func (s *settings) ownPairs(log *slog.Logger) (map[*site.Site]*certificate.Pair, error) {
	own := map[*site.Site]*certificate.Pair{}
	for i, sc := range s.Sites {
		if sc.Cert == "" {
			continue
		}
		p, err := certificate.Load(sc.Cert, sc.Key, log)
		if err != nil {
			return nil, fmt.Errorf("site %s: %w", sc.Name, err)
		}
		own[s.sites[i]] = p
	}
	return own, nil
}

// changeCertificates puts those of other sites in force; what tls says of them
// stays until a restart.
func (a *app) changeCertificates(set *settings, own map[*site.Site]*certificate.Pair) {
	if a.certificates == nil {
		return
	}
	a.certificates.SetSites(set.sites, own)
	if a.acme == nil || set.certificates.acme == nil {
		return
	}
	if err := a.acme.SetNames(set.certificates.acme.Names); err != nil {
		a.log.Error("certificates", "error", err.Error())
	}
}

// obtainCertificates begins to, once the listeners that are asked for proofs are
// there.
func (a *app) obtainCertificates() error {
	if a.acme == nil {
		return nil
	}
	addrs := append(a.edge.Addrs(), nil)
	var plain, secure net.Addr = addrs[0], addrs[1]
	if err := a.acme.Start(plain, secure); err != nil {
		return err
	}
	if s := a.acme.Stats(); s.Waiting > 0 {
		a.log.Info("certificates are being obtained", "names", s.Waiting, "directory", a.set.certificates.acme.Directory)
	}
	return nil
}

// certificateMetrics tell what became of certificates.
func (a *app) certificateMetrics() {
	if a.certificates == nil {
		return
	}
	a.metrics.Counter("throughline_certificate_missing_total", "Handshakes for which there was no certificate.", a.certificates.Missing)
	if a.acme == nil {
		return
	}
	a.metrics.CounterVec("throughline_certificates_total", "Certificates obtained and renewed, and failed attempts.", "outcome", func() map[string]int64 {
		s := a.acme.Stats()
		return map[string]int64{"obtained": s.Obtained, "renewed": s.Renewed, "failed": s.Failed}
	})
	a.metrics.Gauge("throughline_certificates_waiting", "Names that wait for their first certificate.", func() float64 { return float64(a.acme.Stats().Waiting) })
	a.metrics.Gauge("throughline_certificate_expiry_seconds", "Until the first of the obtained certificates ends.", func() float64 {
		s := a.acme.Stats()
		if s.Next.IsZero() {
			return 0
		}
		return time.Until(s.Next).Seconds()
	})
}
