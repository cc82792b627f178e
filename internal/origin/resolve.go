package origin

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"
)

// name is a host of an origin that is known by its name: each of its addresses is
// an Endpoint. Names are asked for again while requests come, so that addresses
// may change; what was known stays in use until there is an answer.
type name struct {
	host, port string
	known      []netip.Addr // the last answer; under Pool.resolving
	silent     bool         // there was none last time; under Pool.resolving
}

// maxAddresses bounds how many addresses of one name are used.
const maxAddresses = 64

// again is how soon a name is asked for again that could not be resolved.
const again = time.Second

// lookup is a resolution under way, for all who wait.
type lookup struct {
	done chan struct{}
	err  error
}

// list is the hosts as they are known now.
func (p *Pool) list() []*Endpoint { return *p.ends.Load() }

// Addrs are the origin's hosts and ports as they were configured.
func (p *Pool) Addrs() []string { return slices.Clone(p.addrs) }

// hosts are those known now; only the first time, or while nothing is known, it waits for
// names to be resolved.
func (p *Pool) hosts(ctx context.Context) ([]*Endpoint, error) {
	ends := p.list()
	if len(p.names) == 0 || p.o.Now().UnixMilli() < p.due.Load() {
		if len(ends) == 0 {
			ends = p.list() // there may be an answer by now
		}
		if why := p.unresolved.Load(); len(ends) == 0 && why != nil {
			return nil, *why
		}
		if len(ends) > 0 {
			return ends, nil
		}
	}
	l := p.refresh()
	if len(ends) > 0 {
		return ends, nil
	}
	select {
	case <-l.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if ends = p.list(); len(ends) == 0 {
		return nil, l.err
	}
	return ends, nil
}

// refresh begins to resolve all names, if nobody does yet.
func (p *Pool) refresh() *lookup {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asking != nil {
		return p.asking
	}
	l := &lookup{done: make(chan struct{})}
	p.asking = l
	ask := func(ctx context.Context) {
		l.err = p.resolve(ctx)
		p.mu.Lock()
		p.asking = nil
		p.mu.Unlock()
		close(l.done)
	}
	if p.running.Err() == nil {
		p.background.Go(func() { ask(p.running) })
	} else {
		go ask(context.Background()) // the last exchanges of a pool that is closed
	}
	return l
}

// resolve asks for all names and puts in force what is known then. The error
// is the first name's that could not be resolved.
func (p *Pool) resolve(ctx context.Context) (first error) {
	p.resolving.Lock()
	defer p.resolving.Unlock()
	ctx, cancel := context.WithTimeout(ctx, p.o.DialTimeout)
	defer cancel()
	addrs := slices.Clone(p.fixed)
	for _, n := range p.names {
		found, err := p.o.lookup(ctx, n.host)
		if err == nil && len(found) == 0 {
			err = &net.DNSError{Err: "no address", Name: n.host, IsNotFound: true}
		}
		if err == nil {
			n.known = found
		} else if first == nil {
			first = fmt.Errorf("resolve: %w", err)
		}
		p.told(n, err)
		for _, a := range n.known {
			addrs = append(addrs, net.JoinHostPort(a.String(), n.port))
		}
	}
	pause := p.o.ResolveEvery
	if first != nil {
		pause = min(pause, again)
		p.unresolved.Store(&first)
	} else {
		p.unresolved.Store(nil)
	}
	p.put(addrs)
	p.due.Store(p.o.Now().Add(pause).UnixMilli())
	return first
}

// told tells of a name that can't be resolved any more, or can again.
func (p *Pool) told(n *name, err error) {
	if (err != nil) == n.silent || p.running.Err() != nil {
		return
	}
	n.silent = err != nil
	if p.o.Changed == nil {
		return
	}
	if err != nil {
		p.o.Changed(n.host, false, "resolve: "+err.Error())
	} else {
		p.o.Changed(n.host, true, "")
	}
}

// put makes an Endpoint of each address. One that was there before goes on, with
// its connections and its health; the connections of one that is gone are closed.
func (p *Pool) put(addrs []string) {
	old := p.list()
	var now, gone []*Endpoint
	for _, a := range addrs {
		same := func(e *Endpoint) bool { return e.addr == a }
		if slices.ContainsFunc(now, same) {
			continue
		}
		if i := slices.IndexFunc(old, same); i >= 0 {
			now = append(now, old[i])
			continue
		}
		now = append(now, p.newEndpoint(a))
	}
	for _, e := range old {
		if !slices.Contains(now, e) {
			gone = append(gone, e)
		}
	}
	p.ends.Store(&now)
	for _, e := range gone {
		e.close()
	}
}

// newEndpoint starts its health checks too.
func (p *Pool) newEndpoint(addr string) *Endpoint {
	e := &Endpoint{pool: p, addr: addr}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.running.Err() != nil {
		e.closed = true
		e.left.Store(true)
		return e
	}
	if p.health != nil {
		ctx, stop := context.WithCancel(p.running)
		e.stop = stop
		p.background.Go(func() { p.check(ctx, e, p.health) })
	}
	return e
}

// follow resolves names without being asked, where checks are to find changes
// before requests do.
func (p *Pool) follow(ctx context.Context) {
	for {
		_ = p.resolve(ctx)
		pause := p.o.ResolveEvery
		if p.unresolved.Load() != nil {
			pause = min(pause, again)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// lookup asks for all addresses of a name, those left out that this machine has
// no way to: of a name with both kinds one is often out of reach.
func (o *Options) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	found, err := o.Lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	for i := range found {
		found[i] = found[i].Unmap()
	}
	if slices.ContainsFunc(found, netip.Addr.Is4) && slices.ContainsFunc(found, netip.Addr.Is6) {
		if near := slices.DeleteFunc(slices.Clone(found), func(a netip.Addr) bool { return !routed(a) }); len(near) > 0 {
			found = near
		}
	}
	slices.SortFunc(found, netip.Addr.Compare)
	return found[:min(len(found), maxAddresses)], nil
}

// routed tells whether there is a way to an address. Nothing is sent.
func routed(a netip.Addr) bool {
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 9)))
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}
