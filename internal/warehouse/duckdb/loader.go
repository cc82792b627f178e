package duckdb

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"
	"unsafe"

	duckdb "github.com/duckdb/duckdb-go/v2"
	"github.com/duckdb/duckdb-go/v2/mapping"
)

// loader appends rows to a table. The driver's own appender calls into C three times
// for each text and once for each NULL, some ninety times an Event, which took as
// long as DuckDB takes to store it; this one writes where DuckDB reads, as its C
// interface lays it out, and calls it once for 2,048 rows. Not safe for concurrent
// use. After an error it is only good to be closed.
type loader struct {
	appender mapping.Appender
	chunk    mapping.DataChunk
	types    []mapping.LogicalType
	columns  []column
	rows     int // in chunk
	most     int
	texts    arena
}

// column is where the values of one column of the chunk lie.
type column struct {
	kind mapping.Type
	vec  mapping.Vector
	data unsafe.Pointer
	mask unsafe.Pointer // a bit for each row, 0: NULL
	// Of a list of texts, or a map of texts to texts, which is a list of pairs:
	// where its texts lie, how many there are and have room.
	keys, values unsafe.Pointer
	used, room   int
}

// textMap is a map of texts to texts, in order.
type textMap struct{ keys, values []string }

func (m *textMap) has(key string) bool {
	for _, k := range m.keys {
		if k == key {
			return true
		}
	}
	return false
}

func (m *textMap) put(key, value string) {
	m.keys, m.values = append(m.keys, key), append(m.values, value)
}

func (m *textMap) clear() { m.keys, m.values = m.keys[:0], m.values[:0] }

func newLoader(conn driver.Conn, table string) (_ *loader, err error) {
	c, err := connection(conn)
	if err != nil {
		return nil, err
	}
	l := &loader{most: int(mapping.VectorSize())}
	defer func() {
		if err != nil {
			_ = l.Close()
		}
	}()
	if mapping.AppenderCreateExt(c, "", "", table, &l.appender) == mapping.StateError {
		return nil, fmt.Errorf("append to %s: %s", table, mapping.AppenderError(l.appender))
	}
	n := int(mapping.AppenderColumnCount(l.appender))
	for i := range n {
		l.types = append(l.types, mapping.AppenderColumnType(l.appender, mapping.IdxT(i)))
	}
	l.chunk = mapping.CreateDataChunk(l.types)
	l.columns = make([]column, n)
	for i := range l.columns {
		l.columns[i].kind = mapping.GetTypeId(l.types[i])
	}
	l.begin()
	return l, nil
}

// connection is the handle that the driver keeps to itself.
func connection(conn driver.Conn) (c mapping.Connection, err error) {
	own, ok := conn.(*duckdb.Conn)
	if !ok {
		return c, fmt.Errorf("a connection is a %T", conn)
	}
	at := reflect.ValueOf(own).Elem().FieldByName("conn")
	if at.Type() != reflect.TypeFor[mapping.Connection]() {
		return c, fmt.Errorf("the driver's connection holds a %s", at.Type())
	}
	c.Ptr = at.FieldByName("Ptr").UnsafePointer()
	return c, nil
}

// begin makes the empty chunk ready for rows.
func (l *loader) begin() {
	for i := range l.columns {
		c := &l.columns[i]
		c.vec = mapping.DataChunkGetVector(l.chunk, mapping.IdxT(i))
		mapping.VectorEnsureValidityWritable(c.vec)
		c.data, c.mask = mapping.VectorGetData(c.vec), mapping.VectorGetValidity(c.vec)
		c.used, c.room = 0, 0
	}
	l.rows = 0
}

// AppendRow adds a row, of a value for each column.
func (l *loader) AppendRow(values ...driver.Value) error {
	if len(values) != len(l.columns) {
		return fmt.Errorf("%d values for %d columns", len(values), len(l.columns))
	}
	if l.rows == l.most {
		if err := l.send(); err != nil {
			return err
		}
	}
	for i, v := range values {
		if !l.set(&l.columns[i], v) {
			return fmt.Errorf("column %d of type %d takes no %T", i, l.columns[i].kind, v)
		}
	}
	l.rows++
	return nil
}

// set writes a value of the row at hand; it is false when it is none of the column's.
func (l *loader) set(c *column, v driver.Value) bool {
	switch v := v.(type) {
	case nil:
		if c.kind == mapping.TypeList || c.kind == mapping.TypeMap {
			l.list(c, nil, nil)
		}
		*(*uint64)(unsafe.Add(c.mask, l.rows/64*8)) &^= 1 << (l.rows % 64)
		return true
	case string:
		return c.kind == mapping.TypeVarchar && l.text(c.data, l.rows, v)
	case []byte:
		return c.kind == mapping.TypeVarchar && l.text(c.data, l.rows, unsafe.String(unsafe.SliceData(v), len(v)))
	case int64:
		return c.kind == mapping.TypeBigInt && put(c, l.rows, v)
	case time.Time:
		return c.kind == mapping.TypeTimestamp && put(c, l.rows, v.UnixMicro())
	case int32:
		return c.kind == mapping.TypeInteger && put(c, l.rows, v)
	case int16:
		return c.kind == mapping.TypeSmallInt && put(c, l.rows, v)
	case uint8:
		return c.kind == mapping.TypeUTinyInt && put(c, l.rows, v)
	case float64:
		return c.kind == mapping.TypeDouble && put(c, l.rows, v)
	case bool:
		return c.kind == mapping.TypeBoolean && put(c, l.rows, v)
	case []string:
		return c.kind == mapping.TypeList && l.list(c, nil, v)
	case *textMap:
		return c.kind == mapping.TypeMap && l.list(c, v.keys, v.values)
	}
	return false
}

func put[T int64 | int32 | int16 | uint8 | float64 | bool](c *column, row int, v T) bool {
	*(*T)(unsafe.Add(c.data, uintptr(row)*unsafe.Sizeof(v))) = v
	return true
}

// textSize is the size of a text's place: its length, and where up to inlined bytes
// of it, or the first four and the address of all.
const (
	textSize = 16
	inlined  = 12
)

// text writes a text. What DuckDB would refuse of it is replaced.
func (l *loader) text(data unsafe.Pointer, at int, s string) bool {
	if !utf8.ValidString(s) {
		s = strings.ToValidUTF8(s, "\uFFFD")
	}
	place := (*[textSize]byte)(unsafe.Add(data, at*textSize))
	*place = [textSize]byte{}
	*(*uint32)(unsafe.Pointer(place)) = uint32(len(s))
	if len(s) <= inlined {
		copy(place[4:], s)
		return true
	}
	copy(place[4:8], s)
	*(*uintptr)(unsafe.Pointer(&place[8])) = uintptr(l.texts.keep(s)) // pinned
	return true
}

// list writes a list of texts or, with keys, a map.
func (l *loader) list(c *column, keys, values []string) bool {
	if c.used+len(values) > c.room || c.room == 0 {
		l.grow(c, c.used+len(values))
	}
	entry := (*[2]uint64)(unsafe.Add(c.data, l.rows*16))
	entry[0], entry[1] = uint64(c.used), uint64(len(values))
	for i, v := range values {
		if keys != nil {
			l.text(c.keys, c.used, keys[i])
		}
		l.text(c.values, c.used, v)
		c.used++
	}
	return true
}

// grow makes room for the texts of lists; those there are stay.
func (l *loader) grow(c *column, least int) {
	c.room = max(2*c.room, least, l.most)
	mapping.ListVectorReserve(c.vec, mapping.IdxT(c.room))
	mapping.ListVectorSetSize(c.vec, mapping.IdxT(c.used))
	child := mapping.ListVectorGetChild(c.vec)
	if c.kind == mapping.TypeMap {
		c.keys = mapping.VectorGetData(mapping.StructVectorGetChild(child, 0))
		child = mapping.StructVectorGetChild(child, 1)
	}
	c.values = mapping.VectorGetData(child)
}

// send gives the appender the rows there are, which it copies.
func (l *loader) send() error {
	if l.rows == 0 {
		return nil
	}
	mapping.DataChunkSetSize(l.chunk, mapping.IdxT(l.rows))
	for i := range l.columns {
		if c := &l.columns[i]; c.room > 0 {
			mapping.ListVectorSetSize(c.vec, mapping.IdxT(c.used))
		}
	}
	if mapping.AppendDataChunk(l.appender, l.chunk) == mapping.StateError {
		return errors.New(mapping.AppenderError(l.appender))
	}
	l.texts.clear()
	mapping.DataChunkReset(l.chunk)
	l.begin()
	return nil
}

// Flush adds the rows to the table.
func (l *loader) Flush() error {
	if err := l.send(); err != nil {
		return err
	}
	if mapping.AppenderFlush(l.appender) == mapping.StateError {
		return errors.New(mapping.AppenderError(l.appender))
	}
	return nil
}

// Close lets go of what DuckDB holds for it. Rows that were not flushed are lost.
func (l *loader) Close() error {
	l.texts.clear()
	mapping.DestroyDataChunk(&l.chunk)
	for i := range l.types {
		mapping.DestroyLogicalType(&l.types[i])
	}
	l.types, l.columns = nil, nil
	if mapping.AppenderDestroy(&l.appender) == mapping.StateError {
		return errors.New("an appender does not close")
	}
	return nil
}

// arena keeps texts where C may find them until it is cleared.
type arena struct {
	blocks [][]byte // those before at are full, those behind it empty
	at     int
	pins   runtime.Pinner
}

const (
	arenaBlock = 64 << 10
	arenaKept  = 32 // blocks that are used again
)

// keep copies a text that is not empty.
func (a *arena) keep(s string) unsafe.Pointer {
	for a.at < len(a.blocks) && cap(a.blocks[a.at])-len(a.blocks[a.at]) < len(s) {
		a.at++
	}
	if a.at == len(a.blocks) {
		a.blocks = append(a.blocks, make([]byte, 0, max(arenaBlock, len(s))))
	}
	b := &a.blocks[a.at]
	if len(*b) == 0 {
		a.pins.Pin(unsafe.SliceData(*b))
	}
	from := len(*b)
	*b = append(*b, s...)
	return unsafe.Pointer(&(*b)[from])
}

func (a *arena) clear() {
	a.pins.Unpin()
	kept := a.blocks[:0]
	for _, b := range a.blocks {
		if len(kept) < arenaKept && cap(b) == arenaBlock {
			kept = append(kept, b[:0])
		}
	}
	clear(a.blocks[len(kept):])
	a.blocks, a.at = kept, 0
}
