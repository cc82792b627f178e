package acmetest

import (
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// TSIG key by which updates must be signed.
const (
	KeyName   = "update."
	KeySecret = "c2VjcmV0IG9mIHRoZSB0ZXN0cyE="
)

// Names is a name server that answers as a resolver does: aliases are followed,
// and a name it does not know as one that leads nowhere is at 127.0.0.1. In one
// zone it takes updates signed by the key above.
type Names struct {
	Addr string
	zone string

	mu      sync.Mutex
	records map[string][]dns.RR // by lower-case name
	updates int
}

// StartNames runs a name server, on UDP and TCP, until the test ends.
func StartNames(t testing.TB, zone string) *Names {
	t.Helper()
	n := &Names{zone: dns.Fqdn(zone), records: map[string][]dns.RR{}}
	pc, ln := both(t)
	n.Addr = pc.LocalAddr().String()
	for _, s := range []*dns.Server{{PacketConn: pc}, {Listener: ln}} {
		s.Handler = dns.HandlerFunc(n.serve)
		s.TsigSecret = map[string]string{KeyName: KeySecret}
		s.MsgAcceptFunc = func(h dns.Header) dns.MsgAcceptAction {
			if h.Bits>>11&0xf == dns.OpcodeUpdate {
				return dns.MsgAccept
			}
			return dns.DefaultMsgAcceptFunc(h)
		}
		up := make(chan struct{})
		s.NotifyStartedFunc = func() { close(up) }
		done := make(chan struct{})
		go func() { defer close(done); _ = s.ActivateAndServe() }()
		<-up
		t.Cleanup(func() { _ = s.Shutdown(); <-done })
	}
	return n
}

// both listens on one port of UDP and TCP.
func both(t testing.TB) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 100 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if pc, err := net.ListenPacket("udp", ln.Addr().String()); err == nil {
			return pc, ln
		}
		_ = ln.Close()
	}
	t.Fatal("no port is free on both UDP and TCP")
	return nil, nil
}

// Add publishes a record, in zone-file form.
func (n *Names) Add(t testing.TB, record string) {
	t.Helper()
	rr, err := dns.NewRR(record)
	if err != nil {
		t.Fatal(err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	name := strings.ToLower(rr.Header().Name)
	n.records[name] = append(n.records[name], rr)
}

// Updates counts the updates taken.
func (n *Names) Updates() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.updates
}

// Left are the TXT records there are.
func (n *Names) Left() (out []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, list := range n.records {
		for _, rr := range list {
			if rr.Header().Rrtype == dns.TypeTXT {
				out = append(out, rr.String())
			}
		}
	}
	return out
}

func (n *Names) serve(w dns.ResponseWriter, q *dns.Msg) {
	n.mu.Lock()
	defer n.mu.Unlock()
	a := new(dns.Msg)
	a.SetReply(q)
	switch {
	case q.Opcode == dns.OpcodeUpdate:
		a.Rcode = n.update(w, q)
		if q.IsTsig() != nil && w.TsigStatus() == nil {
			a.SetTsig(q.IsTsig().Hdr.Name, q.IsTsig().Algorithm, 300, int64(q.IsTsig().TimeSigned))
		}
	case len(q.Question) == 1:
		n.look(a, strings.ToLower(q.Question[0].Name), q.Question[0].Qtype)
	}
	_ = w.WriteMsg(a)
}

func (n *Names) look(a *dns.Msg, name string, kind uint16) {
	for range 8 {
		var alias *dns.CNAME
		for _, rr := range n.records[name] {
			if rr.Header().Rrtype == kind {
				a.Answer = append(a.Answer, rr)
			} else if c, ok := rr.(*dns.CNAME); ok {
				alias = c
			}
		}
		if alias == nil {
			break
		}
		if kind == dns.TypeCNAME {
			return
		}
		a.Answer = append(a.Answer, alias)
		name = strings.ToLower(alias.Target)
	}
	if strings.HasSuffix(name, ".nowhere.") {
		a.Rcode = dns.RcodeNameError
		return
	}
	if kind == dns.TypeA && len(n.records[name]) == 0 {
		a.Answer = append(a.Answer, &dns.A{Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}, A: net.IPv4(127, 0, 0, 1)})
	}
}

func (n *Names) update(w dns.ResponseWriter, q *dns.Msg) int {
	if q.IsTsig() == nil || w.TsigStatus() != nil {
		return dns.RcodeNotAuth
	}
	if len(q.Question) != 1 || !strings.EqualFold(q.Question[0].Name, n.zone) {
		return dns.RcodeNotZone
	}
	for _, rr := range q.Ns {
		name := strings.ToLower(rr.Header().Name)
		if !strings.HasSuffix(name, "."+n.zone) {
			return dns.RcodeNotZone
		}
		txt, ok := rr.(*dns.TXT)
		if !ok {
			return dns.RcodeRefused
		}
		switch rr.Header().Class {
		case dns.ClassINET:
			n.records[name] = append(n.records[name], rr)
		case dns.ClassNONE:
			kept := n.records[name][:0]
			for _, have := range n.records[name] {
				if t, ok := have.(*dns.TXT); !ok || strings.Join(t.Txt, "") != strings.Join(txt.Txt, "") {
					kept = append(kept, have)
				}
			}
			n.records[name] = kept
		}
	}
	n.updates++
	return dns.RcodeSuccess
}
