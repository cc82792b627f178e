package capture

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"net/url"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/throughline/throughline/internal/wire"
)

var (
	errCompressed = errors.New("a compressed message")
	errProtobuf   = errors.New("not protobuf")
)

const (
	frameHead     = 5
	flagDeflated  = 0x01
	flagTrailer   = 0x80 // of gRPC-web: what follows are trailers
	maxProtoDepth = 32
)

// call takes a gRPC path apart.
func call(path string) (service, method string) {
	path = strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/")
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return "", ""
	}
	return path[:i], path[i+1:]
}

// frames is a body of gRPC or gRPC-web. The text form is base64 of the same,
// padded wherever a piece was sent.
func frames(head *wire.Head, body []byte) []byte {
	const prefix = "application/grpc-web-text"
	if v := media(head.Get("Content-Type")); len(v) < len(prefix) || !strings.EqualFold(v[:len(prefix)], prefix) {
		return body
	}
	out := make([]byte, 0, len(body)*3/4)
	for len(body) >= 4 {
		var four [3]byte
		n, err := base64.StdEncoding.Decode(four[:], body[:4])
		if err != nil {
			break
		}
		out, body = append(out, four[:n]...), body[4:]
	}
	return out
}

// eachFrame calls for every whole frame until it is told to stop.
func eachFrame(body []byte, use func(flags byte, message []byte) bool) {
	for len(body) >= frameHead {
		flags, size := body[0], binary.BigEndian.Uint32(body[1:])
		if body = body[frameHead:]; uint64(size) > uint64(len(body)) {
			return
		}
		if !use(flags, body[:size]) {
			return
		}
		body = body[size:]
	}
}

// ended are the places where a call of gRPC says how it ended: the head, where it
// ended at once, the trailers, or the last frame of gRPC-web.
type ended struct {
	head     *wire.Head
	trailers []wire.Field
	body     []byte // its frames
}

func (e *ended) field(name string) found {
	if v := e.head.Get(name); v != "" {
		return grpcText(v)
	}
	out := e.behind(name, maxValue)
	if out.last.ok {
		return grpcText(out.last.text)
	}
	return out.last
}

// behind are the values of a field behind the body.
func (e *ended) behind(name string, limit int) (out repeated) {
	for i := range e.trailers {
		if strings.EqualFold(e.trailers[i].Name, name) {
			out.next(within(e.trailers[i].Value, limit))
		}
	}
	eachFrame(e.body, func(flags byte, message []byte) bool {
		if flags&flagTrailer == 0 {
			return true
		}
		for line := range strings.SplitSeq(view(message), "\n") {
			if k, v, ok := strings.Cut(line, ":"); ok && strings.EqualFold(strings.TrimSpace(k), name) {
				out.next(within(strings.TrimSpace(v), limit))
			}
		}
		return false
	})
	return out
}

// grpcText undoes the escapes of grpc-message.
func grpcText(v string) found {
	if strings.IndexByte(v, '%') >= 0 {
		if plain, err := url.PathUnescape(v); err == nil {
			return within(plain, maxValue)
		}
	}
	return within(v, maxValue)
}

// protoNode is a place in the tree of protobuf field numbers that are looked for.
type protoNode struct {
	fields map[protowire.Number]*protoNode
	slots  []int
}

func (n *protoNode) add(path []string, slot int) *protoNode {
	if n == nil {
		n = &protoNode{}
	}
	at := n
	for _, p := range path {
		num, _ := strconv.Atoi(p)
		if at.fields == nil {
			at.fields = map[protowire.Number]*protoNode{}
		}
		next := at.fields[protowire.Number(num)]
		if next == nil {
			next = &protoNode{}
			at.fields[protowire.Number(num)] = next
		}
		at = next
	}
	at.slots = append(at.slots, slot)
	return n
}

// readMessage reads the first message of a body.
func readMessage(body []byte, tree *protoNode, slots []repeated) {
	if tree == nil {
		return
	}
	eachFrame(body, func(flags byte, message []byte) bool {
		switch {
		case flags&flagTrailer != 0:
		case flags&flagDeflated != 0:
			tree.fail(slots, errCompressed)
		default:
			readProto(message, tree, slots)
		}
		return false
	})
}

func (n *protoNode) fail(slots []repeated, err error) {
	for _, slot := range n.slots {
		slots[slot].next(found{err: err})
	}
	for _, c := range n.fields {
		c.fail(slots, err)
	}
}

// readProto reads fields by number. Of one that stands several times all count, up
// to a bound: without the schema nobody can tell a list from a repetition.
func readProto(b []byte, n *protoNode, slots []repeated) {
	for len(b) > 0 {
		num, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			n.fail(slots, errProtobuf)
			return
		}
		b = b[size:]
		size = protowire.ConsumeFieldValue(num, kind, b)
		if size < 0 {
			n.fail(slots, errProtobuf)
			return
		}
		child := n.fields[num]
		if child == nil {
			b = b[size:]
			continue
		}
		f := found{}
		switch kind {
		case protowire.VarintType:
			v, _ := protowire.ConsumeVarint(b)
			f = found{text: strconv.FormatInt(int64(v), 10), ok: true, own: true}
		case protowire.BytesType:
			v, _ := protowire.ConsumeBytes(b)
			if child.fields != nil {
				readProto(v, child, slots)
			}
			f = within(view(v), maxNested)
		}
		for _, slot := range child.slots {
			slots[slot].add(f)
		}
		b = b[size:]
	}
}
