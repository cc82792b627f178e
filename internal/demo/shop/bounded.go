package shop

import "container/list"

// bounded is a map that forgets the entry least recently used when it is full,
// so that a long-running demo does not grow. It is not safe for concurrent use.
type bounded[K comparable, V any] struct {
	max   int
	items map[K]*list.Element
	order *list.List // front: least recently used
	drop  func(K, V) // told what was forgotten; may be nil
}

type boundedItem[K comparable, V any] struct {
	key   K
	value V
}

func newBounded[K comparable, V any](max int, drop func(K, V)) *bounded[K, V] {
	return &bounded[K, V]{max: max, items: map[K]*list.Element{}, order: list.New(), drop: drop}
}

func (b *bounded[K, V]) get(k K) (v V, ok bool) {
	e, ok := b.items[k]
	if !ok {
		return v, false
	}
	b.order.MoveToBack(e)
	return e.Value.(*boundedItem[K, V]).value, true
}

func (b *bounded[K, V]) put(k K, v V) {
	if e, ok := b.items[k]; ok {
		e.Value.(*boundedItem[K, V]).value = v
		b.order.MoveToBack(e)
		return
	}
	b.items[k] = b.order.PushBack(&boundedItem[K, V]{k, v})
	for len(b.items) > b.max {
		old := b.order.Front().Value.(*boundedItem[K, V])
		b.remove(old.key)
		if b.drop != nil {
			b.drop(old.key, old.value)
		}
	}
}

func (b *bounded[K, V]) remove(k K) {
	if e, ok := b.items[k]; ok {
		b.order.Remove(e)
		delete(b.items, k)
	}
}

func (b *bounded[K, V]) len() int { return len(b.items) }
