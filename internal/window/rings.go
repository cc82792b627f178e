package window

// rings hands out rings of 1<<class entries from pages that never move. A page
// holds rings of one size at a time and is anybody's again when all are free, so
// that what series of one length leave behind serves those of another.
type rings struct {
	pages []page
	some  [2][classes]int32 // a page with room, by width and class, plus one; 0: none
	idle  []int32           // pages without rings
}

const (
	pageWords = 8192 // 64 KiB
	ringBits  = 12   // of a ring's name, for its place in the page
	classes   = 13   // 1<<12 is maxEntries
)

type page struct {
	words      []int64
	size       int32 // words of a ring
	live       int32 // rings in use
	fresh      int32 // rings ever used
	free       int32 // a ring given back, plus one; its first word names the next
	next, prev int32 // among those with room, plus one
	list       *int32
}

func (r *rings) claim(wide, class uint8) uint32 {
	size, list := int32(1+wide)<<class, &r.some[wide][class]
	if *list == 0 {
		r.open(size, list)
	}
	n := *list - 1
	p := &r.pages[n]
	i := p.free - 1
	if i >= 0 {
		p.free = int32(p.words[i*size])
	} else {
		i = p.fresh
		p.fresh++
	}
	p.live++
	if p.live*size == pageWords {
		r.unlink(n)
	}
	return uint32(n)<<ringBits | uint32(i)
}

// open makes a page without rings one of a size.
func (r *rings) open(size int32, list *int32) {
	n := int32(len(r.pages))
	if k := len(r.idle); k > 0 {
		n = r.idle[k-1]
		r.idle = r.idle[:k-1]
	} else {
		r.pages = append(r.pages, page{words: make([]int64, pageWords)})
	}
	p := &r.pages[n]
	*p = page{words: p.words, size: size, list: list}
	r.link(n)
}

func (r *rings) release(ring uint32) {
	n, i := int32(ring>>ringBits), int32(ring&(1<<ringBits-1))
	p := &r.pages[n]
	if p.live*p.size == pageWords {
		r.link(n)
	}
	p.words[i*p.size] = int64(p.free)
	p.free = i + 1
	p.live--
	if p.live == 0 {
		r.unlink(n)
		r.idle = append(r.idle, n)
	}
}

func (r *rings) link(n int32) {
	p := &r.pages[n]
	p.next, p.prev = *p.list, 0
	if p.next > 0 {
		r.pages[p.next-1].prev = n + 1
	}
	*p.list = n + 1
}

func (r *rings) unlink(n int32) {
	p := &r.pages[n]
	if p.prev > 0 {
		r.pages[p.prev-1].next = p.next
	} else {
		*p.list = p.next
	}
	if p.next > 0 {
		r.pages[p.next-1].prev = p.prev
	}
}

// words are a ring's own.
func (r *rings) words(ring uint32) []int64 {
	p := &r.pages[ring>>ringBits]
	from := int32(ring&(1<<ringBits-1)) * p.size
	return p.words[from : from+p.size : from+p.size]
}
