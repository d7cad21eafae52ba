// Package dsse reads DSSE envelopes (secure-systems-lab/dsse v1.0.2) in one strict byte form, so that no byte of the
// file can change unnoticed. Which key is trusted is decided by the caller.
package dsse

import (
	"fmt"

	"clyra.dev/verify/internal/defjson"
	"clyra.dev/verify/internal/note"
	"clyra.dev/verify/internal/publickey"
)

// MaxBytes of an envelope.
const MaxBytes = 16 << 20

const maxSignatures = 16

// An Error says why an envelope is malformed or of another type, with an S2 code.
type Error struct{ Code, Detail string }

func (e *Error) Error() string { return e.Code + ": " + e.Detail }

func malformed(detail string) *Error { return &Error{"E_DSSE_FORMAT", detail} }

// A Signature names the key that made it.
type Signature struct {
	KeyID string
	Value []byte
}

// An Envelope holds the exact payload and what is signed.
type Envelope struct {
	Payload    []byte
	Message    []byte // pre-authentication encoding
	Signatures []Signature
}

// Parse reads an envelope of one payload type, ending with a newline. It verifies nothing.
func Parse(raw []byte, payloadType string) (*Envelope, *Error) {
	if len(raw) > MaxBytes {
		return nil, malformed("the envelope is too long")
	}
	var doc defjson.Doc
	if len(raw) == 0 || raw[len(raw)-1] != '\n' || !doc.ParseSorted(raw[:len(raw)-1]) {
		return nil, malformed("not compact JSON with sorted keys and one newline")
	}
	return FromValue(doc.Root(), payloadType)
}

// FromValue reads an envelope that stands inside another text.
func FromValue(root defjson.Value, payloadType string) (*Envelope, *Error) {
	listed := root.Get("signatures")
	if root.Len() != 3 || !root.Get("payload").Exists() || !root.Get("payloadType").Exists() || !listed.Exists() {
		return nil, malformed("not a DSSE envelope")
	}
	if !root.Get("payloadType").Is(payloadType) {
		return nil, &Error{"E_DSSE_TYPE", "the payload type is not " + payloadType}
	}
	if listed.Kind() != defjson.Array || listed.Len() < 1 || listed.Len() > maxSignatures {
		return nil, malformed("1 to 16 signatures expected")
	}
	payload, ok := decode(root.Get("payload"))
	if !ok {
		return nil, malformed("bad base64")
	}
	envelope := &Envelope{Payload: payload}
	envelope.Message = append(fmt.Appendf(nil, "DSSEv1 %d %s %d ", len(payloadType), payloadType, len(payload)), payload...)
	for _, item := range listed.Items() {
		value, ok := decode(item.Get("sig"))
		if item.Len() != 2 || item.Get("keyid").Kind() != defjson.String || !ok {
			return nil, malformed("a signature has keyid and sig")
		}
		envelope.Signatures = append(envelope.Signatures, Signature{item.Get("keyid").Text(), value})
	}
	return envelope, nil
}

func decode(v defjson.Value) ([]byte, bool) {
	if v.Kind() != defjson.String {
		return nil, false
	}
	return note.StrictBase64(v.Text())
}

// Signers are the ids of those keys that have a valid signature here, one entry a signature.
func (e *Envelope) Signers(keys map[string]publickey.Key) []string {
	var found []string
	for _, signature := range e.Signatures {
		if key, known := keys[signature.KeyID]; known && key.Verifies(signature.Value, e.Message) {
			found = append(found, signature.KeyID)
		}
	}
	return found
}
