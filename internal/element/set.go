package element

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// CustomPrefix begins the ID of every element that a policy defines, so that no
// later catalogue can take it.
const CustomPrefix = "custom_"

// customGroup is where the Hub shows them.
const customGroup = "Custom"

// Set is the catalogue with a policy's own elements. It is immutable; a nil Set is
// the catalogue alone.
type Set struct {
	all   []Def
	index map[string]int
}

// NewSet adds elements that Check has passed.
func NewSet(custom []Def) *Set {
	if len(custom) == 0 {
		return nil
	}
	all := slices.Concat(table, custom)
	for i := len(table); i < len(all); i++ {
		all[i].Group, all[i].Custom, all[i].Computed = customGroup, true, false
	}
	known := indexed(all)
	for i := len(table); i < len(all); i++ {
		all[i].parts, all[i].context = partsOf(all[i], known), contextOf(all[i], all, known)
	}
	return &Set{all: all, index: known}
}

// Lookup finds an element by ID.
func (s *Set) Lookup(id string) (Def, bool) {
	if s == nil {
		return Lookup(id)
	}
	i, ok := s.index[id]
	if !ok {
		return Def{}, false
	}
	return s.all[i], true
}

// Find is Lookup without a copy: what it points to is not changed by anybody.
func (s *Set) Find(id string) *Def {
	all, at := table, index
	if s != nil {
		all, at = s.all, s.index
	}
	if i, ok := at[id]; ok {
		return &all[i]
	}
	return nil
}

// All lists the elements, the policy's own last. Callers don't change it.
func (s *Set) All() []Def {
	if s == nil {
		return table
	}
	return s.all
}

// Custom lists the policy's own.
func (s *Set) Custom() []Def {
	if s == nil {
		return nil
	}
	return s.all[len(table):]
}

// Problem is what is wrong with one field of a custom element.
type Problem struct{ Field, Wrong, Right string }

var customID = regexp.MustCompile(`^custom_[a-z][a-z0-9_]{0,56}$`)

// Check holds a custom element to the rules of the catalogue. Its example must fit
// its kind.
func Check(d Def) []Problem {
	var out []Problem
	bad := func(field, wrong, right string) { out = append(out, Problem{field, wrong, right}) }
	if !customID.MatchString(d.ID) {
		bad("id", fmt.Sprintf("%q is no ID of an own element", d.ID), CustomPrefix+" and a-z, 0-9, _, at most 64, e.g. custom_gamer_tag")
	}
	if strings.TrimSpace(d.Name) == "" || len(d.Name) > 64 || !isPlainName(d.Name) {
		bad("name", "is empty, longer than 64 bytes or not one line", "what people read, e.g. Gamer Tag")
	}
	if d.Kind == Address || !d.Kind.Known() {
		bad("value", fmt.Sprintf("%q is no value kind of an own element", d.Kind), "a kind of docs/elements.md, e.g. identifier, text or money")
		return out
	}
	if d.Kind.AlwaysHashed() && !d.Hashed() {
		bad("sensitivity", fmt.Sprintf("%q does not fit %s, which is kept only as a keyed hash", d.Sensitivity, d.Kind), "sensitive or secret")
	}
	if err := checkExample(d); err != nil {
		bad("example", "does not fit "+string(d.Kind)+": "+err.Error(), "a made-up value as it could come, never a real one")
	}
	return out
}

func isPlainName(s string) bool { return oneLine(s, 64) == s }

// checkExample normalises the example under a key of no meaning.
func checkExample(d Def) error {
	if strings.TrimSpace(d.Example) == "" {
		return errors.New("empty")
	}
	h, err := NewHasher([]byte("only to see whether examples fit"))
	if err != nil {
		return err
	}
	_, err = Normalise(d, d.Example, Options{Region: "US", Hasher: h})
	return err
}
