package journal

import "sync"

// Bounds of a tail; a reader further behind asks the store.
const (
	tailEntries = 1 << 15
	tailBytes   = 32 << 20
)

// tail holds a partition's newest acknowledged entries as long as a reader that
// is up to date has not taken them, so that what was just written needs neither
// be looked for in the store nor delivered by it. It holds what the store
// acknowledged and nothing else: where it can't tell, a reader asks the store.
type tail struct {
	most    int // entries
	mu      sync.Mutex
	eng     *engine
	owner   *writer  // whose appends it follows; nil when nobody's
	first   uint64   // number of entries[0]
	entries [][]byte // encoded
	bytes   int
	readers map[*reader]uint64 // those that follow: what each wants next
	grown   chan struct{}      // closed at the next change; nil while nobody waits
}

func (t *tail) end() uint64 { return t.first + uint64(len(t.entries)) }

// follow makes it the tail of what w will append from next on.
func (t *tail) follow(w *writer, eng *engine, next uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.eng, t.owner = eng, w
	t.drop(next)
	t.changed()
}

// push adds entries of w that were acknowledged.
func (t *tail) push(w *writer, first uint64, entries [][]byte) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.owner != w && first < t.first {
		return // the last of a writer before
	}
	defer t.changed()
	if t.owner != w || t.end() != first { // there is another writer: who is right, the store knows
		t.owner = nil
		return
	}
	t.entries = append(t.entries, entries...)
	for _, data := range entries {
		t.bytes += len(data)
	}
	switch {
	case len(t.readers) == 0:
		t.drop(t.end())
	case t.bytes > tailBytes || len(t.entries) > t.most:
		t.drop(t.first + uint64(len(t.entries)+1)/2)
	}
}

// leave says that w appends no more, or that the fate of an append is unknown.
func (t *tail) leave(w *writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.owner == w {
		t.owner = nil
		t.changed()
	}
}

// take returns up to most entries from next on, or what to wait for when there
// is none yet. Without either the reader is to ask the store.
func (t *tail) take(r *reader, next uint64, most int) (entries [][]byte, grown <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	end := t.end()
	switch {
	case t.eng != r.eng:
		return nil, nil
	case next < t.first || next > end || next == end && t.owner == nil:
		t.note(r, next) // so that it finds here what comes while it asks the store
		return nil, nil
	case next == end:
		t.note(r, next)
		if t.grown == nil {
			t.grown = make(chan struct{})
		}
		return nil, t.grown
	}
	at := int(next - t.first)
	entries = append(entries, t.entries[at:min(len(t.entries), at+most)]...)
	t.note(r, next+uint64(len(entries)))
	return entries, nil
}

// note remembers what a reader wants next and lets go of what nobody wants.
func (t *tail) note(r *reader, next uint64) {
	if r.closed() {
		return
	}
	if t.readers == nil {
		t.readers = map[*reader]uint64{}
	}
	t.readers[r] = next
	for _, other := range t.readers {
		next = min(next, other)
	}
	if next > t.first {
		t.drop(min(next, t.end()))
	}
}

// forget lets go of a reader.
func (t *tail) forget(r *reader) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.readers, r)
}

// drop lets go of entries before first.
func (t *tail) drop(first uint64) {
	n := len(t.entries)
	if first >= t.first && first < t.end() {
		n = int(first - t.first)
	}
	for i, e := range t.entries[:n] {
		t.bytes -= len(e)
		t.entries[i] = nil
	}
	t.entries, t.first = t.entries[n:], first
	if len(t.entries) == 0 {
		t.entries = nil
	}
}

func (t *tail) changed() {
	if t.grown != nil {
		close(t.grown)
		t.grown = nil
	}
}

// tail returns a partition's.
func (j *Journal) tail(partition int) *tail {
	j.mu.Lock()
	defer j.mu.Unlock()
	t := j.tails[partition]
	if t == nil {
		t = &tail{most: tailEntries}
		j.tails[partition] = t
	}
	return t
}
