// Command wire compares the data plane with its peers on this machine: the same
// origin, the same load, alternating rounds. It prints a line per figure,
//
//	case=get load=saturated peer=nginx metric=cpu_per_request ratio=0.83 ours=… theirs=…
//
// where ratio is ours over theirs (the median over rounds), and leaves them as
// JSON in bench/results. It needs a C compiler, nginx, haproxy, wrk,
// h2load and chrt.
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

func run() error {
	rounds := flag.Int("rounds", 0, "rounds of each scenario; 0: as many as it has")
	secs := flag.Int("seconds", 0, "seconds of each measurement; 0: as many as its scenario has")
	only := flag.String("only", "", "scenarios to run, by name, with commas")
	binary := flag.String("binary", "bin/throughline", "the binary to measure")
	profile := flag.String("profile", "", "where to leave a CPU profile of our processes under all of this, for the compiler")
	flag.Parse()
	lab, err := openLab(*binary, *profile != "", slices.Contains(strings.Split(*only, ","), "lanes"))
	if err != nil {
		return err
	}
	defer lab.close()
	if err := warmUp(lab); err != nil {
		return err
	}
	var out []figure
	for _, s := range scenarios {
		if *only == "" && s.named || *only != "" && !slices.Contains(strings.Split(*only, ","), s.name) {
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
	if *profile != "" {
		return lab.mergeProfiles(*profile)
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
