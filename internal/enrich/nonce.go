package enrich

import (
	"crypto/sha256"
	"fmt"
	"sync"
)

// How many nonces of signed requests are remembered: in all, of one signer, and of
// how many signers.
const (
	maxNonces      = 128 << 10
	maxSignerUses  = 64 << 10
	maxNonceSigner = 1024
)

// nonces remembers which signatures have been used, each until it would have
// expired. Where there are too many, the oldest of who has most are forgotten, and
// counted: a signer that sends very many does not push another's out.
// Invariant, under mu: held is how many entries all orders have together.
type nonces struct {
	most, each, signers int

	mu        sync.Mutex
	by        map[string]*uses
	held      int
	forgotten int64
}

// uses are one signer's, by the order in which they came.
type uses struct {
	until map[nonceID]int64 // Unix micros
	order []use
	last  int64
}

type use struct {
	id    nonceID
	until int64
}

type nonceID [16]byte

func newNonces() *nonces {
	return &nonces{most: maxNonces, each: maxSignerUses, signers: maxNonceSigner, by: map[string]*uses{}}
}

// first tells whether a signer uses a nonce for the first time within the life of
// the signature that had it. Times are Unix micros.
func (n *nonces) first(signer, key, nonce string, until, now int64) bool {
	sum := sha256.Sum256([]byte(key + "\x00" + nonce))
	id := nonceID(sum[:16])
	n.mu.Lock()
	defer n.mu.Unlock()
	u := n.by[signer]
	if u == nil {
		if len(n.by) >= n.signers {
			n.leave()
		}
		u = &uses{until: map[nonceID]int64{}}
		n.by[signer] = u
	}
	u.last = max(u.last, now)
	if end, used := u.until[id]; used && now < end {
		return false
	}
	for len(u.order) > 0 && u.order[0].until <= now {
		n.drop(u)
	}
	switch {
	case len(u.order) >= n.each:
		n.drop(u)
		n.forgotten++
	case n.held >= n.most:
		n.drop(n.largest())
		n.forgotten++
	}
	u.until[id] = until
	u.order = append(u.order, use{id, until})
	n.held++
	return true
}

// drop forgets the oldest use of a signer, unless the nonce was used anew.
func (n *nonces) drop(u *uses) {
	if o := u.order[0]; u.until[o.id] == o.until {
		delete(u.until, o.id)
	}
	u.order = u.order[1:]
	n.held--
}

func (n *nonces) largest() (most *uses) {
	for _, u := range n.by {
		if most == nil || len(u.order) > len(most.order) {
			most = u
		}
	}
	return most
}

// leave forgets the signer that has not been seen for longest.
func (n *nonces) leave() {
	oldest := ""
	for s, u := range n.by {
		if o := n.by[oldest]; o == nil || u.last < o.last {
			oldest = s
		}
	}
	n.held -= len(n.by[oldest].order)
	n.forgotten += int64(len(n.by[oldest].order))
	delete(n.by, oldest)
}

func (n *nonces) status() Status {
	n.mu.Lock()
	defer n.mu.Unlock()
	return Status{Name: "nonces of signed requests", State: OK, Detail: fmt.Sprintf("%d remembered, %d forgotten early", n.held, n.forgotten)}
}
