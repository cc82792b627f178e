package capture

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// jsonNode is a place in the tree of JSON paths that are looked for. Immutable once
// finished.
type jsonNode struct {
	keys    map[string]*jsonNode
	items   map[int]*jsonNode
	every   *jsonNode // [*]
	targets []target  // what a value here fills
	under   []int     // slots of this place and all below
}

// target is a slot. Of one that stands under a [*] there are many values.
type target struct {
	slot int
	many bool
}

// add puts a path into the tree and returns the tree, which may be nil before.
func (n *jsonNode) add(path []string, slot int) *jsonNode {
	if n == nil {
		n = &jsonNode{}
	}
	at := n
	many := false
	for _, step := range path {
		var next **jsonNode
		inner, index := strings.CutPrefix(step, "[")
		switch {
		case step == "[*]":
			many, next = true, &at.every
		case index:
			i, _ := strconv.Atoi(strings.TrimSuffix(inner, "]"))
			at = at.item(i)
			continue
		default:
			at = at.key(step)
			continue
		}
		if *next == nil {
			*next = &jsonNode{}
		}
		at = *next
	}
	at.targets = append(at.targets, target{slot, many})
	return n
}

func (n *jsonNode) key(k string) *jsonNode {
	if n.keys == nil {
		n.keys = map[string]*jsonNode{}
	}
	if n.keys[k] == nil {
		n.keys[k] = &jsonNode{}
	}
	return n.keys[k]
}

func (n *jsonNode) item(i int) *jsonNode {
	if n.items == nil {
		n.items = map[int]*jsonNode{}
	}
	if n.items[i] == nil {
		n.items[i] = &jsonNode{}
	}
	return n.items[i]
}

// finish lets each place with a number also look for what [*] looks for, so that
// one way leads through every value, and notes what lies under each place.
func (n *jsonNode) finish() {
	if n == nil {
		return
	}
	if n.every != nil {
		for _, c := range n.items {
			c.merge(n.every)
		}
	}
	for _, t := range n.targets {
		n.under = append(n.under, t.slot)
	}
	children := slices.AppendSeq(slices.Collect(maps.Values(n.keys)), maps.Values(n.items))
	if n.every != nil {
		children = append(children, n.every)
	}
	for _, c := range children {
		c.finish()
		n.under = append(n.under, c.under...)
	}
	slices.Sort(n.under)
	n.under = slices.Compact(n.under)
}

func (n *jsonNode) merge(o *jsonNode) {
	n.targets = append(n.targets, o.targets...)
	for k, c := range o.keys {
		n.key(k).merge(c)
	}
	for i, c := range o.items {
		n.item(i).merge(c)
	}
	if o.every != nil {
		if n.every == nil {
			n.every = &jsonNode{}
		}
		n.every.merge(o.every)
	}
}
