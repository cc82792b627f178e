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

// Backup writes a whole journal with the same sequences into dir, which must be
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

// copyPartition copies entries as they are, and fills gaps so that each keeps
// its sequence.
func (j *Journal) copyPartition(ctx context.Context, to *Journal, partition int) error {
	eng, err := j.engine()
	if err != nil {
		return err
	}
	from, err := j.stream(ctx, eng, partition)
	if err != nil {
		return err
	}
	st := from.CachedInfo().State
	first, last := st.FirstSeq, st.LastSeq
	if st.Msgs == 0 {
		first = last + 1
	}
	target, err := to.engine()
	if err != nil {
		return err
	}
	if _, err := target.js.CreateStream(ctx, to.streamConfig(partition, max(first, 1))); err != nil {
		return fmt.Errorf("partition %d: %w", partition, err)
	}
	if first > last {
		return nil
	}
	msgs, err := j.consume(ctx, from, first)
	if err != nil {
		return err
	}
	defer msgs.Stop()
	w, err := to.newWriter(target, partition, first-1)
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	for next := first; next <= last; {
		m, err := msgs.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("partition %d: read entry %d: %w", partition, next, err)
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		if gap := meta.Sequence.Stream - next; gap > 0 {
			if err := w.fill(ctx, gap); err != nil {
				return err
			}
		}
		if err := w.copy(ctx, m.Data()); err != nil {
			return fmt.Errorf("partition %d: write entry %d: %w", partition, next, err)
		}
		next = meta.Sequence.Stream + 1
	}
	return w.Flush(ctx)
}

func (w *writer) copy(ctx context.Context, data []byte) error {
	err := w.append(data, func(uint64, error) {})
	if errors.Is(err, ErrBusy) {
		if err = w.Flush(ctx); err == nil {
			err = w.append(data, func(uint64, error) {})
		}
	}
	return err
}
