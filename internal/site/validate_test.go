package site

import (
	"strings"
	"testing"
	"time"
)

func good() *Site {
	return &Site{Name: "shop", Hosts: []string{"shop.example", "*.shop.example", "*", "::1"}, Origin: "https://10.0.0.1:8443/",
		Origins: map[string]string{"honeypot": "http://trap"}, Mode: Active, Failure: FailOpen, Partition: 1023, Deadline: time.Millisecond}
}

func TestValidate(t *testing.T) {
	if err := good().Validate(); err != nil {
		t.Fatal(err)
	}
	for want, spoil := range map[string]func(*Site){
		"no name":             func(s *Site) { s.Name = "" },
		"no hosts":            func(s *Site) { s.Hosts = nil },
		"lower case":          func(s *Site) { s.Hosts = []string{"Shop.example"} },
		"without a port":      func(s *Site) { s.Hosts = []string{"shop.example:80"} },
		"without scheme":      func(s *Site) { s.Hosts = []string{"http://shop.example"} },
		"a star only":         func(s *Site) { s.Hosts = []string{"www.*.example"} },
		"labels is empty":     func(s *Site) { s.Hosts = []string{"*."} },
		"partition 1024":      func(s *Site) { s.Partition = 1024 },
		"deadline -1s":        func(s *Site) { s.Deadline = -time.Second },
		"mode \"\"":           func(s *Site) { s.Mode = "" },
		"failure policy":      func(s *Site) { s.Failure = "ajar" },
		"origin \"ftp://a\"":  func(s *Site) { s.Origin = "ftp://a" },
		"origin \"\"":         func(s *Site) { s.Origin = "" },
		"without a path":      func(s *Site) { s.Origin = "http://a/b" },
		"origin \"http://u@a": func(s *Site) { s.Origin = "http://u@a" },
		"origin \"http://:80": func(s *Site) { s.Origin = "http://:80" },
		"origin \"trap\"":     func(s *Site) { s.Origins["x"] = "trap" },
	} {
		s := good()
		spoil(s)
		if err := s.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}

func TestValidateNamesEveryFaultOfAll(t *testing.T) {
	a, b := good(), good()
	a.Partition = -1
	err := Validate([]*Site{a, b, nil})
	for _, want := range []string{"partition -1", "used twice", `host "*" already belongs`, "nil"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %q in %v", want, err)
		}
	}
	if err := Validate(nil); err != nil {
		t.Error(err)
	}
}

func TestTheFirstSiteKeepsAHost(t *testing.T) {
	a, b := &Site{Hosts: []string{"a", "*.b", "*"}}, &Site{Hosts: []string{"a", "*.b", "*"}}
	for _, host := range []string{"a", "x.b", "z"} {
		if Find([]*Site{a, b}, host) != a {
			t.Errorf("%q went to the second", host)
		}
	}
}
