package main

import (
	"fmt"
	"slices"
	"time"
)

// How long a measurement is. What goes as fast as it can is given time to find its
// pace; at a rate there is none to find, and more rounds tell more of a machine that
// changes from one to the next.
const (
	paced = 2 * time.Second
	rush  = 3 * time.Second
)

// scenario is one kind of traffic.
type scenario struct {
	name   string
	listen string // which of a peer's listeners: http, tls, tls-tls, shop
	script string // request: get, post, big, close, asset
	rate   int    // 0: as fast as it goes
	peers  []string
	aside  []string // peers that are measured in every third round only
	rounds int
	every  int  // each so many requests match a Spec
	events bool // some requests become Events, which are stored later
	h2     bool
	named  bool // it runs only when it is asked for by its name
}

// scenarios come with what is paced first: what saturates the processors changes for
// some seconds how we have ourselves scheduled (internal/processor).
var scenarios = []scenario{
	{name: "get", listen: "http", script: "get", rate: 2000, rounds: 6, peers: []string{"throughline", "nginx", "haproxy"}, aside: []string{"nginx-batch", "floor", "ReverseProxy", "direct"}},
	{name: "post", listen: "http", script: "post", rate: 2000, rounds: 5, peers: []string{"throughline", "nginx", "haproxy"}},
	{name: "events", listen: "http", script: "get", rate: 2000, rounds: 6, every: 10, events: true, peers: []string{"throughline", "nginx", "haproxy"}},
	{name: "sync", listen: "shop", script: "asset", rate: 2000, rounds: 5, every: 10, events: true, peers: []string{"throughline", "nginx", "direct"}},
	{name: "pages", listen: "shop", script: "get", rate: 2000, rounds: 5, events: true, peers: []string{"throughline", "nginx", "direct"}}, // each an Event
	{name: "get", listen: "http", script: "get", rounds: 3, peers: []string{"throughline", "nginx", "haproxy"}, aside: []string{"ReverseProxy"}},
	{name: "post", listen: "http", script: "post", rounds: 3, peers: []string{"throughline", "nginx", "haproxy"}},
	{name: "big", listen: "http", script: "big", rounds: 3, peers: []string{"throughline", "nginx", "haproxy"}},
	{name: "tls", listen: "tls", script: "get", rounds: 3, peers: []string{"throughline", "nginx", "haproxy"}},
	{name: "handshake", listen: "tls", script: "close", rounds: 3, peers: []string{"throughline", "nginx", "haproxy"}},
	{name: "h2", listen: "tls", script: "get", rounds: 2, h2: true, peers: []string{"throughline", "nginx", "haproxy"}},
	{name: "tls-both", listen: "tls-tls", script: "get", rounds: 3, peers: []string{"throughline", "nginx", "haproxy"}},
	{name: "lanes", listen: "http", script: "get", rate: 2000, rounds: 4, named: true, peers: []string{"throughline", noLanes, "nginx"}},
	{name: "lanes", listen: "http", script: "get", rate: 5000, rounds: 4, named: true, peers: []string{"throughline", noLanes, "nginx"}},
	{name: "lanes", listen: "http", script: "get", rate: 12000, rounds: 4, named: true, peers: []string{"throughline", noLanes, "nginx"}},
	{name: "lanes", listen: "http", script: "get", rate: 20000, rounds: 4, named: true, peers: []string{"throughline", noLanes, "nginx"}},
	{name: "lanes", listen: "http", script: "get", rate: 40000, rounds: 4, named: true, peers: []string{"throughline", noLanes, "nginx"}},
	{name: "lanes", listen: "http", script: "get", rounds: 4, named: true, peers: []string{"throughline", noLanes, "nginx", "haproxy"}},
}

// noLanes is a peer: ourselves with `lanes: none`.
const noLanes = "no-lanes"

// warmUp has every peer relay for a second: connections are made, and code and memory
// that were never used come into being, once.
func warmUp(lab *lab) error {
	s := scenario{name: "warm up", listen: "http", script: "get", rate: 2000}
	for _, peer := range []string{"throughline", "nginx", "haproxy", "nginx-batch", "floor"} {
		if _, err := lab.measure(s, peer, time.Second); err != nil {
			return fmt.Errorf("warm up: %s: %w", peer, err)
		}
	}
	return nil
}

// figure is one line of the result.
type figure struct {
	Case   string  `json:"case"`
	Load   string  `json:"load"`
	Peer   string  `json:"peer"`
	Metric string  `json:"metric"`
	Ratio  float64 `json:"ratio"`
	Ours   float64 `json:"ours"`
	Theirs float64 `json:"theirs"`
}

// compare measures every peer once a round, forth and back, and takes medians
// of the ratios within each round, so that a change of the machine hits both. Zero
// rounds and length are the scenario's own.
func compare(lab *lab, s scenario, rounds int, length time.Duration) ([]figure, error) {
	if rounds == 0 {
		rounds = s.rounds
	}
	if length == 0 {
		if length = paced; s.rate == 0 {
			length = rush
		}
	}
	samples := map[string][]map[string]float64{} // by peer, nil of a round without it
	later := deferred{lab: lab, s: s}
	if err := later.begin(); err != nil {
		return nil, fmt.Errorf("warm up: %w", err)
	}
	for i := range rounds {
		order := slices.Clone(s.peers)
		if i%3 == 0 {
			order = append(order, s.aside...)
		}
		if i%2 == 1 {
			slices.Reverse(order)
		}
		for _, peer := range order {
			m, err := lab.measure(s, peer, length)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", peer, err)
			}
			if samples[peer] == nil {
				samples[peer] = make([]map[string]float64, rounds)
			}
			samples[peer][i] = m
		}
	}
	later.end(samples["throughline"], length)
	load := "saturated"
	if s.rate > 0 {
		load = fmt.Sprintf("%d/s", s.rate)
	}
	var out []figure
	for _, peer := range slices.Concat(s.peers[1:], s.aside) {
		for _, metric := range []string{"cpu_per_request", "requests_per_second", "p50", "p95", "p99", "every_p50", "every_p95", "every_p99"} {
			var ratios, ours, theirs []float64
			for i := range rounds {
				a, okA := samples["throughline"][i][metric]
				b, okB := samples[peer][i][metric]
				if okA && okB && b > 0 {
					ratios, ours, theirs = append(ratios, a/b), append(ours, a), append(theirs, b)
				}
			}
			if len(ratios) > 0 {
				out = append(out, figure{s.name, load, peer, metric, median(ratios), median(ours), median(theirs)})
			}
		}
	}
	return out, nil
}

func median(v []float64) float64 {
	v = slices.Sorted(slices.Values(v))
	if n := len(v); n%2 == 0 {
		return (v[n/2-1] + v[n/2]) / 2
	}
	return v[len(v)/2]
}
