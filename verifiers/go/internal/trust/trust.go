// Package trust reads the trust file: which keys may speak for one log, in which role, over which tree sizes. Validity is
// counted in tree size, not in time: an index cannot be back-dated, a clock can.
package trust

import (
	"clyra.dev/verify/internal/defjson"
	"clyra.dev/verify/internal/dsse"
	"clyra.dev/verify/internal/publickey"
	"clyra.dev/verify/internal/schema"
)

const (
	payloadType = "application/vnd.clyra.trust+json"
	maxPayload  = 1 << 20
	// Open is a bound that is not there.
	Open = int64(-1)
)

// An Error says why a trust file cannot be used, with an S1 code.
type Error struct{ Code, Detail string }

func (e *Error) Error() string { return e.Code + ": " + e.Detail }

// A File is a checked trust file.
type File struct {
	Origin      string
	Version     int64
	Threshold   int64
	ExpiresSize int64
	Keys        []*Key
	WitnessNeed int64
	envelope    *dsse.Envelope
}

var form = schema.MustCompile(`{
 "type": "object", "additionalProperties": false, "required": ["v", "version", "origin", "threshold", "keys"],
 "properties": {
  "v": {"const": "def-trust/0"},
  "version": {"type": "integer", "minimum": 1},
  "origin": {"type": "string", "minLength": 1, "maxLength": 200},
  "threshold": {"type": "integer", "minimum": 1, "maximum": 16},
  "expires_size": ` + size + `,
  "witness": {"type": "object", "additionalProperties": false, "required": ["need"],
   "properties": {"need": {"type": "integer", "minimum": 0, "maximum": 16}}},
  "tsa": {"type": "array", "maxItems": 16, "items": {"type": "object", "additionalProperties": false,
   "required": ["name", "certificate"], "properties": {
    "name": ` + text + `, "certificate": {"type": "string", "maxLength": 32768}}}},
  "keys": {"type": "array", "minItems": 1, "maxItems": 256, "items": {
   "type": "object", "additionalProperties": false,
   "required": ["keyid", "alg", "pub", "role", "valid_from_size", "state"],
   "properties": {
    "keyid": ` + hex64 + `,
    "alg": {"type": "string", "maxLength": 64},
    "pub": {"type": "string", "pattern": "^([0-9a-f]{2})+$", "maxLength": 4096},
    "role": {"enum": ["root", "log", "seal", "approver_idp", "witness", "auditor"]},
    "valid_from_size": ` + size + `, "valid_until_size": ` + size + `,
    "state": {"enum": ["active", "retired", "compromised"]},
    "compromised_from_size": ` + size + `,
    "name": {"type": "string", "minLength": 1, "maxLength": 200},
    "same_admin": {"type": "boolean"},
    "iss": ` + text + `,
    "sub_c": ` + hex64 + `,
    "rp_id": ` + text + `,
    "credential_sha256": ` + hex64 + `}}}}}`)

const (
	hex64 = `{"type": "string", "pattern": "^[0-9a-f]{64}$"}`
	size  = `{"type": "integer", "minimum": 0}`
	text  = `{"type": "string", "minLength": 1, "maxLength": 256}`
)

// Load reads and checks a trust file by itself.
func Load(raw []byte) (*File, *Error) {
	envelope, malformed := dsse.Parse(raw, payloadType)
	if malformed != nil {
		return nil, &Error{"E_TRUST_SIG", "not a trust file: " + malformed.Detail}
	}
	doc := new(defjson.Doc)
	if !doc.Parse(envelope.Payload, maxPayload) || !form.Valid(doc.Root()) {
		return nil, &Error{"E_TRUST_SIG", "the trust document is malformed"}
	}
	root := doc.Root()
	file := &File{
		Origin: root.Get("origin").Text(), Version: root.Get("version").Int(), Threshold: root.Get("threshold").Int(),
		ExpiresSize: bound(root.Get("expires_size")), WitnessNeed: root.Get("witness").Get("need").Int(),
		envelope: envelope,
	}
	if refused := file.readKeys(root.Get("keys")); refused != nil {
		return nil, refused
	}
	return file, file.checkSignatures()
}

func (f *File) readKeys(listed defjson.Value) *Error {
	seen := map[string]bool{}
	twice := false
	for item := listed.First(); item.Exists(); item = item.Next(listed) {
		key, refused := readKey(item)
		if refused != nil {
			return refused
		}
		twice = twice || seen[string(key.Public)]
		seen[string(key.Public)] = true
		f.Keys = append(f.Keys, key)
	}
	if twice {
		return &Error{"E_KEY_DUP", "one public key is listed twice; one key has one role"}
	}
	return nil
}

// A Root is a root key with its id.
type Root struct {
	publickey.Key
	ID string
}

func (f *File) rootList() []Root {
	var roots []Root
	for _, key := range f.Keys {
		if key.Role == "root" {
			roots = append(roots, Root{key.Key, key.ID})
		}
	}
	return roots
}

func (f *File) roots() map[string]publickey.Key { return byID(f.rootList()) }

func byID(roots []Root) map[string]publickey.Key {
	found := map[string]publickey.Key{}
	for _, root := range roots {
		found[root.ID] = root.Key
	}
	return found
}

// checkSignatures ignores ids it does not know; each it knows must verify.
func (f *File) checkSignatures() *Error {
	roots := f.roots()
	claimed := 0
	for _, signature := range f.envelope.Signatures {
		if _, known := roots[signature.KeyID]; known {
			claimed++
		}
	}
	signers := f.envelope.Signers(roots)
	if len(signers) != claimed {
		return &Error{"E_TRUST_SIG", "a signature on the trust file is wrong"}
	}
	if distinct(signers) < f.Threshold {
		return &Error{"E_TRUST_THRESHOLD", "too few root keys have signed"}
	}
	return nil
}

// QuorumSigned says whether enough distinct root keys of this file signed an envelope.
func (f *File) QuorumSigned(envelope *dsse.Envelope) bool {
	return distinct(envelope.Signers(f.roots())) >= f.Threshold
}

func distinct(names []string) int64 {
	seen := map[string]bool{}
	for _, name := range names {
		seen[name] = true
	}
	return int64(len(seen))
}

// An Older is what an older trust file of the log, or the memory of one, demands of a newer.
type Older struct {
	Origin    string
	Version   int64
	Threshold int64
	Roots     []Root // in the order of their file
}

// AsOlder is what this file demands of newer ones.
func (f *File) AsOlder() Older { return Older{f.Origin, f.Version, f.Threshold, f.rootList()} }

// Follows checks that the file was made with the consent of the older one's roots.
func (f *File) Follows(older Older) *Error {
	if f.Origin != older.Origin || f.Version < older.Version {
		return &Error{"E_TRUST_SIG", "it is of another log, or older than the one known before"}
	}
	if distinct(f.envelope.Signers(byID(older.Roots))) < older.Threshold {
		return &Error{"E_TRUST_THRESHOLD", "too few of the former root keys have signed"}
	}
	return nil
}
