package sim

import (
	"math"
	"testing"
)

func TestAgree(t *testing.T) {
	for _, c := range []struct {
		name         string
		found, truth []int
		pairs, items Agreement
	}{
		{"all right, under other names", []int{7, 7, 9}, []int{1, 1, 2}, Agreement{1, 1}, Agreement{1, 1}},
		{"all in one", []int{1, 1, 1, 1}, []int{1, 1, 2, 2}, Agreement{1. / 3, 1}, Agreement{.5, 1}},
		{"each alone", []int{1, 2, 3, 4}, []int{1, 1, 2, 2}, Agreement{1, 0}, Agreement{1, .5}},
		{"mixed", []int{1, 1, 1, 2, 2}, []int{1, 1, 2, 1, 2}, Agreement{.25, .25}, Agreement{8. / 15, 8. / 15}},
		{"nothing", nil, nil, Agreement{1, 1}, Agreement{0, 0}},
	} {
		pairs, items := Agree(c.found, c.truth)
		for _, p := range [][2]float64{{pairs.Precision, c.pairs.Precision}, {pairs.Recall, c.pairs.Recall},
			{items.Precision, c.items.Precision}, {items.Recall, c.items.Recall}} {
			if math.Abs(p[0]-p[1]) > 1e-9 {
				t.Errorf("%s: pairs %+v, items %+v; want %+v, %+v", c.name, pairs, items, c.pairs, c.items)
				break
			}
		}
	}
	if f := (Agreement{.5, 1}).F1(); math.Abs(f-2./3) > 1e-9 {
		t.Error(f)
	}
}
