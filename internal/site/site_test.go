package site

import "testing"

func TestFind(t *testing.T) {
	exact, wild, deep, rest := &Site{Hosts: []string{"shop.example"}}, &Site{Hosts: []string{"*.example"}},
		&Site{Hosts: []string{"*.eu.example"}}, &Site{Hosts: []string{"*"}}
	all := []*Site{rest, wild, deep, exact}
	for host, want := range map[string]*Site{
		"shop.example": exact, "www.example": wild, "a.eu.example": deep, "example": rest, "": rest, "other": rest, ".example": rest,
	} {
		if got := Find(all, host); got != want {
			t.Errorf("%q goes to %+v", host, got)
		}
	}
	if Find([]*Site{exact}, "other") != nil {
		t.Error("an unknown host found a site")
	}
}

func TestSwitch(t *testing.T) {
	var none *Switch
	s := &Switch{}
	if none.Bypassed() || s.Bypassed() {
		t.Fatal("bypassed from the start")
	}
	s.SetBypass(true)
	if !s.Bypassed() {
		t.Fatal("not bypassed")
	}
}
