#include "textflag.h"

// Which high nibbles make a tchar (RFC 9110 5.6.2) with each low nibble, one bit for
// each of the eight below 0x80.
DATA tokens<>+0(SB)/8, $0xfcfcfcfcfcf8fce8
DATA tokens<>+8(SB)/8, $0x70f454d054f4f8f8
GLOBL tokens<>(SB), RODATA|NOPTR, $16

// The bit of each high nibble; none from 0x80 on.
DATA bits<>+0(SB)/8, $0x8040201008040201
DATA bits<>+8(SB)/8, $0
GLOBL bits<>(SB), RODATA|NOPTR, $16

DATA nibble<>+0(SB)/1, $0x0f
GLOBL nibble<>(SB), RODATA|NOPTR, $1
DATA control<>+0(SB)/1, $0x1f
GLOBL control<>(SB), RODATA|NOPTR, $1
DATA delete<>+0(SB)/1, $0x7f
GLOBL delete<>(SB), RODATA|NOPTR, $1
DATA tab<>+0(SB)/1, $0x09
GLOBL tab<>(SB), RODATA|NOPTR, $1

// MARK32 takes 32 bytes: a bit in N for each that is no tchar, one in T for each
// control character but tab.
#define MARK32(at, N, T) \
	VMOVDQU   at, Y0;          \
	VPSHUFB   Y0, Y8, Y1;      \ // by the low nibble; nothing from 0x80 on
	VPSRLW    $4, Y0, Y2;      \
	VPAND     Y10, Y2, Y2;     \
	VPSHUFB   Y2, Y9, Y2;      \ // by the high one
	VPAND     Y1, Y2, Y2;      \
	VPCMPEQB  Y14, Y2, Y2;     \
	VPMOVMSKB Y2, N;           \
	VPMINUB   Y11, Y0, Y3;     \
	VPCMPEQB  Y0, Y3, Y3;      \
	VPCMPEQB  Y12, Y0, Y4;     \
	VPOR      Y3, Y4, Y4;      \
	VPCMPEQB  Y13, Y0, Y0;     \
	VPANDN    Y4, Y0, Y0;      \
	VPMOVMSKB Y0, T

// MARK64 takes the 64 bytes at SI, into R8 and R9.
#define MARK64 \
	MARK32((SI), R8, R9)       \
	MARK32(32(SI), R10, R11)   \
	SHLQ      $32, R10;        \
	SHLQ      $32, R11;        \
	ORQ       R10, R8;         \
	ORQ       R11, R9

// func mark(b *byte, n int, names, texts *uint64)
TEXT ·mark(SB), NOSPLIT, $0-32
	MOVQ b+0(FP), SI
	MOVQ n+8(FP), CX
	MOVQ names+16(FP), DI
	MOVQ texts+24(FP), DX
	VBROADCASTI128 tokens<>(SB), Y8
	VBROADCASTI128 bits<>(SB), Y9
	VPBROADCASTB nibble<>(SB), Y10
	VPBROADCASTB control<>(SB), Y11
	VPBROADCASTB delete<>(SB), Y12
	VPBROADCASTB tab<>(SB), Y13
	VPXOR Y14, Y14, Y14

whole:
	CMPQ CX, $64
	JB   rest
	MARK64
	MOVQ R8, (DI)
	MOVQ R9, (DX)
	ADDQ $64, SI
	ADDQ $8, DI
	ADDQ $8, DX
	SUBQ $64, CX
	JMP  whole

rest:
	TESTQ CX, CX
	JZ    done
	LEAQ  -64(SI)(CX*1), SI // the last 64 bytes, of which some were marked before
	MARK64
	NEGQ  CX
	SHRQ  CX, R8
	SHRQ  CX, R9
	MOVQ  R8, (DI)
	MOVQ  R9, (DX)

done:
	VZEROUPPER
	RET
