package capture

// lookupJSON reads each path as a slot of its own.
func lookupJSON(body []byte, paths [][]string) []found {
	var tree *jsonNode
	for i, p := range paths {
		tree = tree.add(p, i)
	}
	tree.finish()
	slots := make([]repeated, len(paths))
	j := jsonReader{limit: maxValue}
	j.read(body, tree, slots)
	out := make([]found, len(paths))
	for i := range slots {
		out[i] = slots[i].first
		out[i].own = out[i].ok
	}
	return out
}

// formValues reads one name of a form as a Plan does.
func formValues(body []byte, cut bool, name string) repeated {
	slots := make([]repeated, 1)
	pairs(string(body), cut, map[string][]int{name: {0}}, slots, maxValue)
	slots[0].first.own = slots[0].first.ok
	return slots[0]
}
