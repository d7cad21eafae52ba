// Package attestation checks signed statements that others make about a bundle, named by its digest.
package attestation

import (
	"clyra.dev/verify/internal/defjson"
	"clyra.dev/verify/internal/dsse"
	"clyra.dev/verify/internal/statement"
	"clyra.dev/verify/internal/trust"
)

// Check gives the code of the first rule that an attestation breaks, "" when it breaks none. keys are the effective seal
// and auditor keys; bundle is its digest in hex.
func Check(raw []byte, keys []*trust.Key, end int64, bundle string) string {
	envelope, malformed := dsse.Parse(raw, statement.PayloadType)
	if malformed != nil {
		return malformed.Code
	}
	if !signed(envelope, keys, end) {
		return "E_DSSE_SIG"
	}
	doc := new(defjson.Doc)
	if !doc.ParseSorted(envelope.Payload) {
		return "E_STMT_TYPE"
	}
	root := doc.Root()
	subject := root.Get("subject")
	if !root.Get("_type").Is(statement.StatementType) || subject.Kind() != defjson.Array {
		return "E_STMT_TYPE"
	}
	kind := root.Get("predicateType")
	if !kind.Is(statement.Namespace+"/compliance/result/v0") && !kind.Is("https://in-toto.io/attestation/svr/v0.2") {
		return "E_STMT_PREDICATE"
	}
	for _, one := range subject.Items() {
		if one.Get("digest").Get("sha256").Is(bundle) {
			return ""
		}
	}
	return "E_MEMBER_DIGEST"
}

// signed demands that every signature that names one of the keys verifies, and that one of them is not refused at end.
func signed(envelope *dsse.Envelope, keys []*trust.Key, end int64) bool {
	good := false
	for _, signature := range envelope.Signatures {
		for _, key := range keys {
			if key.ID != signature.KeyID {
				continue
			}
			if !key.Verifies(signature.Value, envelope.Message) {
				return false
			}
			good = good || key.Refusal(end, true) == ""
		}
	}
	return good
}
