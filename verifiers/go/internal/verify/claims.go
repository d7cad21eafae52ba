package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"sort"
	"strings"

	"clyra.dev/verify/internal/anchor"
	"clyra.dev/verify/internal/dsse"
	"clyra.dev/verify/internal/note"
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

// isDetached says whether a member may stand beside the statement without being named in it.
func isDetached(name string) bool {
	switch name {
	case statement.Member, statement.TreeStart, statement.TreeEnd, statement.Consistency, statement.Leaves:
		return true
	}
	folder, rest, _ := strings.Cut(name, "/")
	switch folder {
	case "anchors":
		_, _, ok := anchorSize(rest)
		return ok
	case "disclosures":
		number, ok := strings.CutSuffix(rest, ".jsonl")
		_, good := note.ParseSize(number)
		return ok && good
	case "attestations":
		name, ok := strings.CutSuffix(rest, ".dsse.json")
		return ok && name != "" && !strings.Contains(name, "/")
	}
	return false
}

// anchorSize reads `<size>.<kind>`.
func anchorSize(name string) (size int64, kind string, ok bool) {
	number, kind, _ := strings.Cut(name, ".")
	size, ok = note.ParseSize(number)
	return size, kind, ok && (kind == "cosig" || kind == "tsr" || kind == "wh.json")
}

// checkMembers wants every member covered or of a kind that may stand beside, and the covered ones unchanged.
func (r *run) checkMembers() error {
	digests := r.statement.Digests
	for _, name := range r.container.Names() {
		if _, covered := digests[name]; !covered && !isDetached(name) {
			r.fail("E_MEMBER_UNLISTED", name, "")
		}
	}
	needed := map[string]bool{statement.Frontier: true, statement.Records: true}
	for name := range digests {
		needed[name] = true
	}
	names := make([]string, 0, len(needed))
	for name := range needed {
		names = append(names, name)
	}
	sort.Strings(names)
	pruned := !r.container.Has(statement.Records) && r.container.Has(statement.Leaves)
	for _, name := range names {
		gone := pruned && (name == statement.Records || strings.HasPrefix(name, "approvals/")) // after its retention
		if !gone && !r.container.Has(name) {
			r.fail("E_MEMBER_MISSING", name, "")
		}
	}
	for _, name := range names {
		if err := r.checkDigest(name); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) checkDigest(name string) error {
	wanted, covered := r.statement.Digests[name]
	if !covered || name == statement.Records || !r.container.Has(name) {
		return nil
	}
	digest := sha256.New()
	ok, err := r.drain(name, digest)
	if err != nil {
		return err
	}
	if ok && hex.EncodeToString(digest.Sum(nil)) != wanted {
		r.fail("E_MEMBER_DIGEST", name, "")
	}
	return nil
}

// checkpoints is stage S3.
func (r *run) checkpoints() error {
	if r.container.Has(statement.TreeStart) {
		if _, err := r.checkpoint(statement.TreeStart, r.Start, r.statement.StartRoot, true); err != nil {
			return err
		}
	} else if r.Start > 0 {
		r.fail("E_MEMBER_MISSING", statement.TreeStart, "")
	}
	if !r.container.Has(statement.TreeEnd) {
		return nil
	}
	var err error
	r.treeEnd, err = r.checkpoint(statement.TreeEnd, r.End, r.statement.EndRoot, false)
	return err
}

// checkpoint gives what a member says, nil when there is something wrong with it.
func (r *run) checkpoint(name string, size int64, root string, upperOnly bool) (*anchor.Source, error) {
	raw, err := r.small(name, note.MaxBytes)
	if raw == nil || err != nil {
		return nil, err
	}
	found, malformed := note.ParseCheckpoint(raw)
	if malformed != nil {
		r.fail(malformed.Code, name, malformed.Detail)
		return nil, nil
	}
	var codes []string
	if found.Origin != r.Origin {
		codes = append(codes, "E_CKPT_ORIGIN")
	}
	if found.Size != size || hexOf(found.Root) != root {
		codes = append(codes, "E_CKPT_SIZE")
	}
	if r.keys != nil {
		if code := r.signerRefusal(found, upperOnly); code != "" {
			codes = append(codes, code)
		}
	}
	for _, code := range codes {
		r.fail(code, name, "")
	}
	if len(codes) > 0 {
		return nil, nil
	}
	return anchor.FromNote(name, found), nil
}

// signerRefusal says why no log key may speak for a checkpoint, "" when one may, or when a failed key signed it.
func (r *run) signerRefusal(found *note.Checkpoint, upperOnly bool) string {
	refusal := ""
	for _, key := range r.keys.Of("log") {
		if !found.SignedBy(r.Origin, key.Key) {
			continue
		}
		own := key.Refusal(found.Size, upperOnly)
		if own == "" {
			return ""
		}
		if refusal == "" || own < refusal {
			refusal = own
		}
	}
	if refusal != "" {
		return refusal
	}
	for _, key := range r.keys.FailedOf("log") {
		if found.SignedBy(r.Origin, key.Key) {
			return ""
		}
	}
	return "E_CKPT_SIG"
}
