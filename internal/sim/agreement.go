package sim

// Agreement is how well groups that were found agree with the true ones.
type Agreement struct{ Precision, Recall float64 }

// F1 is the harmonic mean of both.
func (a Agreement) F1() float64 {
	if a.Precision+a.Recall == 0 {
		return 0
	}
	return 2 * a.Precision * a.Recall / (a.Precision + a.Recall)
}

// Agree compares groups by pairs of items that are together, and item by item
// (B-cubed). found and truth name the group of each item.
func Agree(found, truth []int) (pairs, items Agreement) {
	type cell struct{ f, t int }
	both, inFound, inTruth := map[cell]int{}, map[int]int{}, map[int]int{}
	for i := range found {
		both[cell{found[i], truth[i]}]++
		inFound[found[i]]++
		inTruth[truth[i]]++
	}
	count := func(n int) int { return n * (n - 1) / 2 }
	right, said, real := 0, 0, 0
	for _, n := range both {
		right += count(n)
	}
	for _, n := range inFound {
		said += count(n)
	}
	for _, n := range inTruth {
		real += count(n)
	}
	for i := range found { // in the order of the items: sums of floats depend on it
		n := float64(both[cell{found[i], truth[i]}])
		items.Precision += n / float64(inFound[found[i]])
		items.Recall += n / float64(inTruth[truth[i]])
	}
	items.Precision /= float64(max(1, len(found)))
	items.Recall /= float64(max(1, len(found)))
	return Agreement{ratio(right, said), ratio(right, real)}, items
}

// ratio of nothing to nothing is 1: nothing was wrong.
func ratio(a, b int) float64 {
	if b == 0 {
		return 1
	}
	return float64(a) / float64(b)
}
