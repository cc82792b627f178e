package session

// found is a live Session that a key of the request at hand names.
type found struct {
	at   uint32
	kind kind
	key  int // its place in Request.Keys
}

// recall lists the live Sessions that a request's keys name in t.found. Those that
// have run out end here; it says why one has to begin anew.
func (t *Table) recall(r *Request, rules Rules, j *Join) (why string) {
	t.found, t.slots = t.found[:0], t.slots[:0]
	for i := range r.Keys {
		slot := t.byKey.Find(r.Keys[i].Hash)
		t.slots = append(t.slots, slot)
		if slot == 0 || t.keys.at(slot).owner == 0 {
			continue
		}
		at := t.keys.at(slot).owner
		e := t.entries.at(at)
		if alive(e, r.Time, rules) {
			t.found = append(t.found, found{at, kindOf(&r.Keys[i]), i})
			continue
		}
		if why == "" {
			why = "first request after " + pause(r.Time-e.Last, rules)
		}
		j.Ended = append(j.Ended, e.ID)
		t.drop(at)
		t.slots[i] = 0
	}
	return why
}

// settle decides which of the Sessions found is the request's, 0 when none was, and
// merges those that turn out to be one.
func (t *Table) settle(r *Request, j *Join) uint32 {
	if len(t.found) == 0 {
		return 0
	}
	main := t.strongest(false)
	if main.kind.transport() {
		// A proxy's connection or ticket may carry several visitors: what the client
		// itself keeps says better who this is.
		if c := t.strongest(true); c.at != 0 && c.at != main.at && t.apart(main.at, c.at, r) {
			main = c
		}
	}
	j.Key, j.Reason = r.Keys[main.key], main.kind.reason()
	j.From = t.keys.at(t.slots[main.key]).from
	at := main.at
	for i := range t.found {
		other := t.found[i].at
		if other == at || t.apart(at, other, r) {
			continue
		}
		old, young := at, other
		if a, b := t.entries.at(at), t.entries.at(other); b.Start < a.Start || b.Start == a.Start && b.ID < a.ID {
			old, young = other, at
		}
		j.Merged = append(j.Merged, t.entries.at(young).ID)
		t.merge(old, young)
		for n := range t.found {
			if t.found[n].at == young {
				t.found[n].at = old
			}
		}
		at = old
	}
	if len(j.Merged) > 0 { // some may have been forgotten
		for i := range r.Keys {
			t.slots[i] = t.byKey.Find(r.Keys[i].Hash)
		}
	}
	return at
}

// strongest returns what the surest key names, or the surest of those that a client
// keeps.
func (t *Table) strongest(kept bool) (best found) {
	for _, f := range t.found {
		if kept && f.kind.transport() {
			continue
		}
		if best.at == 0 || f.kind < best.kind {
			best = f
		}
	}
	return best
}

// apart says whether something speaks against two Sessions being one: accounts, of
// which they have none in common, or cookies, bearer tokens or device cookies that
// both use, unless the request carries one of each.
func (t *Table) apart(a, b uint32, r *Request) bool {
	x, y := t.entries.at(a), t.entries.at(b)
	both := x.kinds & y.kinds
	if both&kindAccount.bit() != 0 {
		return !t.sameAccount(x, y)
	}
	for _, k := range [...]kind{kindCookie, kindBearer, kindDevice} {
		if both&k.bit() == 0 {
			continue
		}
		usesA, carriesA := t.uses(x, k, r)
		usesB, carriesB := t.uses(y, k, r)
		if usesA && usesB && !(carriesA && carriesB) {
			return true
		}
	}
	return false
}

func (t *Table) sameAccount(x, y *Entry) bool {
	for s := x.keys; s != 0; s = t.keys.at(s).next {
		if k := t.keys.at(s); k.kind == kindAccount && t.owns(y, k.hash) {
			return true
		}
	}
	return false
}

// uses says whether a Session's client has carried keys of a kind, and whether the
// request carries one of the Session's.
func (t *Table) uses(e *Entry, as kind, r *Request) (used, now bool) {
	for s := e.keys; s != 0; s = t.keys.at(s).next {
		k := t.keys.at(s)
		if k.kind != as {
			continue
		}
		used = used || k.flags&carried != 0
		now = now || carries(r, k.hash)
	}
	return used, now
}

// merge makes a Session part of an older one: keys, accounts and, if it was seen
// later, time and place move.
func (t *Table) merge(old, young uint32) {
	o, y := t.entries.at(old), t.entries.at(young)
	first := y.keys
	t.changing(young)
	y.keys = 0
	for s := first; s != 0; {
		k := t.keys.at(s)
		next := k.next
		if k.kind == kindAccount && (o.Accounts >= maxAccounts || t.owns(o, k.hash)) {
			t.freeKey(s)
		} else {
			t.changingKey(s)
			k.owner, k.next = old, 0
			t.append(old, s)
		}
		s = next
	}
	for o.nkeys > maxKeys {
		t.makeRoom(old, nil)
	}
	t.oneClient(old, young)
	place, client := y.place, t.clientOf(young)
	last, agent := y.Last, y.agent
	t.drop(young)
	if last > o.Last {
		t.changing(old)
		o.seenAgain(last, agent)
		t.enter(old, t.places.at(place).hash)
		if client >= 0 && t.clientOf(old) < 0 {
			t.changingPlace(place)
			t.places.at(place).clients[client].owner = old
		}
	}
}
