package edge

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/throughline/throughline/internal/site"
)

// TestVarnishtest runs the scripts of testdata/vtc, whose README says what they are.
func TestVarnishtest(t *testing.T) {
	t.Parallel()
	needPeer(t, "varnishtest")
	files, err := filepath.Glob(filepath.Join("testdata", "vtc", "*.vtc"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d scripts, %v", len(files), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".vtc")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			origin := freeAddr(t)
			s := start(t, "http://"+origin, nobody{}, func(c *Config) {
				if strings.HasPrefix(name, "h2-") {
					c.Sites[0].OriginProtocol = site.HTTP2
				}
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			c := exec.CommandContext(ctx, "varnishtest", "-t", "30", "-D", "origin="+origin, "-D", "edge="+s.addr, file)
			var out bytes.Buffer
			c.Stdout, c.Stderr = &out, &out
			if err := c.Run(); err != nil {
				t.Errorf("%v\n%s", err, out.String())
			}
			if n := s.Counters().Faults; n != 0 {
				t.Errorf("%d faults", n)
			}
		})
	}
}
