package sim

// ring is a few actors who cheat together: each has devices and very many accounts,
// and what costs money they have in common.
type ring struct {
	id                       int
	cards, phones, addresses []uint64
}

func (w *town) rings() {
	for n := range max(1, w.People/w.RingsFor) {
		g := &ring{id: n + 1}
		actors := 3 + w.r.IntN(4)
		for range 2 + actors {
			g.cards = append(g.cards, w.id())
		}
		for range 1 + actors {
			g.phones = append(g.phones, w.id())
		}
		for range 2 {
			g.addresses = append(g.addresses, w.id())
		}
		rotating := w.r.Float64() < .5
		at := &line{network: w.isp(), fixed: true}
		image := newLook(w.r, desktops, 0, w.Days) // the same on all of their machines
		for range actors {
			w.actor(g, at, image, rotating)
		}
	}
}

// actor plans the visits of one. Their proxies rotate or they sit behind one address;
// they mostly clear cookies between visits.
func (w *town) actor(g *ring, at *line, image look, rotating bool) {
	p := w.person(0)
	p.ring = g.id
	for range 6 + w.r.IntN(5) {
		p.accounts = append(p.accounts, w.id())
	}
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
