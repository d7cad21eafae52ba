// Package rotation makes the effective keys of a bundle: those of the trust file, changed by the statements in
// keys/rotations.dsse.jsonl in their order. Bounds only ever tighten. A statement that fails has no effect, and its key
// is a failed key.
package rotation

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"clyra.dev/verify/internal/defjson"
	"clyra.dev/verify/internal/dsse"
	"clyra.dev/verify/internal/publickey"
	"clyra.dev/verify/internal/schema"
	"clyra.dev/verify/internal/statement"
	"clyra.dev/verify/internal/trust"
)

// Member holds the statements; MaxBytes is its limit.
const (
	Member   = "keys/rotations.dsse.jsonl"
	MaxBytes = 64 << 20

	maxDelegation = 1 << 32
	maxPossession = 160
)

// A Problem is a code at a record number, or -1 when it is about the member.
type Problem struct {
	Code   string
	Seq    int64
	Detail string
}

// An Entry is one line: the record's number, the digest of the statement (hex) and the proof of possession (hex).
type Entry struct {
	Seq        int64
	Digest     string
	Possession string
	envelope   *dsse.Envelope
}

const hex64 = `{"type": "string", "pattern": "^[0-9a-f]{64}$"}`

const size = `{"type": "integer", "minimum": 0, "maximum": 9007199254740991}`

var form = schema.MustCompile(`{
 "type": "object", "additionalProperties": false, "required": ["_type", "subject", "predicateType", "predicate"],
 "properties": {
  "_type": {"const": "` + statement.StatementType + `"},
  "subject": {"type": "array", "minItems": 1, "maxItems": 1, "items": {
   "type": "object", "additionalProperties": false, "required": ["name", "digest"], "properties": {
    "name": {"const": "key"},
    "digest": {"type": "object", "additionalProperties": false, "required": ["sha256"],
     "properties": {"sha256": ` + hex64 + `}}}}},
  "predicateType": {"const": "` + statement.Namespace + `/def/key-rotation/v0"},
  "predicate": {
   "type": "object", "additionalProperties": false,
   "required": ["origin", "kind", "role", "keyid", "alg", "pub", "size", "reason"],
   "properties": {
    "origin": {"type": "string", "minLength": 1, "maxLength": 200},
    "kind": {"enum": ["rotation", "recovery", "revocation", "delegation"]},
    "role": {"enum": ["log", "seal"]},
    "keyid": ` + hex64 + `,
    "alg": {"enum": ["ed25519", "ecdsa-p256-sha256"]},
    "pub": {"type": "string", "pattern": "^[0-9a-f]{64,130}$"},
    "replaces": ` + hex64 + `,
    "size": ` + size + `, "until_size": ` + size + `, "compromised_from_size": ` + size + `,
    "reason": {"type": "string", "minLength": 1, "maxLength": 256}}}}}`)

// change is what a statement says. Bounds are trust.Open when they are not there.
type change struct {
	origin, kind, role, replaces string
	key                          publickey.Key
	id                           string
	size, until, compromisedFrom int64
}

// Parse reads the member up to the first bad line. It says whether all of it is well formed; a last line without an end
// is read, but not well formed.
func Parse(raw []byte) ([]Entry, bool) {
	var entries []Entry
	for len(raw) > 0 {
		line, rest, ended := bytes.Cut(raw, []byte("\n"))
		entry, ok := parseLine(line)
		if !ok || len(entries) > 0 && entry.Seq <= entries[len(entries)-1].Seq {
			return entries, false
		}
		entries = append(entries, entry)
		if !ended {
			return entries, false
		}
		raw = rest
	}
	return entries, true
}

func parseLine(line []byte) (Entry, bool) {
	doc := new(defjson.Doc)
	if !doc.ParseSorted(line) {
		return Entry{}, false
	}
	root := doc.Root()
	seq, possession := root.Get("seq"), root.Get("possession")
	if root.Kind() != defjson.Object || root.Len() != 3 || seq.Kind() != defjson.Integer || seq.Int() < 0 ||
		possession.Kind() != defjson.String || possession.Runes() > maxPossession || !root.Get("envelope").Exists() {
		return Entry{}, false
	}
	envelope, malformed := dsse.FromValue(root.Get("envelope"), statement.PayloadType)
	if malformed != nil {
		return Entry{}, false
	}
	digest := sha256.Sum256(envelope.Payload)
	return Entry{seq.Int(), hex.EncodeToString(digest[:]), possession.Text(), envelope}, true
}

// parsePayload reads a statement; nil when it breaks a rule of its form.
func parsePayload(payload []byte) *change {
	doc := new(defjson.Doc)
	if !doc.ParseSorted(payload) || !form.Valid(doc.Root()) {
		return nil
	}
	told := doc.Root().Get("predicate")
	public, err := hex.DecodeString(told.Get("pub").Text())
	if err != nil {
		return nil
	}
	c := &change{
		origin: told.Get("origin").Text(), kind: told.Get("kind").Text(), role: told.Get("role").Text(),
		replaces: told.Get("replaces").Text(), id: told.Get("keyid").Text(), size: told.Get("size").Int(),
		until: optional(told.Get("until_size")), compromisedFrom: optional(told.Get("compromised_from_size")),
		key: publickey.Key{Algorithm: told.Get("alg").Text(), Public: public},
	}
	subject := doc.Root().Get("subject").First().Get("digest").Get("sha256").Text()
	delegation, revocation := c.kind == "delegation", c.kind == "revocation"
	switch {
	case subject != c.id, c.key.Weak(), c.key.ID() != c.id:
		return nil
	case c.role == "log" && c.key.Algorithm != publickey.Ed25519:
		return nil
	case (c.replaces != "") == revocation, c.replaces == c.id:
		return nil
	case (c.until != trust.Open) != delegation, delegation && c.role != "log":
		return nil
	case c.compromisedFrom != trust.Open && c.kind != "recovery" && !revocation:
		return nil
	}
	return c
}

func optional(v defjson.Value) int64 {
	if !v.Exists() {
		return trust.Open
	}
	return v.Int()
}

// proves says whether the new key signed the log's name, its own id and the size of the statement.
func (c *change) proves(possession string) bool {
	if c.kind == "revocation" {
		return possession == ""
	}
	signature, err := hex.DecodeString(possession)
	if err != nil || hex.EncodeToString(signature) != possession {
		return false
	}
	message := []byte("def/0 possession\x00" + c.origin + "\x00" + c.id + "\x00" + strconv.FormatInt(c.size, 10))
	return c.key.Verifies(signature, message)
}
