package insighttest

import (
	"context"
	"slices"

	"github.com/throughline/throughline/internal/journey"
	"github.com/throughline/throughline/internal/warehouse"
)

// ChangesOf implements warehouse.Registry.
func (m *Memory) ChangesOf(_ context.Context, from []journey.ID) (out []journey.SpecChange, _ error) {
	for _, c := range m.Changes {
		if slices.Contains(from, c.From) {
			out = append(out, c)
		}
	}
	return out, nil
}

// ChangesTo implements warehouse.Registry.
func (m *Memory) ChangesTo(ctx context.Context, into []journey.ID) ([]journey.SpecChange, error) {
	var from []journey.ID
	for _, c := range m.Changes {
		if slices.Contains(into, c.Into) {
			from = append(from, c.From)
		}
	}
	return m.ChangesOf(ctx, from)
}

// Names implements warehouse.Registry.
func (m *Memory) Names(_ context.Context, hashes []int64) (out []warehouse.EntityRef, _ error) {
	for _, s := range m.entities() {
		if slices.Contains(hashes, s.Hash) {
			out = append(out, s.EntityRef)
		}
	}
	return out, nil
}

// Links implements warehouse.Registry.
func (m *Memory) Links(_ context.Context, of []journey.ID, limit int) (out []journey.ActorLink, _ int64, _ error) {
	for _, l := range slices.Backward(m.Shared) {
		if slices.Contains(of, l.A) || slices.Contains(of, l.B) {
			out = append(out, l)
		}
	}
	return out[:min(limit, len(out))], int64(len(out)), nil
}

func (m *Memory) of(ids []journey.ID) (out []journey.Session) {
	for _, s := range m.Sessions {
		if slices.Contains(ids, s.SpecID) {
			out = append(out, s)
		}
	}
	return out
}

// Visitor implements warehouse.Visitors; each Session is a mark.
func (m *Memory) Visitor(_ context.Context, ids []journey.ID, _ int) (out warehouse.VisitorSummary, _ error) {
	out.Recognised = map[string]int64{}
	for i, s := range m.of(ids) {
		if i == 0 || s.Start < out.First {
			out.First = s.Start
		}
		if s.MergedInto != 0 {
			out.Merged++
		}
		out.Sessions++
		out.Events += int64(s.Events)
		out.Last = max(out.Last, s.Last)
		out.Ratings[s.Rating]++
		out.Recognised[s.Recognised]++
		out.Accounts = count(out.Accounts, warehouse.VisitorValue{Value: s.Account, First: s.Start, Last: s.Last})
		out.Addresses = count(out.Addresses, warehouse.VisitorValue{Value: s.IP, Country: s.Country, City: s.City, First: s.Start, Last: s.Last})
		out.Agents = count(out.Agents, warehouse.VisitorValue{Value: s.UserAgent, First: s.Start, Last: s.Last})
		out.Marks = append(out.Marks, warehouse.VisitorMark{Start: s.Start, Agent: s.UserAgent, Rating: s.Rating, Sessions: 1})
	}
	return out, nil
}

func count(list []warehouse.VisitorValue, v warehouse.VisitorValue) []warehouse.VisitorValue {
	if v.Value == "" {
		return list
	}
	i := slices.IndexFunc(list, func(x warehouse.VisitorValue) bool { return x.Value == v.Value })
	if i < 0 {
		i, list = len(list), append(list, v)
	}
	list[i].Sessions++
	list[i].First, list[i].Last = min(list[i].First, v.First), max(list[i].Last, v.Last)
	return list
}

// VisitorEntities implements warehouse.Visitors.
func (m *Memory) VisitorEntities(_ context.Context, ids []journey.ID, limit int) (out []warehouse.LinkedEntity, _ int64, _ error) {
	for _, s := range m.entities() {
		l := warehouse.LinkedEntity{EntityRef: s.EntityRef, Sessions: int64(len(s.sessions)), LastSeen: s.last}
		for _, mine := range m.of(ids) {
			if slices.Contains(s.sessions, mine.ID) {
				l.Shared++
			}
		}
		if l.Shared > 0 {
			out = append(out, l)
		}
	}
	return out[:min(limit, len(out))], int64(len(out)), nil
}

// Standings implements warehouse.Visitors.
func (m *Memory) Standings(_ context.Context, ids []journey.ID) (out []warehouse.Standing, _ error) {
	for _, id := range ids {
		x := warehouse.Standing{SpecID: id}
		for _, s := range m.of([]journey.ID{id}) {
			x.Sessions++
			x.Last = max(x.Last, s.Last)
			if x.Worst == 0 || s.Rating >= x.Rating {
				x.Rating, x.Worst = s.Rating, s.ID
			}
		}
		if x.Sessions > 0 {
			out = append(out, x)
		}
	}
	return out, nil
}
