package edge

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// A Server stops in steps, each of which may be left out: WindDown lets visitors
// come again on new connections, StopAccepting leaves new connections to whoever
// else has the listening sockets, Linger waits for what lasts, Shutdown ends it.

// WindDown ends each connection with its next response, which says so, while all
// is still served: whoever comes again comes on a new one.
func (s *Server) WindDown() { s.winding.Store(true) }

// StopAccepting closes the listeners, serves the connections that were taken
// from them to the end of their exchange, and ends those that are idle. A socket
// that another process has too goes on listening: who comes meanwhile waits in
// the kernel's queue. It returns when no exchange is left but upgraded ones, or
// with ctx.
func (s *Server) StopAccepting(ctx context.Context) error {
	s.winding.Store(true)
	s.draining.Store(true)
	s.mu.Lock()
	s.closing = true
	for _, ln := range s.listeners {
		_ = ln.Close()
	}
	started := s.started
	s.mu.Unlock()
	s.accepting.Wait() // a connection taken at the last moment is served
	s.lanes.empty()
	if !started {
		return nil
	}
	// Handshakes first: what speaks HTTP/2 is net/http's only after them.
	_ = s.await(ctx, func(v *visit) bool { return !v.used.Load() && !v.busy.Load() && !v.upgraded.Load() })
	h2 := make(chan error, 1)
	s.running.Go(func() { h2 <- s.h2.Shutdown(ctx) })
	err := s.await(ctx, func(v *visit) bool { return !v.upgraded.Load() })
	return errors.Join(err, <-h2)
}

// Linger waits until everything has ended, upgraded connections too, or until
// ctx ends.
func (s *Server) Linger(ctx context.Context) error {
	err := s.await(ctx, func(*visit) bool { return true })
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for s.counters.active.Load() > 0 { // those of HTTP/2
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return err
}

// Shutdown closes the listeners, lets running exchanges finish until ctx ends,
// then cuts off what is left, upgraded connections last. When it returns, every
// exchange has ended and the Decider has been told, unless the error says that
// some hang.
func (s *Server) Shutdown(ctx context.Context) error {
	errs := []error{s.StopAccepting(ctx)}
	s.cutOff()
	if s.h2 != nil {
		_ = s.h2.Close()
	}
	_ = s.streams.Close()
	s.each(func(v *visit) { v.abort() })
	errs = append(errs, s.settle())
	s.lanes.stop()
	for _, r := range s.table.Load().routes {
		r.pools.Close()
	}
	return errors.Join(errs...)
}

// patience is how long a new connection may take to send its first byte once the
// Server stops: on one that was never used a client does not try again.
const patience = time.Second

// await waits until no connection is left that counts. Idle ones are ended.
func (s *Server) await(ctx context.Context, counts func(*visit) bool) error {
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		left := 0
		s.each(func(v *visit) {
			if counts(v) {
				left++
			}
			if sock := v.socket(); sock != nil && !v.busy.Load() && !v.upgraded.Load() && (v.used.Load() || s.sweeper.Lately()-v.came > patience.Milliseconds()) && sock.Quiet() == nil {
				sock.Abort() // nothing has come that would be lost
			}
		})
		if left == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (s *Server) each(do func(*visit)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for v := range s.visits {
		do(v)
	}
}

// settle waits until the last connection and the last exchange have ended.
func (s *Server) settle() error {
	ended := make(chan struct{})
	go func() {
		s.running.Wait()
		for s.counters.active.Load() > 0 { // those of HTTP/2 run in goroutines of net/http
			time.Sleep(time.Millisecond)
		}
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-time.After(last):
		return fmt.Errorf("edge: %d exchanges hang", s.counters.active.Load())
	}
}
