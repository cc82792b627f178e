package journal

import (
	"encoding/json"
	"strconv"
	"sync"

	"github.com/throughline/throughline/internal/journey"
)

// render appends an entry to b, to the byte as encoding/json writes it, at an eighth
// of its price: entries are written for every Event. Policy revisions, which are few,
// are left to encoding/json; ok is then false. A field added to the types of
// journey is added here and in parse; a test compares all of them.
func render(b []byte, e *journey.Entry) (out []byte, ok bool) {
	if e.Input.Policy != nil {
		return nil, false
	}
	w := pen{b: b}
	w.entry(e)
	return w.b, true
}

// Entries are rendered to memory that is used again.
var renderBuffers = sync.Pool{New: func() any { return new([]byte) }}

func takeBuffer() []byte { return (*renderBuffers.Get().(*[]byte))[:0] }

func giveBuffer(b []byte) {
	if cap(b) <= 1<<20 {
		renderBuffers.Put(&b)
	}
}

// pen appends JSON. A name given to one of its methods stands with its
// colon and what comes before it: {"id": or ,"id":
type pen struct{ b []byte }

func (w *pen) raw(s string)               { w.b = append(w.b, s...) }
func (w *pen) int(name string, n int64)   { w.b = strconv.AppendInt(append(w.b, name...), n, 10) }
func (w *pen) uint(name string, n uint64) { w.b = strconv.AppendUint(append(w.b, name...), n, 10) }

func (w *pen) intSet(name string, n int64) {
	if n != 0 {
		w.int(name, n)
	}
}

func (w *pen) uintSet(name string, n uint64) {
	if n != 0 {
		w.uint(name, n)
	}
}

func (w *pen) boolSet(name string, v bool) {
	if v {
		w.raw(name)
		w.raw("true")
	}
}

func (w *pen) id(name string, id journey.ID) {
	w.raw(name)
	w.b = append(w.b, '"')
	if id != 0 {
		w.b = strconv.AppendInt(w.b, int64(id), 10)
	}
	w.b = append(w.b, '"')
}

func (w *pen) idSet(name string, id journey.ID) {
	if id != 0 {
		w.id(name, id)
	}
}

func (w *pen) rating(name string, r journey.Rating) {
	w.raw(name)
	w.text(r.String())
}

func (w *pen) string(name, s string) {
	w.raw(name)
	w.text(s)
}

func (w *pen) stringSet(name, s string) {
	if s != "" {
		w.string(name, s)
	}
}

const hex = "0123456789abcdef"

// text writes a string; what is not ASCII is left to encoding/json.
func (w *pen) text(s string) {
	begin := len(w.b)
	if isPlain(s) {
		w.b = append(append(append(w.b, '"'), s...), '"')
		return
	}
	w.b = append(w.b, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x80 {
			quoted, err := json.Marshal(s)
			if err == nil { // as it always is for a string
				w.b = append(w.b[:begin], quoted...)
			}
			return
		}
		if plain[c] {
			continue
		}
		w.b = append(w.b, s[from:i]...)
		switch c {
		case '"', '\\':
			w.b = append(w.b, '\\', c)
		case '\b':
			w.b = append(w.b, '\\', 'b')
		case '\f':
			w.b = append(w.b, '\\', 'f')
		case '\n':
			w.b = append(w.b, '\\', 'n')
		case '\r':
			w.b = append(w.b, '\\', 'r')
		case '\t':
			w.b = append(w.b, '\\', 't')
		default:
			w.b = append(w.b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		from = i + 1
	}
	w.b = append(append(w.b, s[from:]...), '"')
}

// isPlain tells whether a string stands for itself between quotes, eight bytes
// at a time.
func isPlain(s string) bool {
	for len(s) >= 8 {
		x := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		if odd(x)|is(x, '<')|is(x, '>')|is(x, '&') != 0 {
			return false
		}
		s = s[8:]
	}
	for i := range len(s) {
		if !plain[s[i]] {
			return false
		}
	}
	return true
}

const ones, highs = 0x0101010101010101, 0x8080808080808080

// odd has a high bit set if one of eight bytes is a quote, a backslash, not a
// printable character or not ASCII; is, if one is c. They may be wrong about
// bytes that stand behind one of which they are right.
func odd(x uint64) uint64        { return (x-0x20*ones|x)&highs | is(x, '"') | is(x, '\\') }
func is(x uint64, c byte) uint64 { x ^= ones * uint64(c); return (x - ones) &^ x & highs }

// plain are the characters that stand for themselves in a string.
var plain = func() (t [256]bool) {
	for c := 0x20; c < 0x80; c++ {
		t[c] = c != '"' && c != '\\' && c != '<' && c != '>' && c != '&'
	}
	return t
}()

// list writes a list unless it is empty.
func list[T any](w *pen, name string, all []T, one func(*pen, *T)) {
	if len(all) == 0 {
		return
	}
	w.raw(name)
	for i := range all {
		if i == 0 {
			w.b = append(w.b, '[')
		} else {
			w.b = append(w.b, ',')
		}
		one(w, &all[i])
	}
	w.b = append(w.b, ']')
}

func (w *pen) textOf(s *string) { w.text(*s) }
func (w *pen) uintOf(n *uint64) { w.b = strconv.AppendUint(w.b, *n, 10) }

func (w *pen) entry(e *journey.Entry) {
	w.int(`{"v":`, int64(e.Version))
	w.int(`,"p":`, int64(e.Partition))
	w.string(`,"in":{"kind":`, string(e.Input.Kind))
	w.int(`,"time":`, e.Input.Time)
	if o := e.Input.Observation; o != nil {
		w.raw(`,"obs":`)
		w.observation(o)
	}
	w.raw(`},"out":{`)
	begin := len(w.b)
	j := &e.Judgement
	if j.Verdict != nil {
		w.raw(`,"verdict":`)
		w.verdict(j.Verdict)
	}
	list(w, `,"events":`, j.Events, (*pen).event)
	list(w, `,"sessions":`, j.Sessions, (*pen).session)
	list(w, `,"spec_changes":`, j.SpecChanges, (*pen).specChange)
	list(w, `,"links":`, j.Links, (*pen).link)
	w.stringSet(`,"fault":`, j.Fault)
	list(w, `,"dropped":`, j.Dropped, (*pen).uintOf)
	if len(w.b) > begin { // the first comma is one too many
		w.b = append(w.b[:begin], w.b[begin+1:]...)
	}
	w.raw(`}}`)
}

func (w *pen) observation(o *journey.Observation) {
	w.uint(`{"x":`, o.Exchange)
	w.uint(`,"ph":`, uint64(o.Phase))
	w.int(`,"t":`, o.Time)
	w.string(`,"site":`, o.Site)
	w.string(`,"spec":`, o.Spec)
	w.string(`,"name":`, o.Name)
	w.string(`,"type":`, string(o.Type))
	w.boolSet(`,"sync":`, o.Sync)
	w.stringSet(`,"m":`, o.Method)
	w.stringSet(`,"ip":`, o.IP)
	w.stringSet(`,"ua":`, o.UserAgent)
	w.uintSet(`,"ah":`, o.Agent)
	w.uintSet(`,"dv":`, o.Device)
	w.boolSet(`,"mx":`, o.Multiplexed)
	w.uintSet(`,"bs":`, o.Beside)
	list(w, `,"keys":`, o.Keys, (*pen).key)
	list(w, `,"learned":`, o.Learned, (*pen).key)
	list(w, `,"el":`, o.Elements, (*pen).element)
	w.intSet(`,"st":`, int64(o.Status))
	w.stringSet(`,"o":`, string(o.Outcome))
	w.intSet(`,"d":`, o.Duration)
	w.boolSet(`,"tr":`, o.Truncated)
	list(w, `,"enf":`, o.Enforced, (*pen).action)
	w.raw(`}`)
}

func (w *pen) key(k *journey.Key) {
	w.string(`{"k":`, k.Kind)
	w.uint(`,"h":`, k.Hash)
	w.boolSet(`,"n":`, k.Named)
	w.uintSet(`,"f":`, k.Former)
	w.raw(`}`)
}

func (w *pen) element(e *journey.Element) {
	w.string(`{"id":`, e.ID)
	w.stringSet(`,"value":`, e.Value)
	w.boolSet(`,"entity":`, e.Entity)
	w.intSet(`,"hash":`, e.Hash)
	w.boolSet(`,"unverified":`, e.Unverified)
	w.stringSet(`,"invalid":`, e.Invalid)
	w.stringSet(`,"former":`, e.Former)
	w.intSet(`,"former_hash":`, e.FormerHash)
	w.raw(`}`)
}

func (w *pen) action(a *journey.Action) {
	w.string(`{"name":`, a.Name)
	w.string(`,"type":`, string(a.Type))
	w.stringSet(`,"workflow":`, a.Workflow)
	w.intSet(`,"time":`, a.Time)
	w.idSet(`,"event_id":`, a.EventID)
	w.boolSet(`,"shadow":`, a.Shadow)
	w.boolSet(`,"enforced":`, a.Enforced)
	w.stringSet(`,"reason":`, a.Reason)
	w.intSet(`,"count":`, int64(a.Count))
	w.raw(`}`)
}

func (w *pen) verdict(v *journey.Verdict) {
	w.id(`{"event_id":`, v.EventID)
	w.id(`,"session_id":`, v.SessionID)
	w.id(`,"spec_id":`, v.SpecID)
	w.rating(`,"rating":`, v.Rating)
	w.int(`,"points":`, int64(v.Points))
	list(w, `,"labels":`, v.Labels, (*pen).textOf)
	list(w, `,"actions":`, v.Actions, (*pen).action)
	w.string(`,"revision":`, v.Revision)
	w.raw(`}`)
}

func (w *pen) event(e *journey.Event) {
	w.id(`{"id":`, e.ID)
	w.id(`,"session_id":`, e.SessionID)
	w.id(`,"spec_id":`, e.SpecID)
	w.string(`,"site":`, e.Site)
	w.int(`,"time":`, e.Time)
	w.int(`,"duration":`, e.Duration)
	w.string(`,"name":`, e.Name)
	w.string(`,"type":`, string(e.Type))
	w.string(`,"spec":`, e.Spec)
	w.string(`,"method":`, e.Method)
	w.intSet(`,"status":`, int64(e.Status))
	w.stringSet(`,"outcome":`, string(e.Outcome))
	w.boolSet(`,"sync":`, e.Sync)
	list(w, `,"elements":`, e.Elements, (*pen).element)
	list(w, `,"labels":`, e.Labels, (*pen).label)
	list(w, `,"signatures":`, e.Signatures, (*pen).signature)
	w.rating(`,"rating":`, e.Rating)
	w.int(`,"points":`, int64(e.Points))
	if c := e.RatingChange; c != nil {
		w.rating(`,"rating_change":{"from":`, c.From)
		w.rating(`,"to":`, c.To)
		w.string(`,"reason":`, c.Reason)
		w.raw(`}`)
	}
	list(w, `,"actions":`, e.Actions, (*pen).action)
	list(w, `,"workflows":`, e.Workflows, (*pen).textOf)
	w.string(`,"join_reason":`, e.JoinReason)
	w.string(`,"revision":`, e.Revision)
	w.boolSet(`,"truncated":`, e.Truncated)
	w.raw(`}`)
}

func (w *pen) session(s *journey.Session) {
	w.id(`{"id":`, s.ID)
	w.id(`,"spec_id":`, s.SpecID)
	w.string(`,"site":`, s.Site)
	w.int(`,"start":`, s.Start)
	w.int(`,"last":`, s.Last)
	w.int(`,"events":`, int64(s.Events))
	w.rating(`,"rating":`, s.Rating)
	w.int(`,"points":`, int64(s.Points))
	list(w, `,"labels":`, s.Labels, (*pen).label)
	list(w, `,"signatures":`, s.Signatures, (*pen).signature)
	list(w, `,"actions":`, s.Actions, (*pen).action)
	w.stringSet(`,"ip":`, s.IP)
	w.stringSet(`,"country":`, s.Country)
	w.stringSet(`,"city":`, s.City)
	w.stringSet(`,"user_agent":`, s.UserAgent)
	w.stringSet(`,"account":`, s.Account)
	w.intSet(`,"accounts":`, int64(s.Accounts))
	w.stringSet(`,"recognised":`, s.Recognised)
	list(w, `,"candidates":`, s.Candidates, (*pen).candidate)
	w.idSet(`,"merged_into":`, s.MergedInto)
	w.raw(`}`)
}

func (w *pen) candidate(c *journey.Candidate) {
	w.id(`{"spec_id":`, c.SpecID)
	w.int(`,"confidence":`, int64(c.Confidence))
	list(w, `,"reasons":`, c.Reasons, (*pen).textOf)
	w.raw(`}`)
}

func (w *pen) specChange(c *journey.SpecChange) {
	w.string(`{"kind":`, c.Kind)
	w.id(`,"from":`, c.From)
	w.id(`,"into":`, c.Into)
	w.int(`,"time":`, c.Time)
	w.string(`,"reason":`, c.Reason)
	w.raw(`}`)
}

func (w *pen) link(l *journey.ActorLink) {
	w.id(`{"a":`, l.A)
	w.id(`,"b":`, l.B)
	w.string(`,"element":`, l.Element)
	w.int(`,"hash":`, l.Hash)
	w.id(`,"event_id":`, l.EventID)
	w.int(`,"time":`, l.Time)
	w.raw(`}`)
}

func (w *pen) label(l *journey.Label) {
	w.string(`{"id":`, l.ID)
	w.string(`,"title":`, l.Title)
	w.string(`,"severity":`, string(l.Severity))
	w.int(`,"points":`, int64(l.Points))
	w.idSet(`,"event_id":`, l.EventID)
	w.int(`,"time":`, l.Time)
	w.intSet(`,"expires":`, l.Expires)
	w.boolSet(`,"shadow":`, l.Shadow)
	list(w, `,"evidence":`, l.Evidence, (*pen).evidence)
	w.raw(`}`)
}

func (w *pen) evidence(e *journey.Evidence) {
	w.string(`{"what":`, e.What)
	w.string(`,"value":`, e.Value)
	w.raw(`}`)
}

func (w *pen) signature(s *journey.Signature) {
	w.string(`{"id":`, s.ID)
	w.string(`,"title":`, s.Title)
	w.rating(`,"rating":`, s.Rating)
	if s.Labels == nil {
		w.raw(`,"labels":null`)
	} else if len(s.Labels) == 0 {
		w.raw(`,"labels":[]`)
	}
	list(w, `,"labels":`, s.Labels, (*pen).textOf)
	w.idSet(`,"event_id":`, s.EventID)
	w.int(`,"time":`, s.Time)
	w.boolSet(`,"shadow":`, s.Shadow)
	w.raw(`}`)
}
