package edge

import (
	"context"
	"net/http"
	"testing"
	"time"
)

// A visitor who leaves while the origin is being connected to is gone; the origin
// has not failed.
func TestAVisitorLeavesBeforeTheOriginIsThere(t *testing.T) {
	t.Parallel()
	s, transport := startTLS(t, "http://192.0.2.1:9", nobody{}) // nobody answers there (RFC 5737)
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+s.addr+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if resp, err := transport.RoundTrip(req); err == nil {
			_ = resp.Body.Close()
		}
	}()
	eventually(t, "the origin is being connected to", func() bool { return s.Counters().Active == 1 })
	time.Sleep(20 * time.Millisecond)
	cancel()
	<-ended
	eventually(t, "the exchange ends", func() bool { return s.Counters().Active == 0 })
	if c := s.Counters(); c.ClientGone != 1 || len(c.OriginErrors) != 0 {
		t.Errorf("%d gone, errors %v", c.ClientGone, c.OriginErrors)
	}
}
