package journal

import (
	"bytes"
	"sync"

	"github.com/throughline/throughline/internal/journey"
)

// parse reads what render writes: the same names in the same order, without
// spaces. ok is false for everything else, which is left to encoding/json.
func parse(b []byte, e *journey.Entry) (ok bool) {
	c := cursors.Get().(*cursor)
	c.b, c.at, c.odd = b, 0, false
	c.entry(e)
	ok = !c.odd && c.at == len(b)
	c.b = nil
	cursors.Put(c)
	return ok
}

var cursors = sync.Pool{New: func() any { return new(cursor) }}

// cursor goes through an entry. Once odd it says no more.
type cursor struct {
	b   []byte
	at  int
	odd bool
	// often holds short strings seen lately: most come again in every entry.
	often [512]string
	room  []journey.Element
}

const oftenLength = 48

// is moves past s when it comes next.
func (c *cursor) is(s string) bool {
	if end := c.at + len(s); !c.odd && end <= len(c.b) && string(c.b[c.at:end]) == s {
		c.at = end
		return true
	}
	return false
}

func (c *cursor) must(s string) {
	if !c.is(s) {
		c.odd = true
	}
}

// natural reads a number as strconv writes it.
func (c *cursor) natural() (n uint64) {
	from := c.at
	for ; c.at < len(c.b); c.at++ {
		d := uint64(c.b[c.at] - '0')
		if d > 9 {
			break
		}
		if n > (1<<64-1-d)/10 {
			c.odd = true
			return 0
		}
		n = 10*n + d
	}
	if c.at == from || c.b[from] == '0' && c.at > from+1 {
		c.odd = true
	}
	return n
}

func (c *cursor) number() int64 {
	negative := c.is("-")
	n := c.natural()
	switch {
	case negative && n > 0 && n <= 1<<63:
		return -int64(n)
	case !negative && n < 1<<63:
		return int64(n)
	}
	c.odd = true
	return 0
}

func (c *cursor) int(name string) int64 {
	if c.must(name); c.odd {
		return 0
	}
	return c.number()
}

func (c *cursor) intSet(name string) int64 {
	if !c.is(name) {
		return 0
	}
	return c.number()
}

func (c *cursor) uint(name string) uint64 {
	if c.must(name); c.odd {
		return 0
	}
	return c.natural()
}

func (c *cursor) uintSet(name string) uint64 {
	if !c.is(name) {
		return 0
	}
	return c.natural()
}

func (c *cursor) boolSet(name string) bool {
	if !c.is(name) {
		return false
	}
	c.must("true")
	return true
}

func (c *cursor) id(name string) journey.ID {
	if c.must(name); c.is(`""`) || c.odd {
		return 0
	}
	c.must(`"`)
	n := c.number()
	c.must(`"`)
	c.odd = c.odd || n <= 0 // which ID.UnmarshalText refuses
	return journey.ID(n)
}

func (c *cursor) idSet(name string) journey.ID {
	if end := c.at + len(name); c.odd || end > len(c.b) || string(c.b[c.at:end]) != name {
		return 0
	}
	return c.id(name)
}

func (c *cursor) rating(name string) journey.Rating {
	c.must(name)
	switch {
	case c.is(`"normal"`):
		return journey.Normal
	case c.is(`"suspicious"`):
		return journey.Suspicious
	case c.is(`"malicious"`):
		return journey.Malicious
	}
	c.odd = true
	return 0
}

func (c *cursor) string(name string) string {
	if c.must(name); c.odd {
		return ""
	}
	return c.text()
}

func (c *cursor) stringSet(name string) string {
	if !c.is(name) {
		return ""
	}
	return c.text()
}

// listed reads a list that is not empty, if it comes next.
func listed[T any](c *cursor, name string, one func(*cursor, *T)) []T {
	if !c.is(name) {
		return nil
	}
	return items(c, nil, one)
}

// elements are read into room that is used again, and kept in as much as they take.
func (c *cursor) elements(name string) []journey.Element {
	if !c.is(name) {
		return nil
	}
	all := items(c, c.room[:0], (*cursor).element)
	if all == nil {
		return nil
	}
	out := append(make([]journey.Element, 0, len(all)), all...)
	clear(all)
	if cap(all) <= 1024 {
		c.room = all
	}
	return out
}

// items reads a list from its bracket on.
func items[T any](c *cursor, out []T, one func(*cursor, *T)) []T {
	c.must("[")
	for {
		var none T
		out = append(out, none)
		if one(c, &out[len(out)-1]); c.odd {
			return nil
		}
		if !c.is(",") {
			break
		}
	}
	c.must("]")
	return out
}

func (c *cursor) textOf(s *string) { *s = c.text() }
func (c *cursor) uintOf(n *uint64) { *n = c.natural() }

func (c *cursor) head(e *journey.Entry) {
	e.Version = int(c.int(`{"v":`))
	e.Partition = int(c.int(`,"p":`))
	e.Input.Kind = journey.InputKind(c.string(`,"in":{"kind":`))
	e.Input.Time = c.int(`,"time":`)
}

func (c *cursor) entry(e *journey.Entry) {
	c.head(e)
	if c.is(`,"obs":`) {
		e.Input.Observation = new(journey.Observation)
		c.observation(e.Input.Observation)
	}
	c.judgement(&e.Judgement)
}

// outcome is where an entry's judgement begins. No string holds it, since in a
// string its quotes would have a backslash.
const outcome = `},"out":{`

// parseJudgement reads an entry without its observation.
func parseJudgement(b []byte, e *journey.Entry) (ok bool) {
	at := bytes.Index(b, []byte(outcome))
	if at < 0 {
		return false
	}
	c := cursors.Get().(*cursor)
	c.b, c.at, c.odd = b, 0, false
	c.head(e)
	if c.is(`,"obs":{`) {
		c.at = at
	} else if e.Input.Kind == journey.InputObservation {
		c.odd = true
	}
	c.judgement(&e.Judgement)
	ok = !c.odd && c.at == len(b)
	c.b = nil
	cursors.Put(c)
	return ok
}

func (c *cursor) judgement(j *journey.Judgement) {
	c.must(outcome)
	if c.is(`}}`) {
		return
	}
	comma := "" // the first member has none
	member := func(name string) bool {
		at := c.at
		if c.is(comma) && c.is(name) {
			comma = ","
			return true
		}
		c.at = at
		return false
	}
	if member(`"verdict":`) {
		j.Verdict = new(journey.Verdict)
		c.verdict(j.Verdict)
	}
	if member(`"events":`) {
		j.Events = listed(c, "", (*cursor).event)
	}
	if member(`"sessions":`) {
		j.Sessions = listed(c, "", (*cursor).session)
	}
	if member(`"spec_changes":`) {
		j.SpecChanges = listed(c, "", (*cursor).specChange)
	}
	if member(`"links":`) {
		j.Links = listed(c, "", (*cursor).link)
	}
	if member(`"fault":`) {
		j.Fault = c.text()
	}
	if member(`"dropped":`) {
		j.Dropped = listed(c, "", (*cursor).uintOf)
	}
	c.must(`}}`)
}

func (c *cursor) observation(o *journey.Observation) {
	o.Exchange = c.uint(`{"x":`)
	phase := c.uint(`,"ph":`)
	o.Phase = journey.Phase(phase)
	c.odd = c.odd || phase > 255
	o.Time = c.int(`,"t":`)
	o.Site = c.string(`,"site":`)
	o.Spec = c.string(`,"spec":`)
	o.Name = c.string(`,"name":`)
	o.Type = journey.EventType(c.string(`,"type":`))
	o.Sync = c.boolSet(`,"sync":`)
	o.Method = c.stringSet(`,"m":`)
	o.IP = c.stringSet(`,"ip":`)
	o.UserAgent = c.stringSet(`,"ua":`)
	o.Agent = c.uintSet(`,"ah":`)
	o.Device = c.uintSet(`,"dv":`)
	o.Multiplexed = c.boolSet(`,"mx":`)
	o.Beside = c.uintSet(`,"bs":`)
	o.Keys = listed(c, `,"keys":`, (*cursor).key)
	o.Learned = listed(c, `,"learned":`, (*cursor).key)
	o.Elements = c.elements(`,"el":`)
	o.Status = int(c.intSet(`,"st":`))
	o.Outcome = journey.Outcome(c.stringSet(`,"o":`))
	o.Duration = c.intSet(`,"d":`)
	o.Truncated = c.boolSet(`,"tr":`)
	o.Enforced = listed(c, `,"enf":`, (*cursor).action)
	c.must(`}`)
}

func (c *cursor) key(k *journey.Key) {
	k.Kind = c.string(`{"k":`)
	k.Hash = c.uint(`,"h":`)
	k.Named = c.boolSet(`,"n":`)
	k.Former = c.uintSet(`,"f":`)
	c.must(`}`)
}

func (c *cursor) element(e *journey.Element) {
	e.ID = c.string(`{"id":`)
	e.Value = c.stringSet(`,"value":`)
	e.Entity = c.boolSet(`,"entity":`)
	e.Hash = c.intSet(`,"hash":`)
	e.Unverified = c.boolSet(`,"unverified":`)
	e.Invalid = c.stringSet(`,"invalid":`)
	e.Former = c.stringSet(`,"former":`)
	e.FormerHash = c.intSet(`,"former_hash":`)
	c.must(`}`)
}

func (c *cursor) action(a *journey.Action) {
	a.Name = c.string(`{"name":`)
	a.Type = journey.ActionType(c.string(`,"type":`))
	a.Workflow = c.stringSet(`,"workflow":`)
	a.Time = c.intSet(`,"time":`)
	a.EventID = c.idSet(`,"event_id":`)
	a.Shadow = c.boolSet(`,"shadow":`)
	a.Enforced = c.boolSet(`,"enforced":`)
	a.Reason = c.stringSet(`,"reason":`)
	a.Count = int(c.intSet(`,"count":`))
	c.must(`}`)
}

func (c *cursor) verdict(v *journey.Verdict) {
	v.EventID = c.id(`{"event_id":`)
	v.SessionID = c.id(`,"session_id":`)
	v.SpecID = c.id(`,"spec_id":`)
	v.Rating = c.rating(`,"rating":`)
	v.Points = int(c.int(`,"points":`))
	v.Labels = listed(c, `,"labels":`, (*cursor).textOf)
	v.Actions = listed(c, `,"actions":`, (*cursor).action)
	v.Revision = c.string(`,"revision":`)
	c.must(`}`)
}

func (c *cursor) event(e *journey.Event) {
	e.ID = c.id(`{"id":`)
	e.SessionID = c.id(`,"session_id":`)
	e.SpecID = c.id(`,"spec_id":`)
	e.Site = c.string(`,"site":`)
	e.Time = c.int(`,"time":`)
	e.Duration = c.int(`,"duration":`)
	e.Name = c.string(`,"name":`)
	e.Type = journey.EventType(c.string(`,"type":`))
	e.Spec = c.string(`,"spec":`)
	e.Method = c.string(`,"method":`)
	e.Status = int(c.intSet(`,"status":`))
	e.Outcome = journey.Outcome(c.stringSet(`,"outcome":`))
	e.Sync = c.boolSet(`,"sync":`)
	e.Elements = c.elements(`,"elements":`)
	e.Labels = listed(c, `,"labels":`, (*cursor).label)
	e.Signatures = listed(c, `,"signatures":`, (*cursor).signature)
	e.Rating = c.rating(`,"rating":`)
	e.Points = int(c.int(`,"points":`))
	if c.is(`,"rating_change":`) {
		e.RatingChange = &journey.RatingChange{From: c.rating(`{"from":`), To: c.rating(`,"to":`), Reason: c.string(`,"reason":`)}
		c.must(`}`)
	}
	e.Actions = listed(c, `,"actions":`, (*cursor).action)
	e.Workflows = listed(c, `,"workflows":`, (*cursor).textOf)
	e.JoinReason = c.string(`,"join_reason":`)
	e.Revision = c.string(`,"revision":`)
	e.Truncated = c.boolSet(`,"truncated":`)
	c.must(`}`)
}

func (c *cursor) session(s *journey.Session) {
	s.ID = c.id(`{"id":`)
	s.SpecID = c.id(`,"spec_id":`)
	s.Site = c.string(`,"site":`)
	s.Start = c.int(`,"start":`)
	s.Last = c.int(`,"last":`)
	s.Events = int(c.int(`,"events":`))
	s.Rating = c.rating(`,"rating":`)
	s.Points = int(c.int(`,"points":`))
	s.Labels = listed(c, `,"labels":`, (*cursor).label)
	s.Signatures = listed(c, `,"signatures":`, (*cursor).signature)
	s.Actions = listed(c, `,"actions":`, (*cursor).action)
	s.IP = c.stringSet(`,"ip":`)
	s.Country = c.stringSet(`,"country":`)
	s.City = c.stringSet(`,"city":`)
	s.UserAgent = c.stringSet(`,"user_agent":`)
	s.Account = c.stringSet(`,"account":`)
	s.Accounts = int(c.intSet(`,"accounts":`))
	s.Recognised = c.stringSet(`,"recognised":`)
	s.Candidates = listed(c, `,"candidates":`, (*cursor).candidate)
	s.MergedInto = c.idSet(`,"merged_into":`)
	c.must(`}`)
}

func (c *cursor) candidate(o *journey.Candidate) {
	o.SpecID = c.id(`{"spec_id":`)
	o.Confidence = int(c.int(`,"confidence":`))
	o.Reasons = listed(c, `,"reasons":`, (*cursor).textOf)
	c.must(`}`)
}

func (c *cursor) specChange(o *journey.SpecChange) {
	o.Kind = c.string(`{"kind":`)
	o.From = c.id(`,"from":`)
	o.Into = c.id(`,"into":`)
	o.Time = c.int(`,"time":`)
	o.Reason = c.string(`,"reason":`)
	c.must(`}`)
}

func (c *cursor) link(l *journey.ActorLink) {
	l.A = c.id(`{"a":`)
	l.B = c.id(`,"b":`)
	l.Element = c.string(`,"element":`)
	l.Hash = c.int(`,"hash":`)
	l.EventID = c.id(`,"event_id":`)
	l.Time = c.int(`,"time":`)
	c.must(`}`)
}

func (c *cursor) label(l *journey.Label) {
	l.ID = c.string(`{"id":`)
	l.Title = c.string(`,"title":`)
	l.Severity = journey.Severity(c.string(`,"severity":`))
	l.Points = int(c.int(`,"points":`))
	l.EventID = c.idSet(`,"event_id":`)
	l.Time = c.int(`,"time":`)
	l.Expires = c.intSet(`,"expires":`)
	l.Shadow = c.boolSet(`,"shadow":`)
	l.Evidence = listed(c, `,"evidence":`, (*cursor).evidence)
	c.must(`}`)
}

func (c *cursor) evidence(e *journey.Evidence) {
	e.What = c.string(`{"what":`)
	e.Value = c.string(`,"value":`)
	c.must(`}`)
}

func (c *cursor) signature(s *journey.Signature) {
	s.ID = c.string(`{"id":`)
	s.Title = c.string(`,"title":`)
	s.Rating = c.rating(`,"rating":`)
	switch {
	case c.is(`,"labels":null`):
	case c.is(`,"labels":[]`):
		s.Labels = []string{}
	default:
		s.Labels = listed(c, `,"labels":`, (*cursor).textOf)
		c.odd = c.odd || s.Labels == nil
	}
	s.EventID = c.idSet(`,"event_id":`)
	s.Time = c.int(`,"time":`)
	s.Shadow = c.boolSet(`,"shadow":`)
	c.must(`}`)
}
