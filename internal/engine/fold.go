package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/throughline/throughline/internal/journey"
)

// maxPenalty is how many ticks are left out at most after one that tainted the
// state: an hour of them.
const maxPenalty = 720

// tick tells the state what time it is, unless nothing can come of it. One that
// tainted the state may do so again: each such makes the next wait twice as long.
func (p *Partition) tick(stirred *bool) {
	if p.idle > 0 {
		p.idle--
		return
	}
	if !*stirred && p.state.Live().Pending == 0 {
		return
	}
	*stirred = false
	resets := p.resets.Load()
	now := p.cfg.Clock()
	if oldest, ok := p.copies.oldest(); ok { // what waits is not in the past yet
		now = min(now, oldest-1)
	}
	out, err := p.fold(journey.Input{Kind: journey.InputTick, Time: now}, nil)
	switch {
	case err == nil && out.Fault == "":
		p.penalty = 0
	case err == nil && p.resets.Load() > resets:
		p.penalty = min(max(1, 2*p.penalty), maxPenalty)
		p.idle = p.penalty
	}
}

// fold judges one input and appends it; recorded, when not nil, is told the fate
// of what was appended. It waits for a free slot first: at the bound folding
// stops, while traffic flows on by the failure policy. The state moves on for good
// once the log has taken the entry.
func (p *Partition) fold(in journey.Input, recorded func(error)) (journey.Judgement, error) {
	if !p.slot() {
		p.lost(&in, ShedStopping)
		return journey.Judgement{}, ErrStopped
	}
	e := &journey.Entry{Version: journey.EntryVersion, Partition: p.cfg.Number, Input: in}
	panics := p.state.Panics()
	e.Judgement = p.foldSafely(&e.Input)
	p.inFlight.Add(1)
	faulted := ShedFault
	err := p.append(e, recorded)
	tooLarge := errors.Is(err, ErrTooLarge)
	if tooLarge {
		p.state.Undo()
		e, faulted = p.instead(e, err), ShedTooLarge
		err = p.append(e, recorded)
	}
	if err != nil {
		<-p.slots
		p.inFlight.Add(-1)
		if errors.Is(err, ErrStopped) {
			p.state.Undo()
			p.lost(&in, ShedStopping)
			return journey.Judgement{}, err
		}
		p.lost(&in, ShedJournal)
		p.rebuild(err)
		return journey.Judgement{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if tooLarge {
		p.state.Drop(e.Judgement.Dropped)
	}
	p.shed.add(faulted, len(e.Judgement.Dropped))
	if e.Judgement.Fault != "" {
		p.lost(&in, faulted)
	}
	if p.tainted {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_ = p.rec.Flush(ctx) // the fault is in the log, so that replay skips it
		cancel()
		p.rebuild(ErrFault)
		return e.Judgement, nil
	}
	p.state.Commit()
	p.panics.Add(p.state.Panics() - panics)
	if !p.quiet {
		p.publish()
	}
	p.maybeSnapshot()
	return e.Judgement, nil
}

func (p *Partition) lost(in *journey.Input, why Reason) {
	if in.Kind == journey.InputObservation {
		p.shed.add(why, 1)
	}
}

// append gives an entry to the log. While that has too much in flight nothing is
// folded: what comes meanwhile waits in the lanes, and is shed where they are full.
func (p *Partition) append(e *journey.Entry, recorded func(error)) error {
	failed, kind := p.failed, e.Input.Kind
	ack := func(seq uint64, err error) {
		if err == nil {
			p.acked.Store(seq)
		} else {
			if kind == journey.InputObservation {
				p.shed.add(ShedJournal, 1)
			}
			select {
			case failed <- err:
			default:
			}
		}
		if recorded != nil {
			recorded(err)
		}
		<-p.slots
		p.inFlight.Add(-1)
		select {
		case p.moved <- struct{}{}:
		default:
		}
	}
	for {
		err := p.rec.Append(e, ack)
		if !errors.Is(err, ErrLogBusy) {
			return err
		}
		if err := p.room(); err != nil {
			return err
		}
	}
}

// room waits until the log may take an entry that it was too busy for.
func (p *Partition) room() error {
	again := time.NewTimer(20 * time.Millisecond) // it may be busy with another's
	defer again.Stop()
	stopping := p.running.Done()
	var giveUp <-chan struct{}
	for {
		if p.running.Err() != nil {
			stopping, giveUp = nil, p.grace().Done()
		}
		select {
		case <-p.moved:
			return nil
		case <-again.C:
			if giveUp != nil && p.grace().Err() != nil {
				return ErrStopped
			}
			return nil
		case err := <-p.failed:
			return err
		case <-stopping:
		case <-giveUp:
			return ErrStopped
		}
	}
}

// instead is what the log says of an input that was too large for it: which it
// was, that it has not been folded, and what a tick lets go of, which would be too
// large the next time as well.
func (p *Partition) instead(e *journey.Entry, why error) *journey.Entry {
	out := &journey.Entry{Version: e.Version, Partition: e.Partition,
		Input:     journey.Input{Kind: e.Input.Kind, Time: e.Input.Time},
		Judgement: journey.Judgement{Fault: why.Error(), Dropped: e.Judgement.Dropped}}
	if o := e.Input.Observation; o != nil {
		out.Input.Observation = &journey.Observation{Exchange: o.Exchange, Phase: o.Phase, Time: o.Time,
			Site: o.Site, Spec: o.Spec, Name: o.Name, Type: o.Type, Sync: o.Sync}
	}
	if e.Input.Kind == journey.InputTick {
		out.Judgement.Dropped = p.state.Overdue(e.Input.Time, len(e.Judgement.Events)+len(e.Judgement.Dropped))
	}
	p.cfg.Logger.Error("an input is too large for the journal and was left out", "partition", p.cfg.Number,
		"kind", string(e.Input.Kind), "error", why.Error())
	return out
}

// slot waits for room among the entries in flight. It is false when the log
// gives none in time while stopping.
func (p *Partition) slot() bool {
	if p.alive && len(p.failed) == 0 {
		select {
		case p.slots <- struct{}{}: // as nearly always
			return true
		default:
		}
	}
	for p.alive {
		var giveUp <-chan struct{}
		stopping := p.running.Done()
		if p.running.Err() != nil {
			stopping, giveUp = nil, p.grace().Done()
		}
		select {
		case p.slots <- struct{}{}:
			return true
		case err := <-p.failed:
			p.rebuild(err)
		case <-stopping:
		case <-giveUp:
			return false
		}
	}
	return false
}

// grace is how long stopping may take, all in all.
func (p *Partition) grace() context.Context {
	if p.lastCall == nil {
		p.lastCall, p.hangUp = context.WithTimeout(context.Background(), p.patience)
	}
	return p.lastCall
}

// foldSafely is the last line of defence: the judge itself takes back what it did
// before it panicked, this finds out when it could not, and the state then can't be
// trusted.
func (p *Partition) foldSafely(in *journey.Input) (out journey.Judgement) {
	defer func() {
		if v := recover(); v != nil {
			p.panics.Add(1)
			p.tainted = true
			p.cfg.Logger.Error("judge panicked", "partition", p.cfg.Number, "panic", fmt.Sprint(v))
			out = journey.Judgement{Fault: fmt.Sprint(v)}
		}
	}()
	return p.step(p.state, in)
}
