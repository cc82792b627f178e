package sim

import (
	"container/heap"
	"iter"
	"math/rand/v2"
)

// Simulate streams the requests of a population to a site, in the order of their
// times. The same site, seed and assumptions give the same requests.
func Simulate(site Site, seed uint64, a Assumptions) iter.Seq[*Request] {
	return func(yield func(*Request) bool) {
		r := rand.New(rand.NewPCG(seed, hash(site.Name, 0)))
		w := newTown(a, r)
		s := &stream{w: w, site: site, r: r}
		plans := queue[plan]{before: func(a, b *plan) bool { return a.at < b.at || a.at == b.at && a.order < b.order }}
		for i := range w.plans {
			heap.Push(&plans, &w.plans[i])
		}
		for plans.Len() > 0 {
			p := heap.Pop(&plans).(*plan)
			if s.postponed(p) {
				heap.Push(&plans, p)
				continue
			}
			if !s.flush(p.at, yield) {
				return
			}
			s.visit(p)
		}
		s.flush(1<<62, yield)
	}
}

// maxPause is the longest pause within a visit, apart the least between two of one
// person: what the truth calls a visit is thereby what a timeout of 30 minutes can
// find.
const (
	maxPause = 28 * minute
	apart    = 35 * minute
)

// stream turns plans into requests.
type stream struct {
	w        *town
	site     Site
	r        *rand.Rand
	visits   int
	exchange uint64
	facts    queue[fact]
	order    int
}

type fact struct {
	Request
	order int
}

// postponed puts a visit off while its person or its device is busy.
func (s *stream) postponed(p *plan) bool {
	free := int64(0)
	if p.who.until > 0 {
		free = p.who.until + apart
	}
	if p.with.occupied > 0 {
		free = max(free, p.with.occupied+30*sec)
	}
	if p.at >= free {
		return false
	}
	p.at = free + int64(s.r.ExpFloat64()*float64(5*minute))
	return true
}

func (s *stream) emit(f fact) {
	s.order++
	f.order = s.order
	if s.facts.before == nil {
		s.facts.before = func(a, b *fact) bool { return a.Time < b.Time || a.Time == b.Time && a.order < b.order }
	}
	heap.Push(&s.facts, &f)
}

// flush yields what happened before a time.
func (s *stream) flush(until int64, yield func(*Request) bool) bool {
	for s.facts.Len() > 0 && s.facts.list[0].Time < until {
		if !yield(&heap.Pop(&s.facts).(*fact).Request) {
			return false
		}
	}
	return true
}

// queue is a heap.
type queue[T any] struct {
	list   []*T
	before func(a, b *T) bool
}

func (q *queue[T]) Len() int           { return len(q.list) }
func (q *queue[T]) Less(i, j int) bool { return q.before(q.list[i], q.list[j]) }
func (q *queue[T]) Swap(i, j int)      { q.list[i], q.list[j] = q.list[j], q.list[i] }
func (q *queue[T]) Push(x any)         { q.list = append(q.list, x.(*T)) }
func (q *queue[T]) Pop() any {
	last := len(q.list) - 1
	x := q.list[last]
	q.list[last] = nil
	q.list = q.list[:last]
	return x
}
