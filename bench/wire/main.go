// Command wire compares the data plane with its peers on this machine: the same
// origin, the same load, alternating rounds. It prints a line per figure,
//
//	case=get load=saturated peer=nginx metric=cpu_per_request ratio=0.83 ours=… theirs=…
//
// where ratio is ours over theirs (the median over rounds), and leaves them as
// JSON in bench/results. It needs a C compiler, nginx, haproxy and wrk.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// scenario is one kind of traffic.
type scenario struct {
	name   string
	listen string // which of a peer's listeners: http, tls, tls-tls
	script string // request: get, post, big
	rate   int    // 0: as fast as it goes
	peers  []string
	every  int // each so many requests match a Spec
}

var scenarios = []scenario{
	{name: "get", listen: "http", script: "get", peers: []string{"throughline", "nginx", "haproxy", "ReverseProxy"}},
	{name: "get", listen: "http", script: "get", rate: 2000, peers: []string{"throughline", "nginx", "haproxy", "ReverseProxy", "direct"}},
	{name: "post", listen: "http", script: "post", peers: []string{"throughline", "nginx", "haproxy"}},
	{name: "post", listen: "http", script: "post", rate: 2000, peers: []string{"throughline", "nginx", "haproxy"}},
	{name: "events", listen: "http", script: "get", rate: 2000, every: 10, peers: []string{"throughline", "nginx", "haproxy"}},
	{name: "big", listen: "http", script: "big", peers: []string{"throughline", "nginx", "haproxy"}},
	{name: "tls", listen: "tls", script: "get", peers: []string{"throughline", "nginx", "haproxy"}},
	{name: "tls-both", listen: "tls-tls", script: "get", peers: []string{"throughline", "nginx", "haproxy"}},
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

func run() error {
	rounds := flag.Int("rounds", 3, "rounds per scenario")
	secs := flag.Int("seconds", 3, "seconds per measurement")
	only := flag.String("only", "", "scenarios to run, by name, with commas")
	binary := flag.String("binary", "bin/throughline", "the binary to measure")
	flag.Parse()
	lab, err := openLab(*binary)
	if err != nil {
		return err
	}
	defer lab.close()
	var out []figure
	for _, s := range scenarios {
		if *only != "" && !slices.Contains(strings.Split(*only, ","), s.name) {
			continue
		}
		figures, err := compare(lab, s, *rounds, time.Duration(*secs)*time.Second)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		for _, f := range figures {
			fmt.Printf("case=%s load=%s peer=%s metric=%s ratio=%.2f ours=%.4g theirs=%.4g\n", f.Case, f.Load, f.Peer, f.Metric, f.Ratio, f.Ours, f.Theirs)
		}
		out = append(out, figures...)
	}
	dir := filepath.Join("bench", "results")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "wire.json"), append(text, '\n'), 0o644)
}

// compare measures every peer once a round, forth and back, and takes medians
// of the ratios within each round, so that a change of the machine hits both.
func compare(lab *lab, s scenario, rounds int, length time.Duration) ([]figure, error) {
	samples := map[string][]map[string]float64{}
	for i := range rounds {
		order := slices.Clone(s.peers)
		if i%2 == 1 {
			slices.Reverse(order)
		}
		for _, peer := range order {
			m, err := lab.measure(s, peer, length)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", peer, err)
			}
			samples[peer] = append(samples[peer], m)
		}
	}
	load := "saturated"
	if s.rate > 0 {
		load = fmt.Sprintf("%d/s", s.rate)
	}
	var out []figure
	for _, peer := range s.peers[1:] {
		for _, metric := range []string{"cpu_per_request", "requests_per_second", "p50", "p95", "p99"} {
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
