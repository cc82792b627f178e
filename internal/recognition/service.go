package recognition

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/throughline/throughline/internal/journey"
)

// ErrNoSite is what a Source answers for a site that isn't there.
var ErrNoSite = errors.New("no such site")

// ErrBusy says that too many measurements wait already.
var ErrBusy = errors.New("too many measurements are waiting; ask again later")

// Question says what to measure.
type Question struct {
	Site string // "" all
	Days int    // back from now
}

// States of an Answer.
const (
	Waiting = "waiting" // others come first
	Running = "running"
	Ready   = "ready"
	Failed  = "failed"
)

// Answer is how far a measurement is, and what the last one found.
type Answer struct {
	State    string     `json:"state" enum:"waiting,running,ready,failed" doc:"ask again while it is waiting or running"`
	Progress float64    `json:"progress" doc:"0 to 1, of what is under way"`
	Error    string     `json:"error,omitempty" doc:"why the last try failed"`
	Report   *Report    `json:"report,omitempty" doc:"of the last try that went well; a newer one may be under way"`
	Measured *time.Time `json:"measured,omitempty" doc:"when that was"`
	TookMS   int64      `json:"took_ms" doc:"how long it took, pauses for the traffic's sake included"`
}

// Over says that asking again changes nothing for now.
func (a *Answer) Over() bool { return a.State == Ready || a.State == Failed }

// Source is where entries come from.
type Source interface {
	// Partitions are those of a site, or all there are for ""; ErrNoSite.
	Partitions(site string) ([]int, error)
	// Config says how to measure a partition.
	Config(partition int) Config
	// Read calls take with each entry stored since a time, in order, and how far it
	// then is: 0 to 1.
	Read(ctx context.Context, partition int, since time.Time, take func(e *journey.Entry, done float64) error) error
}

// Run measures at once. told hears how far it is, after every entry; may be nil.
func Run(ctx context.Context, src Source, q Question, now time.Time, told func(done float64)) (Report, error) {
	parts, err := src.Partitions(q.Site)
	if err != nil {
		return Report{}, err
	}
	since := now.Add(-time.Duration(q.Days) * 24 * time.Hour)
	var sum *Tally
	for i, p := range parts {
		config := src.Config(p)
		m := New(config)
		err := src.Read(ctx, p, since, func(e *journey.Entry, done float64) error {
			m.Take(e)
			if told != nil {
				told((float64(i) + done) / float64(len(parts)))
			}
			return nil
		})
		if err != nil {
			return Report{}, err
		}
		if sum == nil {
			sum = NewTally(config.caps())
		}
		sum.Add(m.Tally())
	}
	if sum == nil {
		sum = NewTally(Caps{})
	}
	return sum.Report(), nil
}

// Bounds of a Service.
const (
	mostAnswers = 32
	mostWaiting = 8
	paceEvery   = 512 // entries between pauses
	pauses      = 3   // of what reading took: it has at most a quarter of one core
)

// Service measures in the background. Safe for concurrent use.
type Service struct {
	source Source
	clock  func() time.Time
	sleep  func(ctx context.Context, d time.Duration)

	mu      sync.Mutex
	answers map[Question]*kept
	queue   []Question
	wake    chan struct{}
}

// kept is an Answer and until when it need not be found anew.
type kept struct {
	Answer
	until time.Time
	asked time.Time
}

// NewService prepares a Service; Run does the work. clock and sleep are time.Now
// and a pause that ends with ctx, if nil.
func NewService(src Source, clock func() time.Time, sleep func(context.Context, time.Duration)) *Service {
	if clock == nil {
		clock = time.Now
	}
	if sleep == nil {
		sleep = pause
	}
	return &Service{source: src, clock: clock, sleep: sleep, answers: map[Question]*kept{}, wake: make(chan struct{}, 1)}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// Ask answers what is known, and has it found out where that is nothing or old.
func (s *Service) Ask(q Question) (Answer, error) {
	if _, err := s.source.Partitions(q.Site); err != nil {
		return Answer{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.clock()
	k := s.answers[q]
	if k != nil && (!k.Over() || now.Before(k.until)) {
		k.asked = now
		return k.Answer, nil
	}
	if len(s.queue) >= mostWaiting {
		if k != nil {
			return k.Answer, nil // old, but better than nothing
		}
		return Answer{}, ErrBusy
	}
	if k == nil {
		s.makeRoom()
		k = &kept{}
		s.answers[q] = k
	}
	k.State, k.Progress, k.asked = Waiting, 0, now
	s.queue = append(s.queue, q)
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return k.Answer, nil
}

// makeRoom forgets the answer that was asked for longest ago.
func (s *Service) makeRoom() {
	if len(s.answers) < mostAnswers {
		return
	}
	var oldest *kept
	var at Question
	for q, k := range s.answers {
		if k.Over() && (oldest == nil || k.asked.Before(oldest.asked)) {
			oldest, at = k, q
		}
	}
	delete(s.answers, at)
}

// Run measures what is asked for until ctx ends.
func (s *Service) Run(ctx context.Context) {
	for {
		q, ok := s.next()
		if !ok {
			select {
			case <-s.wake:
			case <-ctx.Done():
				return
			}
			continue
		}
		if ctx.Err() != nil {
			return
		}
		s.measure(ctx, q)
	}
}

func (s *Service) next() (Question, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		return Question{}, false
	}
	q := s.queue[0]
	s.queue = s.queue[1:]
	s.answers[q].State = Running
	return q, true
}

// An answer holds as long as twenty times what it took, within these bounds.
const (
	holdsFor   = 20
	holdsLeast = 10 * time.Second
	holdsMost  = time.Hour
)

func (s *Service) measure(ctx context.Context, q Question) {
	began := s.clock()
	last, n := began, 0
	report, err := s.contained(ctx, q, began, func(done float64) {
		if n++; n%paceEvery != 0 {
			return
		}
		s.progress(q, done)
		s.sleep(ctx, pauses*s.clock().Sub(last))
		last = s.clock()
	})
	ended := s.clock().UTC()
	took := ended.Sub(began)
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.answers[q]
	k.Progress = 1
	k.until = ended.Add(min(max(holdsFor*took, holdsLeast), holdsMost))
	if err != nil {
		k.State, k.Error = Failed, err.Error()
		k.until = ended.Add(holdsLeast)
		return
	}
	k.State, k.Error, k.Report, k.Measured, k.TookMS = Ready, "", &report, &ended, took.Milliseconds()
}

// contained keeps a mistake of ours from ending the process that serves traffic.
func (s *Service) contained(ctx context.Context, q Question, now time.Time, told func(float64)) (r Report, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the measurement panicked: %v", v)
		}
	}()
	return Run(ctx, s.source, q, now, told)
}

func (s *Service) progress(q Question, done float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers[q].Progress = done
}
