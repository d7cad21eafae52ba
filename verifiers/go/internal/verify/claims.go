package verify

import (
	"sort"

	"clyra.dev/verify/internal/dsse"
	"clyra.dev/verify/internal/report"
	"clyra.dev/verify/internal/rotation"
	"clyra.dev/verify/internal/statement"
	"clyra.dev/verify/internal/trust"
)

const (
	trustFile    = "trust file"
	oldTrustFile = "old trust file"
)

// loadTrust is stage S1.
func (r *run) loadTrust() {
	if r.options.Profile == "time" {
		r.fail("I_PROFILE", "", "this verifier has no time stamps")
	}
	if r.options.Trust == nil {
		r.fail("I_TRUST_MISSING", "", "")
	} else {
		r.trust = r.usableTrust()
	}
	if r.trust == nil {
		r.Skip("signatures")
	}
}

// usableTrust checks the trust file by itself, then against older ones.
func (r *run) usableTrust() *trust.File {
	file, refused := trust.Load(r.options.Trust)
	if refused != nil {
		r.fail(refused.Code, trustFile, refused.Detail)
		return nil
	}
	var olders []trust.Older
	if r.options.OldTrust != nil {
		old, refused := trust.Load(r.options.OldTrust)
		if refused != nil {
			r.fail(refused.Code, oldTrustFile, refused.Detail)
			return nil
		}
		olders = append(olders, old.AsOlder())
	}
	if known := r.options.Memory.Of(file.Origin); known != nil && known.Trust != nil {
		olders = append(olders, *known.Trust)
	}
	for _, older := range olders {
		if refused := file.Follows(older); refused != nil {
			r.fail(refused.Code, trustFile, refused.Detail)
			return nil
		}
	}
	return file
}

// loadStatement is stage S2, and the rotations.
func (r *run) loadStatement() error {
	raw, err := r.need(statement.Member, dsse.MaxBytes)
	if raw == nil || err != nil {
		return err
	}
	envelope, malformed := dsse.Parse(raw, statement.PayloadType)
	if malformed != nil {
		r.fail(malformed.Code, statement.Member, malformed.Detail)
		return nil
	}
	r.Bundle = statement.BundleDigest(envelope.Payload)
	found, refused := statement.Parse(envelope.Payload)
	if refused != nil {
		r.fail(refused.Code, statement.Member, refused.Detail)
		return nil
	}
	r.statement = found
	r.Origin, r.Start, r.End = found.Origin, found.Start, found.End
	for _, name := range found.Profiles() {
		if name != "core" && name != "time" {
			r.fail("I_PROFILE", statement.Member, "an unknown profile")
		}
	}
	if r.trust == nil {
		return nil
	}
	if r.trust.Origin == r.Origin && r.trust.ExpiresSize != trust.Open && r.End > r.trust.ExpiresSize {
		r.fail("E_TRUST_EXPIRED", trustFile, "")
	}
	if err := r.makeKeys(); err != nil {
		return err
	}
	r.checkStatementSignature(envelope)
	return nil
}

func (r *run) makeKeys() error {
	raw, err := r.small(rotation.Member, rotation.MaxBytes)
	if err != nil {
		return err
	}
	entries, whole := rotation.Parse(raw)
	keys, problems := rotation.Effective(r.trust, r.Origin, r.End, entries, whole)
	for _, problem := range problems {
		r.Add(problem.Code, report.Place{Member: rotation.Member, Seq: problem.Seq, Detail: problem.Detail})
	}
	r.keys = keys
	return nil
}

func (r *run) checkStatementSignature(envelope *dsse.Envelope) {
	good, failed := false, false
	var refusals []string
	for _, signature := range envelope.Signatures {
		key, isFailed := r.sealKey(signature.KeyID)
		if key == nil || !key.Verifies(signature.Value, envelope.Message) {
			r.fail("E_DSSE_SIG", statement.Member, "a signature is wrong, or by a key not trusted for this log")
			return
		}
		if isFailed {
			failed = true
		} else if refusal := key.Refusal(r.End, true); refusal == "" {
			good = true
		} else {
			refusals = append(refusals, refusal)
		}
	}
	if !good && !failed {
		sort.Strings(refusals)
		r.fail(refusals[0], statement.Member, "the seal key")
	}
}

func (r *run) sealKey(id string) (key *trust.Key, failed bool) {
	for _, key := range r.keys.Of("seal") {
		if key.ID == id {
			return key, false
		}
	}
	for _, key := range r.keys.FailedOf("seal") {
		if key.ID == id {
			return key, true
		}
	}
	return nil, false
}
