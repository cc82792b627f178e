package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"sync"
	"time"
)

// Verifier is what a worker asks whether a request was judged. Safe for
// concurrent use.
type Verifier struct {
	keys []Key
	o    VerifierOptions
}

// VerifierOptions tune a Verifier.
type VerifierOptions struct {
	// Skew is by how much both clocks may differ; 0: 5 s.
	Skew time.Duration
	// Replays makes signatures good for one use; nil: they are good until they
	// expire.
	Replays *Replays
	// Bodies refuses requests with a body whose signature does not bind it.
	Bodies bool
}

// NewVerifier makes a Verifier. All keys are good.
func NewVerifier(keys []Key, o VerifierOptions) (*Verifier, error) {
	if err := checkKeys(keys); err != nil {
		return nil, err
	}
	if o.Skew == 0 {
		o.Skew = 5 * time.Second
	}
	return &Verifier{keys: keys, o: o}, nil
}

// Verify tells whether a request, with its body, is the one that was signed. nil
// says so; every other answer means that it is to be taken as unsigned.
func (v *Verifier) Verify(r *Request, body []byte, now time.Time) error {
	in, given, err := read(r)
	if err != nil {
		return err
	}
	k := v.key(in.key)
	if k == nil {
		return ErrKey
	}
	base, err := r.base(make([]byte, 0, 512), in.covered, in.raw)
	if err != nil {
		return err
	}
	if !hmac.Equal(mac(k.Secret, base), given) {
		return ErrForged
	}
	// From here on the parameters are the signer's.
	if err := v.covers(&in, r, body); err != nil {
		return err
	}
	created, expires := time.Unix(in.created, 0), time.Unix(in.expires, 0)
	switch {
	case in.tag != Tag, in.nonce == "", expires.Sub(created) > MaxLifetime:
		return ErrCoverage
	case created.After(now.Add(v.o.Skew)):
		return ErrEarly
	case !now.Before(expires.Add(v.o.Skew)):
		return ErrExpired
	}
	if v.o.Replays != nil && !v.o.Replays.first(in.nonce, expires.Add(v.o.Skew), now) {
		return ErrReplayed
	}
	return nil
}

// read finds our signature.
func read(r *Request) (in input, given []byte, err error) {
	inputs, ok := r.field("signature-input")
	if !ok {
		return in, nil, ErrNone
	}
	signatures, ok := r.field("signature")
	if !ok {
		return in, nil, ErrNone
	}
	raw, err := member(inputs, Label)
	if err != nil {
		return in, nil, err
	}
	if in, err = parseInput(raw); err != nil {
		return in, nil, err
	}
	value, err := member(signatures, Label)
	if err != nil {
		return in, nil, err
	}
	if given, ok = binary(value, sha256.Size); !ok || in.algorithm != "" && in.algorithm != algorithm {
		return in, nil, ErrMalformed
	}
	return in, given, nil
}

func (v *Verifier) key(id string) (k *Key) {
	for i := range v.keys {
		if v.keys[i].ID == id {
			k = &v.keys[i]
		}
	}
	return k
}

// covers tells whether what must be bound is.
func (v *Verifier) covers(in *input, r *Request, body []byte) error {
	for _, must := range [...]string{"@method", "@authority", "@path", "@query"} {
		if !has(in.covered, must) {
			return ErrCoverage
		}
	}
	if in.created < 0 || in.expires < in.created {
		return ErrCoverage
	}
	if has(in.covered, "content-digest") {
		if d, _ := r.field("content-digest"); !Fits(d, body) {
			return ErrDigest
		}
	} else if v.o.Bodies && len(body) > 0 {
		return ErrCoverage
	}
	return nil
}

// Replays remembers which signatures were used, each until it expires. It is
// bounded: when it is full the oldest is forgotten, and counted. Safe for
// concurrent use. Invariant, under mu: order holds the keys of seen, oldest
// first.
type Replays struct {
	max int

	mu        sync.Mutex
	seen      map[string]struct{}
	order     []use
	forgotten int64
}

type use struct {
	nonce string
	until time.Time
}

// NewReplays remembers up to max uses.
func NewReplays(max int) *Replays { return &Replays{max: max, seen: map[string]struct{}{}} }

// first tells whether a nonce is used for the first time.
func (p *Replays) first(nonce string, until, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, used := p.seen[nonce]; used {
		return false
	}
	for len(p.order) > 0 && !now.Before(p.order[0].until) {
		p.drop()
	}
	if len(p.order) >= p.max {
		p.drop()
		p.forgotten++
	}
	p.seen[nonce] = struct{}{}
	p.order = append(p.order, use{nonce, until})
	return true
}

func (p *Replays) drop() {
	delete(p.seen, p.order[0].nonce)
	p.order[0] = use{}
	p.order = p.order[1:]
}

// Forgotten is how many uses were forgotten before their time.
func (p *Replays) Forgotten() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.forgotten
}
