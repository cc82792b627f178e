package journal

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// keepSnapshots is how many of a partition's snapshots stay: should the newest
// be damaged, the one before it serves.
const keepSnapshots = 2

// A snapshot file is a head (magic, partition, sequence), the body, and a tail
// (length of the body and CRC-32C of head and body). All integers big-endian.
const (
	snapMagic = "TLSNAP1\n"
	snapHead  = len(snapMagic) + 8 + 8
	snapTail  = 8 + 4
)

type snapshotFile struct {
	path string
	seq  uint64
}

func (j *Journal) snapDir() string { return filepath.Join(j.cfg.Dir, "snapshots") }

func snapName(partition int, seq uint64) string { return fmt.Sprintf("p%d-%020d.snap", partition, seq) }

func parseSnapName(name string) (partition int, seq uint64, ok bool) {
	rest, ok := strings.CutSuffix(name, ".snap")
	if !ok || !strings.HasPrefix(rest, "p") {
		return 0, 0, false
	}
	p, s, ok := strings.Cut(rest[1:], "-")
	if !ok {
		return 0, 0, false
	}
	partition, perr := strconv.Atoi(p)
	seq, serr := strconv.ParseUint(s, 10, 64)
	return partition, seq, perr == nil && serr == nil
}

// snapshots lists a partition's snapshots, newest first.
func (j *Journal) snapshots(partition int) ([]snapshotFile, error) {
	list, err := os.ReadDir(j.snapDir())
	if err != nil {
		return nil, fmt.Errorf("journal: snapshots: %w", err)
	}
	var out []snapshotFile
	for _, d := range list {
		if n, seq, ok := parseSnapName(d.Name()); ok && n == partition {
			out = append(out, snapshotFile{filepath.Join(j.snapDir(), d.Name()), seq})
		}
	}
	slices.SortFunc(out, func(a, b snapshotFile) int {
		if a.seq > b.seq {
			return -1
		}
		return 1
	})
	return out, nil
}

// SaveSnapshot stores what write writes as the partition's state after seq. It
// appears whole or not at all; the newest two are kept.
func (j *Journal) SaveSnapshot(partition int, seq uint64, write func(io.Writer) error) error {
	j.snapMu.Lock()
	defer j.snapMu.Unlock()
	path := filepath.Join(j.snapDir(), snapName(partition, seq))
	if err := writeSnapshot(path, partition, seq, write); err != nil {
		return fmt.Errorf("journal: save snapshot of partition %d at %d: %w", partition, seq, err)
	}
	list, err := j.snapshots(partition)
	if err != nil {
		return err
	}
	for _, old := range list[min(len(list), keepSnapshots):] {
		if err := os.Remove(old.path); err != nil {
			return fmt.Errorf("journal: remove old snapshot: %w", err)
		}
	}
	return nil
}

func writeSnapshot(path string, partition int, seq uint64, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	buf := bufio.NewWriterSize(f, 256<<10)
	sum := &summing{w: buf, crc: crc32.New(crc32.MakeTable(crc32.Castagnoli))}
	if _, err = sum.Write(head(partition, seq)); err != nil {
		return err
	}
	if err = write(sum); err != nil {
		return err
	}
	tail := binary.BigEndian.AppendUint64(nil, uint64(sum.n-int64(snapHead)))
	tail = binary.BigEndian.AppendUint32(tail, sum.crc.Sum32())
	if _, err = buf.Write(tail); err != nil {
		return err
	}
	if err = buf.Flush(); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func head(partition int, seq uint64) []byte {
	b := append(make([]byte, 0, snapHead), snapMagic...)
	b = binary.BigEndian.AppendUint64(b, uint64(partition))
	return binary.BigEndian.AppendUint64(b, seq)
}

// summing counts and sums what passes through it.
type summing struct {
	w   io.Writer
	crc hash.Hash32
	n   int64
}

func (s *summing) Write(b []byte) (int, error) {
	n, err := s.w.Write(b)
	_, _ = s.crc.Write(b[:n])
	s.n += int64(n)
	return n, err
}

// LoadSnapshot opens the partition's newest whole snapshot; ok is false when
// there is none. A damaged one is passed over for the one before it, and said
// in the log; when all are damaged that is an error, since a replay from the
// journal alone may not reach far enough back.
func (j *Journal) LoadSnapshot(partition int) (seq uint64, r io.ReadCloser, ok bool, err error) {
	list, err := j.snapshots(partition)
	if err != nil || len(list) == 0 {
		return 0, nil, false, err
	}
	var faults []error
	for _, s := range list {
		r, err := openSnapshot(s.path, partition, s.seq)
		if err == nil {
			return s.seq, r, true, nil
		}
		if errors.Is(err, fs.ErrNotExist) {
			continue // a newer one has just replaced it
		}
		err = fmt.Errorf("snapshot %s: %w", filepath.Base(s.path), err)
		j.cfg.Logger.Warn("journal passes over a damaged snapshot", "error", err.Error())
		faults = append(faults, err)
	}
	return 0, nil, false, fmt.Errorf("journal: partition %d has no whole snapshot: %w", partition, errors.Join(faults...))
}

// openSnapshot checks the file from end to end before it gives out the body.
func openSnapshot(path string, partition int, seq uint64) (r io.ReadCloser, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	body := info.Size() - int64(snapHead+snapTail)
	if body < 0 {
		return nil, errors.New("it is cut short")
	}
	got := make([]byte, snapHead)
	if _, err = io.ReadFull(f, got); err != nil {
		return nil, err
	}
	if !bytes.Equal(got, head(partition, seq)) {
		return nil, errors.New("its head is not that of this snapshot")
	}
	crc := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	_, _ = crc.Write(got)
	if _, err = io.CopyN(crc, f, body); err != nil {
		return nil, err
	}
	tail := make([]byte, snapTail)
	if _, err = io.ReadFull(f, tail); err != nil {
		return nil, err
	}
	if binary.BigEndian.Uint64(tail) != uint64(body) || binary.BigEndian.Uint32(tail[8:]) != crc.Sum32() {
		return nil, errors.New("its checksum is wrong")
	}
	if _, err = f.Seek(int64(snapHead), io.SeekStart); err != nil {
		return nil, err
	}
	return &bodyReader{Reader: bufio.NewReaderSize(io.LimitReader(f, body), 256<<10), Closer: f}, nil
}

type bodyReader struct {
	io.Reader
	io.Closer
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if cerr := d.Close(); err == nil {
		err = cerr
	}
	return err
}
