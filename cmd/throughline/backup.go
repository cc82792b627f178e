package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

func backupCommand() *cobra.Command {
	var data, to string
	c := &cobra.Command{
		Use:   "backup",
		Short: "Write the whole data folder into one archive, while it is in use or not",
		Long: "Writes journal, warehouse, judge state, users and the hash key into a tar\n" +
			"archive. A running process makes it itself, without stopping. Keep the archive\n" +
			"as safe as the folder: it holds the key.",
		Example: "  throughline backup --data ./data --to backup.tar",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			abs, err := filepath.Abs(to)
			if err != nil {
				return err
			}
			if _, err := os.Stat(filepath.Join(data, "format")); err != nil {
				return fmt.Errorf("%s is no data folder: %w", data, err)
			}
			lock, err := lockData(data)
			switch {
			case errors.Is(err, errLocked):
				err = command(c.Context(), data, "/backup", map[string]string{"To": abs})
			case err == nil:
				defer lock.release()
				err = archive(data, abs)
			}
			if err != nil {
				return fmt.Errorf("backup: %w", err)
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), "wrote", abs)
			return err
		},
	}
	dataFlag(c, &data)
	c.Flags().StringVar(&to, "to", "throughline-backup.tar", "archive to write; must not exist")
	return c
}

// backup copies every store consistently while they run, then archives the
// copies. The warehouse comes before the journal: what it has applied is then
// always among the entries copied, and what it lacks is applied after restore.
func (a *app) backup(ctx context.Context, to string) error {
	tmp, err := os.MkdirTemp(a.set.Data, "backup-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(tmp) }()
	in := func(name string) string { return filepath.Join(tmp, name) }
	if err := a.store.Backup(ctx, in("warehouse.duckdb")); err != nil {
		return fmt.Errorf("warehouse: %w", err)
	}
	if err := a.journal.Backup(ctx, in("journal")); err != nil {
		return err
	}
	if err := a.control.Backup(ctx, in("control.sqlite")); err != nil {
		return fmt.Errorf("control: %w", err)
	}
	for _, name := range []string{"key", "key.id", "partitions.json", "format"} {
		text, err := os.ReadFile(a.path(name))
		if name == "key" && errors.Is(err, fs.ErrNotExist) {
			continue // it comes from elsewhere
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(in(name), text, 0o600); err != nil {
			return err
		}
	}
	return archive(tmp, to)
}

// archive writes a folder's regular files into a new tar file.
func archive(dir, to string) (err error) {
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
		if err != nil {
			_ = os.Remove(to)
		}
	}()
	w := tar.NewWriter(f)
	err = filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		if d.IsDir() && rel != "." && strings.HasPrefix(d.Name(), "backup-") {
			return fs.SkipDir
		}
		if !d.Type().IsRegular() || rel == "lock" || p == to {
			return nil
		}
		return addFile(w, p, filepath.ToSlash(rel))
	})
	if err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return f.Sync()
}

func addFile(w *tar.Writer, path, name string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	h := &tar.Header{Name: name, Mode: 0o600, Size: info.Size(), ModTime: info.ModTime()}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err = io.CopyN(w, f, info.Size())
	return err
}

func restoreCommand() *cobra.Command {
	var data, from string
	c := &cobra.Command{
		Use:     "restore",
		Short:   "Fill an empty data folder from a backup",
		Example: "  throughline restore --data ./data --from backup.tar",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if list, err := os.ReadDir(data); err == nil && len(list) > 0 {
				return fmt.Errorf("restore: %s is not empty; name another folder or move it away", data)
			}
			// Unpack beside the folder and move it in whole, so that a broken
			// archive leaves nothing behind.
			tmp, err := os.MkdirTemp(filepath.Dir(filepath.Clean(data)), ".restore-")
			if err != nil {
				return fmt.Errorf("restore: %w", err)
			}
			defer func() { _ = os.RemoveAll(tmp) }()
			if err := unpack(from, tmp); err != nil {
				return fmt.Errorf("restore: %s: %w", from, err)
			}
			if err := openFormat(tmp); err != nil {
				return fmt.Errorf("restore: %w", err)
			}
			if err := os.Remove(data); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("restore: %w", err)
			}
			if err := os.Rename(tmp, data); err != nil {
				return fmt.Errorf("restore: %w", err)
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), "restored", data)
			return err
		},
	}
	dataFlag(c, &data)
	c.Flags().StringVar(&from, "from", "throughline-backup.tar", "archive to read")
	return c
}

// unpack writes an archive's files below dir, and nothing outside it.
func unpack(from, dir string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	r := tar.NewReader(f)
	seen := map[string]bool{}
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg || !filepath.IsLocal(h.Name) {
			return fmt.Errorf("%q does not belong in a backup", h.Name)
		}
		seen[h.Name] = true
		if err := unpackFile(root, h.Name, r); err != nil {
			return err
		}
	}
	for _, name := range []string{"format", "control.sqlite", "warehouse.duckdb"} {
		if !seen[name] {
			return fmt.Errorf("is no backup: %s is missing", name)
		}
	}
	if !seen["key"] && !seen["key.id"] { // the latter alone: the key is kept elsewhere
		return errors.New("is no backup: key is missing")
	}
	return nil
}

func unpackFile(root *os.Root, name string, r io.Reader) (err error) {
	if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	_, err = io.Copy(f, r)
	return err
}
