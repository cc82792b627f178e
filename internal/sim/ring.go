package sim

// ring is a few actors who cheat together: each has devices and very many accounts,
// and some of what accounts need they have in common.
type ring struct {
	id                       int
	cards, phones, addresses []uint64 // in common; none: each has some of their own
}

func (w *town) rings() {
	for n := range max(1, w.People/w.RingsFor) {
		g := &ring{id: n + 1}
		actors := 3 + w.r.IntN(4)
		for g.cards == nil && g.phones == nil && g.addresses == nil { // or it were none
			if w.r.Float64() < .7 {
				g.cards = w.several(2 + actors)
			}
			if w.r.Float64() < .5 {
				g.phones = w.several(1 + actors)
			}
			if w.r.Float64() < .7 {
				g.addresses = w.several(2)
			}
		}
		rotating := w.r.Float64() < .5
		at := &line{network: w.isp(), fixed: true}
		image := newLook(w.r, desktops, 0, w.Days) // the same on all of their machines
		for range actors {
			w.actor(g, at, image, rotating)
		}
	}
}

func (w *town) several(n int) (out []uint64) {
	for range n {
		out = append(out, w.id())
	}
	return out
}

// of is the ring as one actor has it.
func (w *town) of(g *ring) *ring {
	own := *g
	if own.cards == nil {
		own.cards = w.several(3)
	}
	if own.phones == nil {
		own.phones = w.several(2)
	}
	if own.addresses == nil {
		own.addresses = w.several(1)
	}
	return &own
}

// actor plans the visits of one. Their proxies rotate or they sit behind one address;
// they mostly clear cookies between visits.
func (w *town) actor(g *ring, at *line, image look, rotating bool) {
	p := w.person(0)
	p.ring, p.accounts = g.id, w.several(6+w.r.IntN(5))
	g = w.of(g)
	machines := []*profile{{look: image}}
	if w.r.Float64() < .4 {
		machines = append(machines, &profile{look: image})
	}
	for i := range w.poisson(14) {
		v := plan{kind: Ring, who: p, with: machines[i%len(machines)], line: at, account: p.accounts[i%len(p.accounts)],
			at: w.moment(waking), clear: w.r.Float64() < .8, restart: w.r.Float64() < .5, ring: g, purchase: .6}
		if rotating {
			v.line = nil
			v.proxies = append([]*network{w.hosting[1+g.id%3]}, w.isps...)
		}
		w.add(v)
	}
}
