package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Entries and messages are numbered apart (see pack.go). What is here finds the
// one by the other.

// span is a message's place in its stream, and which entries it holds.
type span struct{ seq, first, last uint64 }

func spanOf(m *jetstream.RawStreamMsg) (span, error) {
	first, entries, err := unpack(m.Sequence, m.Data)
	return span{m.Sequence, first, first + uint64(len(entries)) - 1}, err
}

// following returns the oldest message from a sequence on; ErrMsgNotFound when
// there is none.
func following(ctx context.Context, s jetstream.Stream, seq uint64) (*jetstream.RawStreamMsg, error) {
	return s.GetMsg(ctx, max(seq, 1), jetstream.WithGetMsgSubject(s.CachedInfo().Config.Subjects[0]))
}

// end returns where a stream ends: its newest sequence and its newest entry. A
// stream without messages was written before there were packs, since the trimmer
// leaves one. (Were it not so, those who have read further would advance it.)
func end(ctx context.Context, s jetstream.Stream) (span, error) {
	info := s.CachedInfo()
	at := span{seq: info.State.LastSeq, last: info.State.LastSeq}
	if info.State.Msgs == 0 {
		return at, nil
	}
	there, err := newest(ctx, s)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return at, nil
	}
	if err != nil || there.seq >= at.seq {
		return there, err
	}
	at.last = there.last + at.seq - there.seq // each lost message had an entry at least
	return at, nil
}

// newest returns the newest message that is there; ErrMsgNotFound when there is none.
func newest(ctx context.Context, s jetstream.Stream) (span, error) {
	m, err := s.GetLastMsgForSubject(ctx, s.CachedInfo().Config.Subjects[0])
	if err != nil {
		return span{}, fmt.Errorf("newest message: %w", err)
	}
	return spanOf(m)
}

// begin returns the oldest entry of a stream, or what will come first when there
// is none.
func begin(ctx context.Context, s jetstream.Stream) (uint64, error) {
	m, err := following(ctx, s, s.CachedInfo().State.FirstSeq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		at, err := end(ctx, s)
		return at.last + 1, err
	}
	if err != nil {
		return 0, fmt.Errorf("oldest message: %w", err)
	}
	oldest, err := spanOf(m)
	return oldest.first, err
}

// held returns how many entries there are between a stream's ends.
func held(ctx context.Context, s jetstream.Stream) (int64, error) {
	first, err := begin(ctx, s)
	if err != nil {
		return 0, err
	}
	at, err := end(ctx, s)
	return int64(at.last + 1 - first), err
}

// find returns the sequence of the oldest message with an entry from number on,
// or the one behind the newest, in a state of the stream that is not older than the
// entry before number.
func find(ctx context.Context, s jetstream.Stream, st jetstream.StreamState, number uint64) (uint64, error) {
	seq, err := bisect(ctx, s, st.FirstSeq, min(st.LastSeq+1, number), func(m *jetstream.RawStreamMsg) (bool, error) {
		at, err := spanOf(m)
		return at.last < number, err
	})
	if err != nil {
		return 0, fmt.Errorf("look for entry %d: %w", number, err)
	}
	return seq, nil
}

// oldest finds the newest sequence in [first, last] stored before the time given;
// first-1 when there is none.
func oldest(ctx context.Context, s jetstream.Stream, first, last uint64, before time.Time) (uint64, error) {
	seq, err := bisect(ctx, s, first, last+1, func(m *jetstream.RawStreamMsg) (bool, error) { return m.Time.Before(before), nil })
	return seq - 1, err
}

// bisect returns the first sequence in [lo, hi) from which no message is behind what
// is looked for, hi when all are. It looks at as many messages as their number has
// binary digits, whatever gaps there are between them.
func bisect(ctx context.Context, s jetstream.Stream, lo, hi uint64, behind func(*jetstream.RawStreamMsg) (bool, error)) (uint64, error) {
	for lo < hi {
		mid := lo + (hi-lo)/2
		m, err := following(ctx, s, mid)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			hi = mid
			continue
		}
		if err != nil {
			return 0, fmt.Errorf("message %d: %w", mid, err)
		}
		is, err := behind(m)
		switch {
		case err != nil:
			return 0, err
		case is:
			lo = min(m.Sequence, hi-1) + 1
		default:
			hi = mid
		}
	}
	return lo, nil
}

// Before returns the newest entry of a partition that was stored before a time,
// so that a Reader after it begins there.
func (j *Journal) Before(ctx context.Context, partition int, t time.Time) (uint64, error) {
	s, err := j.open(ctx, partition)
	if err != nil {
		return 0, err
	}
	st := s.CachedInfo().State
	if st.Msgs == 0 {
		return st.LastSeq, nil
	}
	seq, err := oldest(ctx, s, st.FirstSeq, st.LastSeq, t)
	if err != nil {
		return 0, fmt.Errorf("journal: partition %d: %w", partition, err)
	}
	m, err := following(ctx, s, seq+1)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return j.Last(ctx, partition)
	}
	if err != nil {
		return 0, fmt.Errorf("journal: partition %d: %w", partition, err)
	}
	young, err := spanOf(m)
	if err != nil {
		return 0, fmt.Errorf("journal: partition %d: %w", partition, err)
	}
	return young.first - 1, nil
}

// Last returns the number of the newest entry, 0 before the first.
func (j *Journal) Last(ctx context.Context, partition int) (uint64, error) {
	s, err := j.open(ctx, partition)
	if err != nil {
		return 0, err
	}
	at, err := end(ctx, s)
	if err != nil {
		return 0, fmt.Errorf("journal: partition %d: %w", partition, err)
	}
	return at.last, nil
}

// First returns the number of the oldest entry still there, or the one that
// will come first when there is none.
func (j *Journal) First(ctx context.Context, partition int) (uint64, error) {
	s, err := j.open(ctx, partition)
	if err != nil {
		return 0, err
	}
	number, err := begin(ctx, s)
	if err != nil {
		return 0, fmt.Errorf("journal: partition %d: %w", partition, err)
	}
	return number, nil
}

// open returns a partition's stream as it just was.
func (j *Journal) open(ctx context.Context, partition int) (jetstream.Stream, error) {
	eng, err := j.engine()
	if err != nil {
		return nil, err
	}
	return j.stream(ctx, eng, partition)
}
