// Package records makes the one pass over records.jsonl: tree, bytes, meaning and keys (stages S4 to S7), in constant
// memory. Three goroutines work side by side: one inflates, one cuts lines and hashes, one judges what lines say.
package records

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"io"

	"clyra.dev/verify/internal/defjson"
	"clyra.dev/verify/internal/tlog"
)

const (
	chunkSize = 512 << 10
	cutAt     = defjson.MaxBytes + 1 // a line is cut to this many bytes, which are one too many
	inFlight  = 4
)

// A batch is a run of whole lines with their leaf hashes. Lines point into chunk, but for the first, which may be joined.
type batch struct {
	chunk    []byte
	joined   []byte
	lines    [][]byte
	leaves   []tlog.Hash
	unended  bool // the last line has no newline
	consumed int
}

// readChunks fills chunks until the member ends; the error of the member, if any, comes through failed.
func readChunks(member io.Reader, free chan *batch, out chan<- *batch, failed *error) {
	defer close(out)
	for {
		b := <-free
		n, err := io.ReadFull(member, b.chunk[:chunkSize])
		b.chunk = b.chunk[:n]
		if n > 0 {
			out <- b
		}
		if err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
				*failed = err
			}
			return
		}
	}
}

// hasher cuts lines and makes leaves and the tree.
type hasher struct {
	frontier *tlog.Frontier
	watch    map[int64]bool
	roots    map[int64]tlog.Hash
	digest   hash.Hash // of the member, nil when nobody asks
	leaves   hash.Hash // over leaf hashes, likewise nil when nobody asks
	leaf     hash.Hash
	rest     []byte
}

func newHasher(in Input) *hasher {
	h := &hasher{frontier: in.Frontier, watch: in.Watch, roots: map[int64]tlog.Hash{}, leaf: sha256.New()}
	if in.WholeDigest {
		h.digest = sha256.New()
	}
	if in.LeafDigest {
		h.leaves = sha256.New()
	}
	h.noteRoot()
	return h
}

func (h *hasher) noteRoot() {
	if h.watch[h.frontier.Size()] {
		h.roots[h.frontier.Size()] = h.frontier.Root()
	}
}

// cut turns a chunk into lines. What follows the last newline is kept for the next chunk, up to the cut.
func (h *hasher) cut(b *batch) {
	if h.digest != nil {
		h.digest.Write(b.chunk)
	}
	b.lines, b.leaves, b.unended = b.lines[:0], b.leaves[:0], false
	at := 0
	for {
		end := bytes.IndexByte(b.chunk[at:], '\n')
		if end < 0 {
			break
		}
		line := b.chunk[at : at+end]
		if at == 0 && len(h.rest) > 0 {
			h.keep(line)
			b.joined = append(b.joined[:0], h.rest...)
			line = b.joined
			h.rest = h.rest[:0]
		}
		h.add(b, line)
		at += end + 1
	}
	h.keep(b.chunk[at:])
}

func (h *hasher) keep(part []byte) {
	room := cutAt - len(h.rest)
	h.rest = append(h.rest, part[:min(room, len(part))]...)
}

// end makes a batch of what has no newline, if there is such a thing.
func (h *hasher) end() *batch {
	if len(h.rest) == 0 {
		return nil
	}
	b := &batch{unended: true}
	h.add(b, h.rest)
	return b
}

var leafPrefix = []byte{0}

func (h *hasher) add(b *batch, line []byte) {
	if len(line) > cutAt {
		line = line[:cutAt]
	}
	var leaf tlog.Hash
	h.leaf.Reset()
	h.leaf.Write(leafPrefix)
	h.leaf.Write(line)
	h.leaf.Sum(leaf[:0])
	b.lines, b.leaves = append(b.lines, line), append(b.leaves, leaf)
	if h.leaves != nil {
		h.leaves.Write(leaf[:])
	}
	h.frontier.Append(leaf)
	h.noteRoot()
}
