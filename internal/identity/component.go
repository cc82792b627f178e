package identity

import (
	"cmp"
	"slices"

	"github.com/throughline/throughline/internal/journey"
)

// A component is the evidence that speaks for one user. Its entries name its root,
// one of the oldest leaf, whose ID is the Spec ID.

func (x *Index) root(r ref) ref { return x.at(r).up.unpack() }

// idOf returns the Spec ID of an entry's component.
func (x *Index) idOf(r ref) journey.ID { return x.at(x.root(r)).leaf }

// members calls do with each entry of a component until it answers no. do may not
// change the circle.
func (x *Index) members(r ref, do func(ref) bool) {
	for m := r; ; {
		next := x.at(m).next.unpack()
		if !do(m) || next == r {
			return
		}
		m = next
	}
}

// size is how many entries, Sessions and accounts a component has.
type size struct{ members, sessions, accounts int }

func (x *Index) size(r ref) (s size) {
	x.members(r, func(m ref) bool {
		s.members++
		s.sessions += x.sessions(m)
		if x.at(m).kind() == account {
			s.accounts++
		}
		return true
	})
	return s
}

// may tells whether two components may become one.
func (x *Index) may(a, b ref) bool {
	p, q := x.size(a), x.size(b)
	return p.sessions+q.sessions <= x.rules.SessionsPerID && p.accounts+q.accounts <= x.rules.AccountsPerKey
}

// unite makes the components of two entries one, bound by these two.
func (x *Index) unite(a, b ref, now int64, reason string) bool {
	p, q := x.root(a), x.root(b)
	if p == q {
		x.bind(a, b)
		return true
	}
	if !x.may(p, q) {
		return false
	}
	x.bind(a, b)
	if x.at(q).leaf < x.at(p).leaf || x.at(q).leaf == x.at(p).leaf && q < p {
		p, q = q, p
	}
	for m := q; ; {
		e := x.edit(m)
		e.up = pack(p)
		if m = e.next.unpack(); m == q {
			break
		}
	}
	older, younger := x.edit(p), x.edit(q)
	if x.leaves.Find(uint64(younger.leaf)) == 0 { // from here on it is another's
		x.insert(&x.leaves, q)
	}
	older.next, younger.next = younger.next, older.next
	younger.many = max(younger.many, 1) // its ID was given out: see sweepLeaves
	if older.leaf != younger.leaf {
		x.change(journey.SpecChange{Kind: journey.SpecMerged, From: younger.leaf, Into: older.leaf, Time: now, Reason: reason})
		x.set(merged, x.nums[merged]+1)
	}
	return true
}

// share marks evidence that speaks for many: it joins nobody any more, and what it
// had joined is joined anew by the evidence that is left. A key that people of many
// accounts use taints what else their client carries.
func (x *Index) share(r ref, taints bool, now int64, reason string) {
	if x.at(r).shared() {
		return
	}
	old, lost := x.idOf(r), x.size(r).sessions
	var rest []ref
	x.members(x.root(r), func(m ref) bool {
		if m != r {
			rest = append(rest, m)
		}
		return true
	})
	x.detach(r)
	e := x.edit(r)
	e.flags |= sharedBit
	if taints {
		e.flags |= maxCount * countUnit
	}
	for _, m := range rest {
		if x.hangs(m, r) {
			x.keepHanging(m, r, dayOf(now))
		}
		if x.at(m).parent.is(r) {
			x.edit(m).parent = packed{}
		}
	}
	e.up, e.next, e.parent = pack(r), pack(r), packed{}
	x.set(split, x.nums[split]+1)
	x.rebuild(rest, r, old, now, reason)
	for _, m := range rest {
		lost -= x.sessions(m)
	}
	if heir := x.leaves.Find(uint64(old)); heir != 0 && lost > 0 {
		x.inheritSessions(heir, lost)
	}
}

// rebuild makes components of entries that were one, by the evidence among them,
// and tells for each leaf of theirs, and of the one that is gone, whose it is now.
func (x *Index) rebuild(rest []ref, gone ref, old journey.ID, now int64, reason string) {
	slices.Sort(rest)
	place := make(map[ref]int, len(rest))
	first := make(map[journey.ID]int, len(rest))
	group := make([]int, len(rest))
	var find func(int) int
	find = func(i int) int {
		if group[i] != i {
			group[i] = find(group[i])
		}
		return group[i]
	}
	join := func(i, j int) { // the one of the older leaf stands for both
		if i, j = find(i), find(j); x.at(rest[j]).leaf < x.at(rest[i]).leaf {
			i, j = j, i
		}
		group[j] = i
	}
	for i, m := range rest {
		place[m], group[i] = i, i
	}
	for i, m := range rest {
		e := x.at(m)
		if j, ok := first[e.leaf]; ok {
			join(j, i)
		} else {
			first[e.leaf] = i
		}
		if j, ok := place[e.parent.unpack()]; ok {
			join(j, i)
		}
		for _, o := range x.extra.of(m) {
			if j, ok := place[o]; ok {
				join(j, i)
			}
		}
	}
	last := make(map[int]ref, 4)
	for i, m := range rest {
		g := find(i)
		root, e := rest[g], x.edit(m)
		e.up = pack(root)
		if prev := last[g]; prev != 0 {
			x.edit(prev).next = pack(m)
		}
		last[g] = m
	}
	circle := make(map[int]ref, len(last))
	for i, m := range rest {
		if g := find(i); circle[g] == 0 {
			circle[g] = m
			x.edit(last[g]).next = pack(m)
		}
	}
	now4 := map[journey.ID]journey.ID{x.at(gone).leaf: x.at(gone).leaf}
	for i, m := range rest {
		now4[x.at(m).leaf] = x.at(rest[find(i)]).leaf
	}
	x.tellSplit(now4, old, now, reason)
}

// tellSplit tells where each leaf of what was one component belongs now, unless it
// is where it was.
func (x *Index) tellSplit(into map[journey.ID]journey.ID, old journey.ID, now int64, reason string) {
	same := true
	ids := make([]journey.ID, 0, len(into))
	for from, to := range into {
		ids = append(ids, from)
		same = same && to == old
	}
	if same {
		return
	}
	slices.SortFunc(ids, cmp.Compare[journey.ID])
	for _, from := range ids {
		x.change(journey.SpecChange{Kind: journey.SpecSplit, From: from, Into: into[from], Time: now, Reason: reason})
	}
}

// detach takes an entry from the table of leaves and its extra bonds: another entry
// of the same leaf stands for that, when there is one.
func (x *Index) detach(r ref) {
	for _, o := range x.extra.of(r) {
		x.removeExtra(r, o)
	}
	leaf := x.at(r).leaf
	if x.leaves.Find(uint64(leaf)) != r {
		return
	}
	x.remove(&x.leaves, r)
	if m := x.mate(r); m != 0 {
		if x.at(r).many > 0 && x.at(m).many == 0 {
			x.edit(m).many = 1
		}
		x.insert(&x.leaves, m)
	}
}

// mate is another entry of the same leaf and component; 0 when there is none.
func (x *Index) mate(r ref) (mate ref) {
	leaf := x.at(r).leaf
	x.members(r, func(m ref) bool {
		if m != r && x.at(m).leaf == leaf && (mate == 0 || m < mate) {
			mate = m
		}
		return true
	})
	return mate
}

// drop forgets an entry. What it held together stays together: it was no evidence
// against anyone.
func (x *Index) drop(r ref) (work int) {
	many, short := x.sessions(r), x.at(r).kind() == token || x.at(r).kind() == visit
	mate := x.mate(r)
	if mate != 0 {
		many += x.sessions(mate)
	}
	x.remove(&x.keys, r)
	if x.over[r] != 0 {
		x.setOver(r, 0)
	}
	x.tally(x.at(r).kind(), -1)
	if x.at(r).next.is(r) {
		x.detach(r)
		x.release(r)
		return 1
	}
	heir := x.inherit(r)
	was, before := *x.at(r), ref(0)
	x.members(r, func(m ref) bool {
		work++
		if x.at(m).next.is(r) {
			before = m
		}
		return true
	})
	x.detach(r)
	x.edit(before).next = was.next
	if was.up.is(r) {
		x.crown(heir, was.leaf)
	}
	x.release(r)
	if mate != 0 { // detach has counted its leaf anew, maybe
		many -= x.sessions(mate)
	}
	if short && many > 0 { // its Sessions are not forgotten as soon
		x.inheritSessions(heir, many)
	}
	return work
}

// inherit gives an entry's bonds to one of those that it binds.
func (x *Index) inherit(r ref) (heir ref) {
	e := x.at(r)
	parent := e.parent.unpack()
	if heir = x.mate(r); heir == 0 {
		if heir = parent; heir == 0 {
			heir = x.extra.one[r]
		}
	}
	var children []ref
	x.members(r, func(m ref) bool {
		if x.at(m).parent.is(r) {
			children = append(children, m)
		}
		return true
	})
	slices.Sort(children)
	for _, c := range children {
		x.edit(c).parent = packed{}
		if heir == 0 {
			heir = c
		}
	}
	x.edit(r).parent = packed{}
	for _, c := range children {
		x.bind(c, heir)
	}
	if parent != 0 {
		x.bind(heir, parent)
	}
	for _, o := range x.extra.of(r) {
		x.removeExtra(r, o)
		x.bind(heir, o)
	}
	if heir == 0 { // nothing bound it: a damaged index
		heir = e.next.unpack()
	}
	return heir
}

// crown makes an entry the root of its component. When the leaf whose ID the
// component bears has no entry any more, the heir's Session takes that name.
func (x *Index) crown(heir ref, leaf journey.ID) {
	own := x.at(heir).leaf
	var group []ref
	x.members(heir, func(m ref) bool {
		if own != leaf && x.at(m).leaf == own {
			group = append(group, m)
		}
		return true
	})
	for _, m := range group {
		x.setLeaf(m, leaf)
	}
	x.members(heir, func(m ref) bool {
		x.edit(m).up = pack(heir)
		return true
	})
}
