package wire

import "golang.org/x/sys/cpu"

// canMark tells whether mark can be called here.
var canMark = cpu.X86.HasAVX2

// mark sets in names a bit for each of n bytes from b on that is no tchar, and in texts
// one for each control character but tab, the first byte's the lowest. There are 64
// bytes or more up to b+n, of which it reads the last ones.
//
//go:noescape
func mark(b *byte, n int, names, texts *uint64)
