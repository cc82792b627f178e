package judge

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/throughline/throughline/internal/journey"
)

// foldTick completes Events whose response never came. What can no longer be seen
// is forgotten once the tick is let stand.
func (s *State) foldTick(now int64) journey.Judgement {
	if s.policy == nil {
		return journey.Judgement{}
	}
	var out journey.Judgement
	last := map[journey.ID]int{} // where out.Sessions has a Session
	size := 0
	for _, x := range s.overdue(now) {
		before := s.mark()
		j, ok := s.expire(x, now)
		if !ok {
			out.Dropped = append(out.Dropped, x)
			s.Drop([]uint64{x})
			continue
		}
		for i := range j.Events {
			size += eventSize(&j.Events[i])
		}
		for i := range j.Sessions {
			size += sessionSize(&j.Sessions[i])
		}
		if size > tickBytes && len(out.Events) > 0 { // the next tick goes on
			s.undoTo(before)
			break
		}
		out.Events = append(out.Events, j.Events...)
		for _, v := range j.Sessions {
			if i, twice := last[v.ID]; twice {
				out.Sessions[i] = v
				continue
			}
			last[v.ID] = len(out.Sessions)
			out.Sessions = append(out.Sessions, v)
		}
	}
	s.swept = now
	return out
}

// expire completes one Event without its response. One on which the judge panics
// leaves no trace, and would do so at each tick: it is to be dropped.
func (s *State) expire(x uint64, now int64) (out journey.Judgement, ok bool) {
	if slices.Contains(s.doomed, x) {
		return out, false
	}
	m := s.mark()
	defer func() {
		if v := recover(); v != nil {
			s.undoTo(m)
			s.panicked("judge: an event without its response", v)
			out, ok = journey.Judgement{}, false
		}
	}()
	return s.answer(s.pending[x], &journey.Observation{Exchange: x, Phase: journey.PhaseResponse,
		Time: now, Outcome: journey.OriginError}), true
}

// Doom names the open Events that the next tick is to drop, since it did when it
// was judged first.
func (s *State) Doom(exchanges []uint64) { s.doomed = exchanges }

// Overdue names the first n Events that a tick completes.
func (s *State) Overdue(now int64, n int) []uint64 {
	all := s.overdue(now)
	return all[:min(n, len(all))]
}

func (s *State) overdue(now int64) []uint64 {
	var out []uint64
	for x, p := range s.pending {
		if now-p.Event.Time > pendingFor {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b uint64) int { return cmp.Compare(s.pending[a].Event.ID, s.pending[b].Event.ID) })
	return out[:min(len(out), tickEvents)]
}

// eventSize and sessionSize are about how long they are in the journal.
func eventSize(e *journey.Event) int {
	n := 600
	for i := range e.Elements {
		n += 80 + len(e.Elements[i].Value)
	}
	return n + labelsSize(e.Labels) + 200*(len(e.Signatures)+len(e.Actions))
}

func sessionSize(v *journey.Session) int {
	return 500 + labelsSize(v.Labels) + 200*(len(v.Signatures)+len(v.Actions))
}

func labelsSize(list []journey.Label) int {
	n := 0
	for i := range list {
		n += 200
		for _, e := range list[i].Evidence {
			n += 40 + len(e.What) + len(e.Value)
		}
	}
	return n
}

// sweep ends Sessions and forgets what can no longer be seen. Each part stands for
// itself: where one panics the others still do their work.
func (s *State) sweep(now int64) {
	s.contain("ending sessions", func() { s.forget(s.sessions.Sweep(now, s.rules())) })
	s.contain("forgetting series", func() { s.windows.Sweep(now, s.within) })
	s.contain("forgetting keys", func() { s.people.Sweep(now) })
}

func (s *State) contain(what string, do func()) {
	defer func() {
		if v := recover(); v != nil {
			s.panicked("judge: "+what, v)
		}
	}()
	do()
}

func (s *State) panicked(where string, v any) {
	s.panics++
	s.ruleFailed(where, fmt.Sprintf("panic: %v", v))
}

// within says how far back a window looks: negative when no rule asks for it.
func (s *State) within(n int32) int64 {
	w := s.defs[n]
	if _, used := s.plan.byWindow[w]; !used {
		return -1
	}
	return w.Within.Microseconds()
}
