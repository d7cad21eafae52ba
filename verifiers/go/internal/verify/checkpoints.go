package verify

import (
	"clyra.dev/verify/internal/anchor"
	"clyra.dev/verify/internal/note"
	"clyra.dev/verify/internal/statement"
)

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
