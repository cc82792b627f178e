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
	s := &Site{Mode: Active, Switch: &Switch{}}
	if none.Mode() != "" || s.InForce() != Active || (&Site{Mode: Mirror}).InForce() != Mirror {
		t.Fatal("a switch that nobody turned does something")
	}
	for _, m := range []Mode{Bypass, Maintenance, PassThrough} {
		if s.Switch.SetMode(m); s.InForce() != m {
			t.Fatalf("%s is not in force but %s", m, s.InForce())
		}
	}
	if s.Switch.SetMode(""); s.InForce() != Active || s.Switch.Mode() != "" {
		t.Fatalf("%s stays in force", s.InForce())
	}
}
