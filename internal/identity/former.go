package identity

import (
	"cmp"
	"slices"

	"github.com/throughline/throughline/internal/journey"
)

// former is a dump of an earlier build: keys and accounts, each with whom it speaks
// for, and the merges of those.
type former struct {
	Keys     []formerItem `json:"keys,omitempty"`
	Accounts []formerItem `json:"accounts,omitempty"`
	Parents  [][2]int64   `json:"parents,omitempty"`
	Sessions [][2]int64   `json:"sessions,omitempty"`
	Dropped  int64        `json:"dropped,omitempty"`
}

type formerItem struct {
	K      uint64     `json:"k"`
	Spec   journey.ID `json:"s"`
	Last   int64      `json:"t"`
	Links  []uint64   `json:"l,omitempty"` // accounts of a key, keys of an account
	Shared bool       `json:"x,omitempty"`
}

// loadFormer takes over what an earlier build knew. It did not keep by what each
// key was attached: what spoke for one user hangs together by its Spec ID.
func (x *Index) loadFormer(d former) {
	x.nums[dropped] = d.Dropped
	parent := map[journey.ID]journey.ID{}
	for _, p := range d.Parents {
		parent[journey.ID(p[0])] = journey.ID(p[1])
	}
	current := func(id journey.ID) journey.ID {
		for {
			p, ok := parent[id]
			if !ok || p >= id {
				return id
			}
			id = p
		}
	}
	sessions := map[journey.ID]int64{}
	for _, s := range d.Sessions {
		sessions[journey.ID(s[0])] = s[1]
	}
	host := map[journey.ID]ref{}
	add := func(i formerItem, k kind, hash uint64) ref {
		if hash == 0 || x.keys.Find(hash) != 0 {
			return 0
		}
		id := current(i.Spec)
		f := fresh{hash: hash, kind: k, leaf: id, shared: i.Shared, day: dayOf(i.Last)}
		if !i.Shared {
			f.host = host[id]
		}
		r := x.add(f)
		if !i.Shared && host[id] == 0 && r != 0 {
			host[id] = r
			if n := sessions[id]; n > 0 {
				x.at(r).many = uint8(min(n, 255))
			}
		}
		return r
	}
	oldest := func(a, b formerItem) int { return cmp.Or(cmp.Compare(a.Last, b.Last), cmp.Compare(a.K, b.K)) }
	known := map[uint64]ref{}
	for _, i := range slices.SortedFunc(slices.Values(d.Keys), oldest) {
		known[i.K] = add(i, cookie, i.K)
	}
	for _, i := range slices.SortedFunc(slices.Values(d.Accounts), oldest) {
		a := add(i, account, accountHash(i.K))
		if a == 0 {
			continue
		}
		for _, k := range i.Links {
			if r := known[k]; r != 0 && !x.at(r).shared() && x.root(r) == x.root(a) {
				x.bind(r, a)
			}
		}
	}
	// An ID that was merged long ago is still asked for by Sessions that live.
	for _, p := range d.Parents {
		id := journey.ID(p[0])
		if r := host[current(id)]; r != 0 && x.keys.Find(visitHash(id)) == 0 && x.leaves.Find(uint64(id)) == 0 {
			x.add(fresh{hash: visitHash(id), kind: visit, leaf: id, parent: r, host: r, day: x.at(r).day})
		}
	}
}
