//go:build linux

// Command floor is the least that a relay made of goroutines can do: it reads, writes
// on, reads the answer and writes it back. It parses nothing, bounds nothing and takes
// whatever a connection gives at once for a whole message, so it is of use in a
// comparison only: what a proxy costs above it is its own, what lies below is the
// kernel's and the runtime's.
//
//	floor LISTEN ORIGIN
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: floor LISTEN ORIGIN")
		os.Exit(2)
	}
	fmt.Fprintln(os.Stderr, "floor:", serve(os.Args[1], os.Args[2]))
	os.Exit(1)
}

// serve relays until it fails, and says why.
func serve(listen, origin string) error {
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	p := &pool{origin: origin}
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer func() { _ = c.Close() }()
			if err := relay(c, p); err != nil && !errors.Is(err, io.EOF) {
				fmt.Fprintln(os.Stderr, "floor:", err)
			}
		}()
	}
}
