// Package approval decides whether each approval that was used up had been given: for this payload and action, by this
// person, in time, once. Questions are asked in one fixed order; a failed look-up is never a match.
package approval

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"

	"clyra.dev/verify/internal/defjson"
	"clyra.dev/verify/internal/dsse"
	"clyra.dev/verify/internal/schema"
	"clyra.dev/verify/internal/statement"
)

const (
	folder   = "approvals/"
	suffix   = ".dsse.json"
	maxBytes = 1 << 20
)

//go:embed pef.approval.json
var formSource string

var form = schema.MustCompile(formSource)

// certificate is a well-formed one; nothing about it is verified yet. predicate points into its own document.
type certificate struct {
	digest                string // hex, of the payload
	id, group             string
	envelope              *dsse.Envelope
	predicate             defjson.Value
	payload, actionDigest string // of the subjects
}

func memberName(digest string) string { return folder + digest + suffix }

// parse reads a certificate; nil when it is not of the one form.
func parse(raw []byte) *certificate {
	if len(raw) > maxBytes {
		return nil
	}
	envelope, malformed := dsse.Parse(raw, statement.PayloadType)
	if malformed != nil {
		return nil
	}
	doc := new(defjson.Doc)
	if !doc.ParseSorted(envelope.Payload) || !form.Valid(doc.Root()) {
		return nil
	}
	subject := doc.Root().Get("subject").Items()
	if !subject[0].Get("name").Is("payload") || !subject[1].Get("name").Is("action") {
		return nil
	}
	predicate := doc.Root().Get("predicate")
	digest := sha256.Sum256(envelope.Payload)
	return &certificate{
		digest: hex.EncodeToString(digest[:]), id: predicate.Get("id").Text(),
		group: predicate.Get("quorum").Get("group").Text(), envelope: envelope, predicate: predicate,
		payload:      subject[0].Get("digest").Get("sha256").Text(),
		actionDigest: subject[1].Get("digest").Get("sha256").Text(),
	}
}
