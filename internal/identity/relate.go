package identity

import (
	"slices"

	"github.com/throughline/throughline/internal/journey"
)

const (
	maxDegree  = 8 // IDs of one entity, past which it is common
	maxRelated = 1 << 18
	common     = journey.ID(-1) // alone in the list of an entity that links nobody
)

// Relate notes that a strong entity was seen with a Spec ID, and returns the links
// to others that it was seen with: each pair once per element. An entity of many is
// common: it links nobody any more.
func (x *Index) Relate(spec journey.ID, element string, hash int64, event journey.ID, now int64) []journey.ActorLink {
	day := dayOf(now)
	spec = x.Current(spec)
	what := named(element)
	entity := mix(uint64(hash)) ^ what
	was, _ := x.related.get(entity)
	if len(was) == 1 && was[0] == common {
		x.keepRelated(entity, was, day)
		return nil
	}
	list := make([]journey.ID, 0, len(was)+1)
	for _, id := range was { // some may have become one since
		if id = x.Current(id); !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	if slices.Contains(list, spec) {
		if x.keepRelated(entity, was, day); len(list) == len(was) {
			return nil
		}
		x.related.put(entity, list, day, x, didRelate)
		return nil
	}
	if len(list) >= degree(element) {
		x.related.put(entity, []journey.ID{common}, day, x, didRelate)
		return nil
	}
	var links []journey.ActorLink
	for _, other := range list {
		a, b := min(spec, other), max(spec, other)
		pair := mix(mix(uint64(a))+uint64(b)) ^ what
		if _, known := x.linked.get(pair); known {
			continue
		}
		x.linked.put(pair, struct{}{}, day, x, didPaired)
		links = append(links, journey.ActorLink{A: a, B: b, Element: element, Hash: hash, EventID: event, Time: now})
	}
	x.related.put(entity, append(list, spec), day, x, didRelate)
	return links
}

// degree is how many users may have an entity that links them. A class of devices at
// one address is a household's, or one person's, only while there are few.
func degree(element string) int {
	if element == "device_address" {
		return 3
	}
	return maxDegree
}

// Rehash moves what is known of an entity to another hash of it, unless something is
// known under that already.
func (x *Index) Rehash(element string, from, to, now int64) {
	what := named(element)
	old, new := mix(uint64(from))^what, mix(uint64(to))^what
	was, known := x.related.get(old)
	if _, taken := x.related.get(new); !known || taken || len(was) == 0 {
		return
	}
	x.related.put(new, was, dayOf(now), x, didRelate)
	x.related.put(old, nil, dayOf(now), x, didRelate)
}

// keepRelated keeps an entity that is still seen.
func (x *Index) keepRelated(entity uint64, list []journey.ID, day uint16) {
	if _, young := x.related.young[entity]; !young {
		x.related.put(entity, list, day, x, didRelate)
	}
}

// named is a number for an element.
func named(element string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(element) {
		h = (h ^ uint64(element[i])) * 1099511628211
	}
	return mix(h)
}
