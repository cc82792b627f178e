package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/nats-io/nats.go/jetstream"
)

// Backup writes a whole journal with the same numbers into dir, which must be
// empty or missing, while this one runs: snapshots, and every entry there was
// when it began. To restore, put it in the place of the journal's folder.
func (j *Journal) Backup(ctx context.Context, dir string) (err error) {
	if list, err := os.ReadDir(dir); err == nil && len(list) > 0 {
		return fmt.Errorf("journal: backup: %s is not empty", dir)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("journal: backup: %w", err)
		}
	}()
	// Snapshots first: what they stand on is then among the entries copied.
	if err := j.copySnapshots(filepath.Join(dir, "snapshots")); err != nil {
		return err
	}
	cfg := j.cfg
	cfg.Dir = dir
	to, err := Open(cfg)
	if err != nil {
		return err
	}
	for _, n := range j.Partitions() {
		if err = j.copyPartition(ctx, to, n); err != nil {
			break
		}
	}
	return errors.Join(err, to.Close())
}

func (j *Journal) copySnapshots(dir string) error {
	j.snapMu.Lock() // none is replaced meanwhile
	defer j.snapMu.Unlock()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	for _, n := range j.Partitions() {
		list, err := j.snapshots(n)
		if err != nil {
			return err
		}
		for _, s := range list {
			if err := copyFile(s.path, filepath.Join(dir, filepath.Base(s.path))); err != nil {
				return err
			}
		}
	}
	return nil
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

// copyPartition copies entries as they are, each with its number, and leaves gaps
// where gaps were.
func (j *Journal) copyPartition(ctx context.Context, to *Journal, partition int) error {
	from, err := j.open(ctx, partition)
	if err != nil {
		return err
	}
	st := from.CachedInfo().State
	seq := st.FirstSeq
	if st.Msgs == 0 {
		seq = st.LastSeq + 1
	}
	seq = max(seq, 1)
	target, err := to.engine()
	if err != nil {
		return err
	}
	if _, err := target.js.CreateStream(ctx, to.streamConfig(partition, seq)); err != nil {
		return fmt.Errorf("partition %d: %w", partition, err)
	}
	if st.Msgs == 0 {
		return nil
	}
	msgs, err := j.consume(ctx, from, seq)
	if err != nil {
		return err
	}
	defer msgs.Stop()
	w, err := to.newWriter(target, partition, span{seq: seq - 1, last: seq - 1})
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	for {
		m, err := nextMessage(msgs, jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("partition %d: read: %w", partition, err)
		}
		if err := w.skipTo(m.first); err != nil {
			return fmt.Errorf("partition %d: %w", partition, err)
		}
		for i, data := range m.entries {
			if err := w.insist(ctx, data); err != nil {
				return fmt.Errorf("partition %d: write entry %d: %w", partition, m.first+uint64(i), err)
			}
		}
		if m.seq >= st.LastSeq || m.newest {
			return w.Flush(ctx)
		}
	}
}
