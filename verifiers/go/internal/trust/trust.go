// Package trust reads the trust file: which keys may speak for one log, in which role, over which tree sizes. Validity is
// counted in tree size, not in time: an index cannot be back-dated, a clock can.
package trust

import (
	"encoding/hex"

	"clyra.dev/verify/internal/defjson"
	"clyra.dev/verify/internal/dsse"
	"clyra.dev/verify/internal/note"
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

// A Key is trusted in one role. Until and CompromisedFrom are tree sizes, or Open.
type Key struct {
	publickey.Key
	ID              string
	Role            string
	From            int64
	Until           int64
	CompromisedFrom int64
	Delegated       bool
	Name            string
	SameAdmin       bool
	Issuer          string
	Subject         string
	RelyingParty    string
}

// Refusal is the code for using the key at a tree size, "" when it may be used. upperOnly leaves out the lower bound.
func (k *Key) Refusal(size int64, upperOnly bool) string {
	switch {
	case k.CompromisedFrom != Open && size >= k.CompromisedFrom:
		return "E_KEY_COMPROMISED"
	case k.Until != Open && size > k.Until && k.Delegated:
		return "E_DELEGATION_RANGE"
	case k.Until != Open && size > k.Until, !upperOnly && size < k.From:
		return "E_KEY_NOT_VALID_AT_SIZE"
	}
	return ""
}

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

func bound(v defjson.Value) int64 {
	if !v.Exists() {
		return Open
	}
	return v.Int()
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

// algorithms says what a key of a role may be.
func algorithmFits(role, algorithm string) bool {
	switch algorithm {
	case publickey.Ed25519:
		return true
	case publickey.P256:
		return role != "log" && role != "witness"
	case publickey.RSA:
		return role == "approver_idp"
	}
	return false
}

func readKey(item defjson.Value) (*Key, *Error) {
	role, algorithm := item.Get("role").Text(), item.Get("alg").Text()
	if !algorithmFits(role, algorithm) {
		return nil, &Error{"E_KEY_ALG", "a key of role " + role + " is of an algorithm that it may not have"}
	}
	public, err := hex.DecodeString(item.Get("pub").Text())
	key := &Key{
		Key: publickey.Key{Algorithm: algorithm, Public: public}, ID: item.Get("keyid").Text(), Role: role,
		From: item.Get("valid_from_size").Int(), Until: bound(item.Get("valid_until_size")),
		CompromisedFrom: bound(item.Get("compromised_from_size")),
		Name:            item.Get("name").Text(), SameAdmin: item.Get("same_admin").Bool(), Issuer: item.Get("iss").Text(),
		Subject: item.Get("sub_c").Text(), RelyingParty: item.Get("rp_id").Text(),
	}
	switch {
	case err != nil || key.Weak():
		return nil, &Error{"E_KEY_WEAK", "a public key is weak or not canonical"}
	case key.Key.ID() != key.ID:
		return nil, &Error{"E_TRUST_SIG", "a key id is not the digest of its key"}
	case role == "witness" && !note.IsName(key.Name):
		return nil, &Error{"E_TRUST_SIG", "a witness has no proper name"}
	}
	if key.CompromisedFrom == Open && item.Get("state").Is("compromised") {
		key.CompromisedFrom = 0
	}
	return key, nil
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
