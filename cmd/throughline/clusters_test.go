package main

import (
	"fmt"
	"slices"
	"strings"
)

// clusters is who was found together, beside who they were.
type clusters struct {
	of    map[string]map[string]int // by cluster, by truth
	whose map[string]int            // by truth
}

func newClusters() *clusters {
	return &clusters{map[string]map[string]int{}, map[string]int{}}
}

func (c *clusters) add(cluster, truth string) {
	if c.of[cluster] == nil {
		c.of[cluster] = map[string]int{}
	}
	c.of[cluster][truth]++
	c.whose[truth]++
}

// bcubed is precision and recall of an item's cluster, the mean over all items
// (Bagga and Baldwin, 1998).
func (c *clusters) bcubed() (precision, recall float64) {
	all := 0
	for _, members := range c.of {
		size := 0
		for _, n := range members {
			size += n
		}
		for truth, n := range members {
			precision += float64(n*n) / float64(size)
			recall += float64(n*n) / float64(c.whose[truth])
		}
		all += size
	}
	return precision / float64(all), recall / float64(all)
}

// among counts the clusters that hold visitors of a kind, and tells whether one of
// them holds two.
func (c *clusters) among(kind string) (n int, mixed bool) {
	for _, members := range c.of {
		of := 0
		for truth := range members {
			if strings.HasPrefix(truth, kind) {
				of++
			}
		}
		if of > 0 {
			n++
			mixed = mixed || len(members) > 1
		}
	}
	return n, mixed
}

func (c *clusters) String() string {
	var lines []string
	for _, members := range c.of {
		var in []string
		for truth, n := range members {
			in = append(in, fmt.Sprintf("%s×%d", truth, n))
		}
		slices.Sort(in)
		lines = append(lines, strings.Join(in, " "))
	}
	slices.Sort(lines)
	return strings.Join(lines, " | ")
}
