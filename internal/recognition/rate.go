package recognition

import "math"

// Rate is a share with what it was counted from.
type Rate struct {
	Share float64 `json:"share" doc:"0 to 1; 0 where nothing was counted"`
	Low   float64 `json:"low" doc:"lower end of the 95 % Wilson interval"`
	High  float64 `json:"high" doc:"upper end"`
	Hits  float64 `json:"hits" doc:"how many were right; a fraction where each session counts in part"`
	Of    int64   `json:"of" doc:"of how many; 0: there was nothing to count"`
	Basis int64   `json:"basis" doc:"how many observations the interval rests on: fewer than counted where pairs of one session are not independent"`
}

// ratio is a Rate while it is counted; ratios of parts add up.
type ratio struct {
	hits      float64
	of, basis int64
}

// count adds one thing that is right or not.
func (r *ratio) count(right bool) {
	if right {
		r.hits++
	}
	r.of++
	r.basis++
}

// weigh adds a session that is right to a part.
func (r *ratio) weigh(part float64) {
	r.hits += part
	r.of++
	r.basis++
}

// pairs adds those that begin at one session. They stand or fall together, so
// that the interval rests on the session.
func (r *ratio) pairs(right, all int64) {
	if all == 0 {
		return
	}
	r.hits += float64(right)
	r.of += all
	r.basis++
}

func (r *ratio) add(o ratio) {
	r.hits += o.hits
	r.of += o.of
	r.basis += o.basis
}

func (r ratio) rate() Rate {
	out := Rate{Hits: r.hits, Of: r.of, Basis: r.basis, High: 1}
	if r.of > 0 {
		out.Share = r.hits / float64(r.of)
		out.Low, out.High = wilson(out.Share, r.basis)
	}
	return out
}

// normal95 is how many standard deviations hold 95 % of a normal distribution.
const normal95 = 1.959963984540054

// wilson is the score interval of a share that n observations gave.
func wilson(share float64, n int64) (low, high float64) {
	if n <= 0 {
		return 0, 1
	}
	const z = normal95
	m := float64(n)
	middle := share + z*z/(2*m)
	spread := z * math.Sqrt(share*(1-share)/m+z*z/(4*m*m))
	scale := 1 + z*z/m
	// At the ends rounding would leave the share just outside.
	return min(share, max(0, (middle-spread)/scale)), max(share, min(1, (middle+spread)/scale))
}
