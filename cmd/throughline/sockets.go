package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
)

// The names of our listening sockets, for a successor and for systemd's
// FileDescriptorName.
const (
	visitorsSocket = "visitors"
	tlsSocket      = "visitors-tls"
	hubSocket      = "hub"
	adminSocket    = "admin"
)

// firstInherited is the first descriptor given by LISTEN_FDS.
const firstInherited = 3

// sockets are the process's listening sockets: given to it by the one before it
// or by systemd, or opened here. It keeps a descriptor of each, so that they go
// on listening between two processes.
type sockets struct {
	heir *heir // nil: nobody was before us
	// plain says that new sockets speak TCP without Multipath, which keeps no SYN.
	plain bool

	mu    sync.Mutex
	given []given
	held  map[string]*os.File
}

type given struct {
	name string
	ln   net.Listener
}

// inheritSockets takes what LISTEN_FDS says, and removes it from the environment.
func inheritSockets() (*sockets, error) {
	s := &sockets{held: map[string]*os.File{}}
	count, names, pid := os.Getenv("LISTEN_FDS"), os.Getenv("LISTEN_FDNAMES"), os.Getenv("LISTEN_PID")
	succeed := os.Getenv(heirVariable)
	for _, v := range []string{"LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PID", heirVariable} {
		_ = os.Unsetenv(v)
	}
	if count == "" || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return s, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 || n > 64 {
		return nil, fmt.Errorf("LISTEN_FDS: %q is no number of sockets", count)
	}
	list := strings.Split(names, ":")
	for i := range n {
		name := ""
		if i < len(list) {
			name = list[i]
		}
		f := os.NewFile(uintptr(firstInherited+i), name)
		ln, err := net.FileListener(f)
		_ = f.Close()
		if err != nil {
			return nil, fmt.Errorf("socket %d of LISTEN_FDS: %w", i, err)
		}
		s.given = append(s.given, given{name, ln})
	}
	if succeed != "" {
		fd, err := strconv.Atoi(succeed)
		if err != nil || fd != firstInherited+n {
			return nil, fmt.Errorf("%s: %q is no descriptor of ours", heirVariable, succeed)
		}
		s.heir = &heir{os.NewFile(uintptr(fd), "predecessor")}
	}
	return s, nil
}

// listen answers the socket of an address: the one given for it, or a new one.
func (s *sockets) listen(name, addr string) (net.Listener, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var ln net.Listener
	for i, g := range s.given {
		if g.fits(name, addr) {
			ln = g.ln
			s.given = append(s.given[:i:i], s.given[i+1:]...)
			break
		}
	}
	if ln == nil {
		var err error
		var how net.ListenConfig
		if s.plain {
			how.SetMultipathTCP(false)
		}
		if ln, err = how.Listen(context.Background(), "tcp", addr); err != nil {
			return nil, err
		}
	}
	t, ok := ln.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("listen on %s: the socket given is not a TCP one", addr)
	}
	f, err := t.File()
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	s.held[name] = f
	return ln, nil
}

// fits tells whether a socket is an address's. A port that the kernel chose is
// known by its name alone.
func (g given) fits(name, addr string) bool {
	want, err := net.ResolveTCPAddr("tcp", addr)
	have, ok := g.ln.Addr().(*net.TCPAddr)
	if err != nil || !ok {
		return false
	}
	if want.Port == 0 {
		return g.name == name
	}
	wild := func(ip net.IP) bool { return ip == nil || ip.IsUnspecified() }
	return want.Port == have.Port && (want.IP.Equal(have.IP) || wild(want.IP) && wild(have.IP))
}

// leave closes what was given and nobody wants.
func (s *sockets) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range s.given {
		_ = g.ln.Close()
	}
	s.given = nil
}

// close lets go of all sockets that are kept for a successor.
func (s *sockets) close() {
	s.leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.held {
		_ = f.Close()
	}
	s.held = map[string]*os.File{}
}

// again gives this process its own sockets once more, after a successor that
// did not come up.
func (s *sockets) again() (*sockets, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &sockets{held: map[string]*os.File{}}
	var errs []error
	for name, f := range s.held {
		ln, err := net.FileListener(f)
		if err != nil {
			errs = append(errs, fmt.Errorf("socket %s: %w", name, err))
			continue
		}
		out.given = append(out.given, given{name, ln})
		_ = f.Close()
	}
	s.held = map[string]*os.File{}
	return out, errors.Join(errs...)
}
