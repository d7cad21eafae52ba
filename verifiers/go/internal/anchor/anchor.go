// Package anchor reads what something outside a bundle says about the log: a checkpoint note, or a def-anchor that a
// warehouse, a repository or an object store kept.
package anchor

import (
	"bytes"
	"encoding/hex"

	"clyra.dev/verify/internal/defjson"
	"clyra.dev/verify/internal/note"
	"clyra.dev/verify/internal/schema"
	"clyra.dev/verify/internal/tlog"
)

// A Source is a root at a tree size. Note is nil when it is a def-anchor or comes from memory.
type Source struct {
	Member string
	Origin string
	Size   int64
	Root   tlog.Hash
	Note   *note.Checkpoint
}

// FromNote makes a source of a checkpoint.
func FromNote(member string, found *note.Checkpoint) *Source {
	return &Source{member, found.Origin, found.Size, found.Root, found}
}

var form = schema.MustCompile(`{
 "type": "object", "additionalProperties": false, "required": ["v", "kind", "origin", "size", "root", "location"],
 "properties": {
  "v": {"const": "def-anchor/0"},
  "kind": {"enum": ["warehouse", "git", "object"]},
  "origin": {"type": "string", "minLength": 1, "maxLength": 200},
  "size": {"type": "integer", "minimum": 1},
  "root": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
  "location": {"type": "string", "maxLength": 1024},
  "version": {"type": "string", "maxLength": 256},
  "written_at": {"type": "string", "maxLength": 64}}}`)

// ParseDefAnchor reads a def-anchor; nil when it is malformed.
func ParseDefAnchor(member string, raw []byte) *Source {
	doc := new(defjson.Doc)
	if !doc.Parse(bytes.TrimSuffix(raw, []byte("\n")), defjson.MaxBytes) || !form.Valid(doc.Root()) {
		return nil
	}
	root, err := hex.DecodeString(doc.Root().Get("root").Text())
	if err != nil {
		return nil
	}
	return &Source{member, doc.Root().Get("origin").Text(), doc.Root().Get("size").Int(), tlog.Hash(root), nil}
}

// Parse reads either kind; nil when it is malformed.
func Parse(member string, raw []byte) *Source {
	if bytes.HasPrefix(raw, []byte("{")) {
		return ParseDefAnchor(member, raw)
	}
	found, err := note.ParseCheckpoint(raw)
	if err != nil {
		return nil
	}
	return FromNote(member, found)
}

// A Consistency is a proof from the tree of First leaves to the bundle's end.
type Consistency struct {
	First int64
	Proof []tlog.Hash
}

// ParseConsistency reads tree/consistency; nil when it is malformed.
func ParseConsistency(raw []byte, end int64) *Consistency {
	if !bytes.HasSuffix(raw, []byte("\n")) {
		return nil
	}
	lines := bytes.Split(raw[:len(raw)-1], []byte("\n"))
	first, ok := note.ParseSize(string(lines[0]))
	if !ok || first <= 0 || first >= end {
		return nil
	}
	found := &Consistency{First: first}
	for _, line := range lines[1:] {
		hash, ok := note.ParseHash(string(line))
		if !ok {
			return nil
		}
		found.Proof = append(found.Proof, hash)
	}
	return found
}
