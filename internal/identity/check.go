package identity

import (
	"errors"
	"fmt"
	"slices"
)

// check tells whether what was read is an index: each slot is free or in one
// component and in one bucket.
func (x *Index) check() error {
	top := ref(x.nums[used])
	for r := ref(1); r <= top; r++ {
		e := x.at(r)
		for _, p := range [...]packed{e.up, e.next, e.parent, e.later} {
			if p.unpack() > top {
				return fmt.Errorf("entry %d names one that is not there", r)
			}
		}
	}
	seen := make([]bool, top+1)
	free := 0
	for r := ref(x.nums[idle]); r != 0; r = x.at(r).later.unpack() {
		if r > top || seen[r] || x.at(r).kind() != nothing {
			return errors.New("its list of free slots is broken")
		}
		seen[r] = true
		free++
	}
	for i, b := range x.buckets {
		last := ref(0)
		for r := b.first; r != 0; r = x.at(r).later.unpack() {
			if seen[r] || x.at(r).kind() == nothing {
				return fmt.Errorf("bucket %d is broken", i)
			}
			seen[r], last = true, r
		}
		if last != b.last {
			return fmt.Errorf("bucket %d does not end where it should", i)
		}
	}
	if slices.Contains(seen[1:], false) {
		return errors.New("an entry is nowhere")
	}
	if err := x.checkComponents(top); err != nil {
		return err
	}
	if x.entries() != int64(top)-int64(free) {
		return errors.New("its entries are counted wrongly")
	}
	return x.checkExtras()
}

func (x *Index) checkComponents(top ref) error {
	seen := make([]bool, top+1)
	for r := ref(1); r <= top; r++ {
		e := x.at(r)
		if e.kind() == nothing || seen[r] {
			continue
		}
		root := e.up.unpack()
		if root == 0 || x.at(root).kind() == nothing {
			return fmt.Errorf("entry %d has no component", r)
		}
		for m := r; ; {
			f := x.at(m)
			if seen[m] || f.kind() == nothing || !f.up.is(root) || f.leaf < x.at(root).leaf || f.shared() && (m != root || !f.next.is(m)) {
				return fmt.Errorf("the component of entry %d is broken", r)
			}
			if p := f.parent.unpack(); p != 0 && (p == m || !x.at(p).up.is(root) || x.at(p).kind() == nothing) {
				return fmt.Errorf("entry %d hangs on another component", m)
			}
			seen[m] = true
			if m = f.next.unpack(); m == r {
				break
			}
			if m == 0 {
				return fmt.Errorf("the component of entry %d is broken", r)
			}
		}
		if !seen[root] {
			return fmt.Errorf("the component of entry %d has another root", r)
		}
	}
	return nil
}

func (x *Index) checkExtras() error {
	n := 0
	for _, r := range x.extra.entries() {
		list := x.extra.of(r)
		if r == 0 || len(list) == 0 || x.at(r).kind() == nothing || !increasing(list) {
			return fmt.Errorf("entry %d has broken bonds", r)
		}
		for _, o := range list {
			if o == 0 || o == r || x.at(o).up != x.at(r).up || x.at(o).kind() == nothing || !x.extra.has(o, r) {
				return fmt.Errorf("entry %d has broken bonds", r)
			}
		}
		n += len(list)
	}
	if int64(n) != 2*x.nums[extras] {
		return errors.New("its bonds are counted wrongly")
	}
	for r := range x.over {
		if r == 0 || x.at(r).kind() == nothing || x.at(r).many != 255 {
			return fmt.Errorf("entry %d has broken sessions", r)
		}
	}
	return nil
}

func increasing(list []ref) bool {
	for i := 1; i < len(list); i++ {
		if list[i] <= list[i-1] {
			return false
		}
	}
	return true
}

// fill builds the tables of an index whose entries were read.
func (x *Index) fill(r *reader, listed []ref) {
	for n := ref(1); n <= ref(x.nums[used]); n++ {
		if e := x.at(n); e.kind() != nothing {
			if x.keys.Find(e.hash) != 0 {
				r.fail("entry %d is there twice", n)
				return
			}
			x.keys.Insert(n)
		}
	}
	for _, n := range listed {
		if e := x.at(n); e.shared() || x.leaves.Find(uint64(e.leaf)) != 0 {
			r.fail("entry %d stands for a session that another stands for", n)
			return
		}
		x.leaves.Insert(n)
	}
}

// rebucket queues all entries anew, since the rules remember for another time.
func (x *Index) rebucket(size int) {
	was := x.buckets
	x.buckets = make([]bucket, size)
	low := int(x.nums[swept])
	for day := low; day < low+len(was); day++ {
		for r := was[day%len(was)].first; r != 0; {
			next := x.at(r).later.unpack()
			x.enlist(r)
			r = next
		}
	}
}
