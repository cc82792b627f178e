package site

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Validate checks sites one by one and together; the error names every fault.
func Validate(sites []*Site) error {
	var faults []error
	names, hosts := map[string]bool{}, map[string]string{}
	for _, s := range sites {
		if s == nil {
			faults = append(faults, errors.New("a site is nil"))
			continue
		}
		if names[s.Name] {
			faults = append(faults, fmt.Errorf("site %q: the name is used twice", s.Name))
		}
		names[s.Name] = true
		faults = append(faults, s.Validate())
		for _, h := range s.Hosts {
			if other, taken := hosts[h]; taken {
				faults = append(faults, fmt.Errorf("site %q: host %q already belongs to site %q", s.Name, h, other))
			}
			hosts[h] = s.Name
		}
	}
	return errors.Join(faults...)
}

// Validate checks one site; the error names every fault.
func (s *Site) Validate() error {
	var faults []error
	bad := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("site %q: "+format, append([]any{s.Name}, args...)...))
	}
	if s.Name == "" {
		bad("it has no name")
	}
	if len(s.Hosts) == 0 {
		bad("it has no hosts; want names, \"*.example.com\", or \"*\" for all others")
	}
	for _, h := range s.Hosts {
		if why := badHost(h); why != "" {
			bad("host %q: %s", h, why)
		}
	}
	if err := checkOrigin(s.Origin); err != nil {
		bad("%w", err)
	}
	for _, a := range s.Addresses {
		if why := BadAddress(a); why != "" {
			bad("address %q: %s", a, why)
		}
	}
	if h := s.Health; h != nil {
		if !strings.HasPrefix(h.Path, "/") || strings.ContainsAny(h.Path, " \r\n\t#") {
			bad("health path %q: want one like /healthz", h.Path)
		}
		if h.Status < 200 || h.Status > 599 {
			bad("health status %d: want 200 to 599", h.Status)
		}
		if h.Interval <= 0 || h.Timeout <= 0 || h.Timeout > h.Interval {
			bad("health interval %v and timeout %v: want both above zero, and the timeout no longer than the interval", h.Interval, h.Timeout)
		}
	}
	if f := s.Failover; f != nil && (f.Fails < 1 || f.Pause <= 0 || f.SlowStart < 0) {
		bad("failover after %d fails, for %v, slow start %v: want one fail or more, a pause above zero, and a slow start not below", f.Fails, f.Pause, f.SlowStart)
	}
	if s.OriginHost != "" && BadAddress(s.OriginHost) != "" {
		bad("host %q for the origin: %s", s.OriginHost, BadAddress(s.OriginHost))
	}
	for name, o := range s.Origins {
		if name == "" {
			bad("an origin for rerouting has no name")
		}
		if err := checkOrigin(o); err != nil {
			bad("%w", err)
		}
	}
	if !s.Mode.Known() {
		bad("mode %q: want pass-through, active, mirror, bypass or maintenance", s.Mode)
	}
	switch s.Failure {
	case FailOpen, FailClosed:
	default:
		bad("failure policy %q: want open or closed", s.Failure)
	}
	if s.Partition < 0 || s.Partition > 1023 {
		bad("partition %d: want 0 to 1023", s.Partition)
	}
	if s.Deadline < 0 {
		bad("deadline %v: want none below zero", s.Deadline)
	}
	s.checkWorker(bad)
	return errors.Join(faults...)
}

// BadAddress says what is wrong with a name or IP address, with or without a port.
func BadAddress(a string) string {
	host, port, err := net.SplitHostPort(a)
	if err != nil {
		host, port = strings.TrimSuffix(strings.TrimPrefix(a, "["), "]"), "1"
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "want a port from 1 to 65535"
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return ""
	}
	if host == "" || strings.ContainsAny(host, "/:@*[] \t\r\n") {
		return "want a host name or IP address, with or without a port"
	}
	return ""
}

func badHost(h string) string {
	if h == "*" {
		return ""
	}
	name := strings.TrimPrefix(h, "*.")
	switch {
	case name == "" || strings.HasSuffix(name, ".") || strings.HasPrefix(name, ".") || strings.Contains(name, ".."):
		return "a name or one of its labels is empty"
	case strings.Contains(name, "*"):
		return "a star only stands alone or first, as in \"*.example.com\""
	case name != strings.ToLower(name):
		return "want it in lower case"
	case strings.ContainsAny(name, " /\\@?#[]\t"):
		return "want a name without scheme, port, path or brackets"
	case strings.Count(name, ":") == 1:
		return "want it without a port"
	}
	return ""
}

func checkOrigin(o string) error {
	u, err := url.Parse(o)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" ||
		u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("origin %q: want http://host:port or https://host, without a path", o)
	}
	return nil
}
