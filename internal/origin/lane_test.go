//go:build linux

package origin

import (
	"context"
	"net"
	"testing"

	"github.com/throughline/throughline/internal/site"
	"github.com/throughline/throughline/internal/wire"
)

// Where there is no descriptor to be had an idle connection stays as good as it was.
func TestReleaseWithoutDescriptors(t *testing.T) {
	if !elsewhere(t) {
		return
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	st := &site.Site{Name: "shop", Origin: "http://" + ln.Addr().String()}
	set, err := Open(st, Options{}, wire.NewSweeper())
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	p := set.Pool("")
	var cs []*Conn
	for range 5 {
		c, err := p.Get(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		cs = append(cs, c)
	}
	for _, c := range cs {
		c.Put()
	}
	exhaust(t)
	if _, ok := p.Near().Release(); ok {
		t.Fatal("it was released, with a descriptor from nowhere")
	}
	if n := p.Idle(); n != 5 {
		t.Errorf("%d of 5 idle connections are left", n)
	}
}
