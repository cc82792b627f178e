// Command identity measures how well Sessions and Spec IDs are found, on simulated
// traffic whose truth is known (internal/sim says what is assumed). It prints a line
// per figure,
//
//	site=tickets seed=101 metric=session_f1 value=0.9871 target=0.97 met=yes
//
// and fails when a target is missed. Figures without a target are there to be read.
package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/throughline/throughline/internal/sim"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	people := flag.Int("people", 3000, "ordinary visitors")
	seeds := flag.String("seeds", strings.Trim(fmt.Sprint(sim.HeldOut()), "[]"), "seeds, with spaces")
	shared := flag.Float64("shared", 1, "times as many shared devices as assumed")
	flag.Parse()
	a := sim.Assumed(*people)
	a.SharedHome *= *shared
	a.KiosksFor = int(float64(a.KiosksFor) / *shared)
	missed := 0
	for _, site := range sim.Sites() {
		for _, text := range strings.Fields(*seeds) {
			seed, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				return fmt.Errorf("seed %q: want a whole number", text)
			}
			score := sim.Run(site, seed, a)
			for _, f := range score.Figures(site) {
				line := fmt.Sprintf("site=%s seed=%d metric=%s value=%.4f", site.Name, seed, f.Metric, f.Value)
				if f.Target != "" {
					line += fmt.Sprintf(" target=%s met=%s", f.Target, map[bool]string{true: "yes", false: "no"}[f.Met])
				}
				if f.Target != "" && !f.Met {
					missed++
				}
				fmt.Println(line)
			}
		}
	}
	if missed > 0 {
		return fmt.Errorf("%d targets are missed", missed)
	}
	return nil
}
