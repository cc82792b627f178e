package edge

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/throughline/throughline/internal/signature"
	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// The sidechain: what was judged goes back through the site's public name, signed,
// so that the worker which sent it lets it pass. A bypassed request is signed as
// well: unsigned it would only come back.

// SidechainCounters counts what went and came through public names.
type SidechainCounters struct {
	Signed  int64
	Loops   int64 // requests with our own signature, answered 508
	Foreign int64 // requests with a signature that is not ours, which was taken off
}

// newSigner makes the signer of a site's sidechain.
func newSigner(c *site.Sidechain) (*signature.Signer, error) {
	keys := make([]signature.Key, len(c.Keys))
	for i, k := range c.Keys {
		keys[i] = signature.Key{ID: k.ID, Secret: k.Secret}
	}
	lifetime := c.Lifetime
	if lifetime == 0 {
		lifetime = site.DefaultSignatureLifetime
	}
	return signature.NewSigner(keys, lifetime)
}

// loops tells whether a request was here before. What rewrites requests on their
// way spoils our signature but not the proof that it was ours.
func (e *exchange) loops(signer *signature.Signer) bool {
	ours := false
	for i := range e.req.Fields {
		if e.req.Kind(i) == wire.Signature && strings.EqualFold(e.req.Fields[i].Name, "signature-input") {
			ours = ours || signer.Issued(e.req.Fields[i].Value)
		}
	}
	if ours {
		e.s.counters.sideLoops.Add(1)
	} else {
		e.s.counters.sideForeign.Add(1)
	}
	return ours
}

// signs tells whether a request leaves through the public name.
func (e *exchange) signs() bool { return e.site.Sidechain != nil && e.pool == e.pools.Pool("") }

// sign adds the signature to a head. The body is bound when all of it was held.
func (e *exchange) sign(r *wire.Rewrite) {
	// What a rule adds must not spoil it.
	e.edits = slices.DeleteFunc(e.edits, func(d wire.Edit) bool {
		return wire.KindOf(d.Name) == wire.Signature || strings.EqualFold(d.Name, "Content-Digest")
	})
	host := hostOf(e.req)
	if e.site.OriginHost != "" {
		host = e.site.OriginHost
	}
	for _, d := range e.edits {
		if d.Value != "" && strings.EqualFold(d.Name, "Host") {
			host = d.Value
		}
	}
	m := signature.Request{Method: e.req.Method, Target: e.target,
		Authority: signature.Authority(host, strings.HasPrefix(e.site.Origin, "https:"))}
	if e.want.Request == wire.BodyHold && e.up.present && !e.x.ReqBody.Truncated {
		digest := joinedField(e.req, "content-digest")
		if !signature.Fits(digest, e.x.ReqBody.Bytes) {
			digest = signature.Digest(e.x.ReqBody.Bytes)
			e.edits = append(e.edits, wire.Edit{Name: "Content-Digest", Value: digest})
		}
		m.Fields = []signature.Field{{Name: "Content-Digest", Value: digest}}
	}
	r.Edits = e.edits
	lines, err := e.way.signer.Sign(e.add, &m, time.UnixMicro(e.s.cfg.Clock()))
	if err != nil {
		panic(fmt.Errorf("sign: %w", err)) // only a line end could do it, which no head has; unsigned it would come back
	}
	e.add = lines
	e.s.counters.sideSigned.Add(1)
}

// joinedField is the combined value of a field that the relay does not know.
func joinedField(m *wire.Message, name string) (value string) {
	for i := range m.Fields {
		if strings.EqualFold(m.Fields[i].Name, name) {
			if value != "" {
				value += ", "
			}
			value += m.Fields[i].Value
		}
	}
	return value
}
