//go:build linux

// Command floor is the least that a relay made of goroutines can do: it reads, writes
// on, reads the answer and writes it back. It parses nothing, bounds nothing and takes
// whatever a connection gives at once for a whole message, so it is of use in a
// comparison only: what a proxy costs above it is its own, what lies below is the
// kernel's and the runtime's. With -read it reads both heads as the engine does, and
// uses nothing of them: that is what reading costs among relaying.
//
//	floor [-read] LISTEN ORIGIN
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
)

func main() {
	read := flag.Bool("read", false, "read the heads")
	flag.Parse()
	if flag.NArg() != 2 {
		fmt.Fprintln(os.Stderr, "usage: floor [-read] LISTEN ORIGIN")
		os.Exit(2)
	}
	fmt.Fprintln(os.Stderr, "floor:", serve(flag.Arg(0), flag.Arg(1), *read))
	os.Exit(1)
}

// serve relays until it fails, and says why.
func serve(listen, origin string, read bool) error {
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
			if err := relay(c, p, read); err != nil && !errors.Is(err, io.EOF) {
				fmt.Fprintln(os.Stderr, "floor:", err)
			}
		}()
	}
}
