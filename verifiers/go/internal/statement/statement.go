// Package statement reads what a bundle claims: an in-toto Statement v1 with the predicate NS/def/bundle/v0.
package statement

import (
	"crypto/sha256"
	"encoding/hex"

	"clyra.dev/verify/internal/defjson"
	"clyra.dev/verify/internal/schema"
)

// Names that the format fixes.
const (
	Namespace     = "https://clyra.dev/ns"
	PayloadType   = "application/vnd.in-toto+json"
	StatementType = "https://in-toto.io/Statement/v1"
	PredicateType = Namespace + "/def/bundle/v0"
	Member        = "statement.dsse.json"
	Records       = "records.jsonl"
	Frontier      = "tree/frontier"
	TreeStart     = "tree/start"
	TreeEnd       = "tree/end"
	Consistency   = "tree/consistency"
	Leaves        = "tree/leaves"
)

// An Error says why a statement cannot be used, with an S2 code.
type Error struct{ Code, Detail string }

func (e *Error) Error() string { return e.Code + ": " + e.Detail }

// A Statement about one window of one log. Predicate stays readable, as its document is not used again.
type Statement struct {
	Origin             string
	Start, End         int64
	StartRoot, EndRoot string // hex
	Digests            map[string]string
	Predicate          defjson.Value
}

var form = schema.MustCompile(`{
 "type": "object", "additionalProperties": false,
 "required": ["_type", "subject", "predicateType", "predicate"],
 "properties": {
  "_type": {"const": "` + StatementType + `"},
  "subject": {"type": "array", "minItems": 1, "maxItems": 65536, "items": {
   "type": "object", "additionalProperties": false, "required": ["name", "digest"],
   "properties": {"name": {"type": "string", "pattern": "^[a-z0-9._/-]{1,100}$"}, "digest": ` + digest + `}}},
  "predicateType": {"const": "` + PredicateType + `"},
  "predicate": {
   "type": "object", "additionalProperties": false,
   "required": ["origin", "start", "end", "start_root", "end_root", "period", "producer", "policy", "counts", "sources",
    "retain_until", "profile", "tail"],
   "properties": {
    "origin": {"type": "string", "minLength": 1, "maxLength": 200},
    "start": ` + count + `, "end": ` + count + `, "start_root": ` + hex64 + `, "end_root": ` + hex64 + `,
    "prev_bundle": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
    "period": {"type": "object", "additionalProperties": false, "required": ["from", "to"],
     "properties": {"from": ` + moment + `, "to": ` + moment + `}},
    "producer": {"type": "object", "additionalProperties": false, "required": ["name", "version", "config_sha256"],
     "properties": {"name": {"type": "string"}, "version": {"type": "string"}, "config_sha256": ` + hex64 + `}},
    "policy": {"type": "array", "items": {"type": "object", "additionalProperties": false,
     "required": ["uri", "digest"], "properties": {"uri": {"type": "string"}, "digest": ` + digest + `}}},
    "counts": {"type": "object", "additionalProperties": ` + count + `},
    "sources": {"type": "array", "items": {"type": "object", "additionalProperties": false,
     "required": ["id", "first", "last", "lost"],
     "properties": {"id": {"type": "string"}, "first": ` + count + `, "last": ` + count + `, "lost": ` + count + `}}},
    "retain_until": {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"},
    "profile": {"type": "array", "items": {"type": "string"}},
    "tail": {"enum": ["open", "closed"]}}}}}`)

const (
	hex64  = `{"type": "string", "pattern": "^[0-9a-f]{64}$"}`
	count  = `{"type": "integer", "minimum": 0, "maximum": 9007199254740991}`
	moment = `{"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z$"}`
	digest = `{"type": "object", "additionalProperties": false, "required": ["sha256"], "properties": {"sha256": ` +
		hex64 + `}}`
)

// BundleDigest names a window: SHA-256 of the payload.
func BundleDigest(payload []byte) string {
	digest := sha256.Sum256(payload)
	return "sha256:" + hex.EncodeToString(digest[:])
}

// Parse reads a payload. A statement comes back only when it is well formed.
func Parse(payload []byte) (*Statement, *Error) {
	doc := new(defjson.Doc)
	if !doc.ParseSorted(payload) || doc.Root().Kind() != defjson.Object {
		return nil, &Error{"E_STMT_TYPE", "not compact JSON with sorted, unique keys"}
	}
	root := doc.Root()
	if !root.Get("_type").Is(StatementType) {
		return nil, &Error{"E_STMT_TYPE", ""}
	}
	if !root.Get("predicateType").Is(PredicateType) {
		return nil, &Error{"I_VERSION", "another predicate type"}
	}
	if !form.Valid(root) {
		return nil, &Error{"E_STMT_PREDICATE", "it does not satisfy its schema"}
	}
	predicate := root.Get("predicate")
	s := &Statement{
		Origin: predicate.Get("origin").Text(), Start: predicate.Get("start").Int(), End: predicate.Get("end").Int(),
		StartRoot: predicate.Get("start_root").Text(), EndRoot: predicate.Get("end_root").Text(),
		Digests: map[string]string{}, Predicate: predicate,
	}
	if s.Start >= s.End {
		return nil, &Error{"E_STMT_PREDICATE", "the window is empty or backwards"}
	}
	subject := root.Get("subject")
	for item := subject.First(); item.Exists(); item = item.Next(subject) {
		s.Digests[item.Get("name").Text()] = item.Get("digest").Get("sha256").Text()
	}
	if len(s.Digests) != subject.Len() {
		return nil, &Error{"E_STMT_PREDICATE", "a subject is listed twice"}
	}
	return s, nil
}

// Profiles that the bundle claims.
func (s *Statement) Profiles() []string {
	var names []string
	for _, name := range s.Predicate.Get("profile").Items() {
		names = append(names, name.Text())
	}
	return names
}
