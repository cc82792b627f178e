package journal

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Consumed tells the journal that everything up to seq has been taken over by
// the partition's lasting reader, the warehouse. Until it is told, nothing of
// that partition is deleted.
func (j *Journal) Consumed(partition int, seq uint64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.consumed[partition] = max(j.consumed[partition], seq)
}

func (j *Journal) trimLoop(ctx context.Context) {
	defer j.trimmer.Done()
	tick := time.NewTicker(j.cfg.TrimEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-j.kick:
		}
		for _, n := range j.Partitions() {
			if err := j.trim(ctx, n, time.Now()); err != nil && ctx.Err() == nil {
				j.cfg.Logger.Warn("journal trim", "partition", n, "error", err.Error())
			}
		}
	}
}

// Under pressure entries go before their age: from trimAbove of the bound down
// to trimDown of it, in percent.
const trimAbove, trimDown = 85, 70

// trim deletes the oldest messages of a partition that are both past their time
// (or in the way, when the bound is near) and hold only what nobody needs:
// consumed, and behind the older of two snapshots, so that a damaged newest one
// still leaves a whole replay.
func (j *Journal) trim(ctx context.Context, partition int, now time.Time) error {
	floor, err := j.floor(partition)
	if err != nil || floor == 0 {
		return err
	}
	s, err := j.open(ctx, partition)
	if err != nil {
		return err
	}
	st := s.CachedInfo().State
	if st.Msgs == 0 {
		return nil
	}
	needed, err := find(ctx, s, st, floor+1)
	if err != nil {
		return err
	}
	last, err := newest(ctx, s)
	if err != nil {
		return err
	}
	limit := min(needed, last.seq) - 1 // the newest that may go; what was last is always there to be read
	if limit < st.FirstSeq {
		return nil
	}
	upTo, err := oldest(ctx, s, st.FirstSeq, limit, now.Add(-j.cfg.MaxAge))
	if err != nil {
		return err
	}
	if bound := j.cfg.MaxBytes / 100 * trimAbove; int64(st.Bytes) > bound {
		each := max(st.Bytes/st.Msgs, 1)
		excess := st.Bytes - uint64(j.cfg.MaxBytes/100*trimDown)
		upTo = max(upTo, min(limit, st.FirstSeq+excess/each))
	}
	if upTo < st.FirstSeq {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := s.Purge(ctx, jetstream.WithPurgeSequence(upTo+1)); err != nil {
		return fmt.Errorf("delete up to message %d: %w", upTo, err)
	}
	return nil
}

// floor is the newest sequence that nobody needs.
func (j *Journal) floor(partition int) (uint64, error) {
	snaps, err := j.snapshots(partition)
	if err != nil || len(snaps) < keepSnapshots {
		return 0, err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	return min(j.consumed[partition], snaps[len(snaps)-1].seq), nil
}
