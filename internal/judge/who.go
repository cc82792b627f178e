package judge

import (
	"slices"

	"github.com/throughline/throughline/internal/identity"
	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/session"
)

// place finds the Session of a request, or begins one, and who its visitor is.
func (s *State) place(o *journey.Observation) (*journey.Session, session.Join, identity.Visitor) {
	s.rename(o.Keys)
	s.rename(o.Learned)
	who := identity.Observed(o)
	who.Keys = s.strong(o.Keys)
	keys := who.Keys
	join := s.sessions.Stitch(session.Request{Time: o.Time, IP: o.IP, Agent: o.Agent, Device: o.Device, Multiplexed: o.Multiplexed, Keys: keys, Beside: o.Beside,
		Another: func(id journey.ID) bool { v := s.visits[id]; return v != nil && s.people.Another(v.SpecID, keys) }},
		s.rules(), func() journey.ID { return s.nextID(o.Time) })
	s.forget(join.Ended)
	id := join.Entry.ID
	who.Session = id
	s.noteVisit(id)
	v := s.visits[id]
	if v == nil {
		answer := s.people.Start(who)
		v = &journey.Session{ID: id, Site: o.Site, Start: o.Time, Last: o.Time,
			SpecID: answer.SpecID, Recognised: answer.By, Candidates: answer.Candidates}
		s.visits[id] = v
	} else {
		carried := who.Keys
		who.Keys = s.sessions.Keys(join.Entry, make([]journey.Key, 0, 8))
		for _, k := range carried {
			s.teach(v, &who, k)
		}
	}
	s.absorb(v, join.Merged)
	s.known(v, who.Keys)
	return v, join, who
}

// strong returns the keys that join: those under a session's name, and those that
// a response has taught, in this Session or an earlier one.
func (s *State) strong(keys []journey.Key) []journey.Key {
	marked := keys
	for i := range keys {
		if !keys[i].Named && s.people.Knows(keys[i].Hash) {
			if &marked[0] == &keys[0] {
				marked = slices.Clone(keys) // the input stays as it is
			}
			marked[i].Named = true
		}
	}
	return slices.DeleteFunc(slices.Clone(marked), func(k journey.Key) bool { return !k.Named })
}

// teach notes that a key is of a Session's user. A connection's is the Session's
// matter only.
func (s *State) teach(v *journey.Session, who *identity.Visitor, k journey.Key) {
	if k.Kind != journey.KeyConnection {
		v.SpecID = s.people.Learn(v.SpecID, *who, k)
	}
}

// known follows what has become known of a Session's visitor since.
func (s *State) known(v *journey.Session, keys []journey.Key) {
	var hashes [16]uint64
	n := 0
	for _, k := range keys {
		if k.Kind != journey.KeyConnection && n < len(hashes) {
			hashes[n], n = k.Hash, n+1
		}
	}
	v.SpecID = s.people.Of(v.SpecID, hashes[:n])
}

// absorb gives a Session what was known of others that turned out to be the same:
// labels, what its windows have counted, and the account. Their Events stay where
// they are, and so does what is still to be completed.
func (s *State) absorb(v *journey.Session, merged []journey.ID) {
	for _, id := range merged {
		w := s.visits[id]
		if w == nil {
			continue
		}
		s.noteVisit(id)
		w.MergedInto = v.ID
		if w.Events > 0 {
			s.merged = append(s.merged, copyOf(w))
		}
		v.Labels = union(v.Labels, w.Labels, func(a, b *journey.Label) bool { return a.ID == b.ID && a.EventID == b.EventID })
		v.Signatures = union(v.Signatures, w.Signatures, func(a, b *journey.Signature) bool { return a.ID == b.ID })
		if v.Account == "" {
			v.Account, v.Accounts = w.Account, max(v.Accounts, w.Accounts)
		}
		for _, n := range s.plan.session {
			s.windows.Join(n, specOf(s.defs[n]), int64(id), int64(v.ID))
		}
		if s.waiting[id] == 0 {
			delete(s.visits, id)
		}
	}
}

// entry is where a Session's keys are kept while it is live: where it turned out to
// be part of another, with that one's.
func (s *State) entry(v *journey.Session) *session.Entry {
	for hops := 0; v != nil && hops < 8; hops++ {
		if e := s.sessions.Get(v.ID); e != nil || v.MergedInto == 0 {
			return e
		}
		if e := s.sessions.Get(v.MergedInto); e != nil {
			return e
		}
		v = s.visits[v.MergedInto]
	}
	return nil
}

// union is a list with what another has more, within the bound of labels.
func union[T any](to, from []T, same func(a, b *T) bool) []T {
	out := to[:len(to):len(to)] // the old one is in the journal's hands
	for i := range from {
		if len(out) < maxLabels && !slices.ContainsFunc(to, func(x T) bool { return same(&x, &from[i]) }) {
			out = append(out, from[i])
		}
	}
	return out
}

// confirm takes a successful sign-in or sign-up as proof of an account.
func (s *State) confirm(e *journey.Event, v *journey.Session, who *identity.Visitor) {
	if e.Outcome != journey.Success || e.Type != journey.AuthenticationAttempt && e.Type != journey.AccountCreate {
		return
	}
	account := e.Value("username")
	if account == "" {
		account = e.Value("email")
	}
	if account == "" {
		return
	}
	v.Account = account
	v.Accounts = max(v.Accounts, 1)
	if entry := s.entry(v); entry != nil {
		s.sessions.Account(entry, digest(account))
		v.Accounts = int(entry.Accounts)
	}
	// Who is held to be malicious does not become his victims by their passwords.
	if v.Rating < journey.Malicious {
		v.SpecID = s.people.Confirm(v.SpecID, *who, digest(account))
	}
}

// relate links a user to others with whom an Event shares what people do not
// share by chance.
func (s *State) relate(e *journey.Event, v *journey.Session) {
	for i := range e.Elements {
		if el := &e.Elements[i]; el.Entity && el.Hash != 0 && relates(el.ID) {
			s.links = append(s.links, s.people.Relate(v.SpecID, el.ID, el.Hash, e.ID, e.Time)...)
		}
	}
}

// relates tells the elements that relate actors: means of payment and identity,
// phones and postal addresses. E-mail addresses and user names are accounts.
func relates(id string) bool {
	switch id {
	case "card_number", "iban", "bank_account", "payment_token", "payment_from", "payment_from_account_id",
		"payment_to", "payment_to_account_id", "wallet_id", "crypto_address", "gift_card_code",
		"phone", "alt_phone", "billing_phone", "shipping_phone", "sender_phone", "recipient_phone",
		"account_address", "billing_address", "shipping_address", "sender_address", "recipient_address",
		"ssn", "ein", "tax_id", "national_id", "passport_number", "driver_license", "document_digest",
		"device_id", "push_token":
		return true
	}
	return false
}

// relateDevice links the few users of one class of devices at one address. A whole
// network would link strangers.
func (s *State) relateDevice(e *journey.Event, v *journey.Session, who *identity.Visitor) {
	if who.Device != 0 && who.IP != 0 {
		pair := int64((who.Device ^ who.IP*0x9e3779b97f4a7c15) >> 1)
		s.links = append(s.links, s.people.Relate(v.SpecID, "device_address", pair, e.ID, e.Time)...)
	}
}
