package verify

import (
	"bytes"
	"sort"

	"clyra.dev/verify/internal/anchor"
	"clyra.dev/verify/internal/note"
	"clyra.dev/verify/internal/statement"
)

// source is a root that may be compared. problem says why it is not of this log, "" when it is.
type source struct {
	*anchor.Source
	problem string
}

// anchorMember is `anchors/<size>.<kind>`.
type anchorMember struct {
	name, kind string
	size       int64
}

// readSources parses what may be asked about roots, before the records are read.
func (r *run) readSources() error {
	for _, member := range r.anchorMembers() {
		if member.kind != "cosig" || !r.inWindow(member.size) {
			continue
		}
		raw, err := r.small(member.name, note.MaxBytes)
		if err != nil {
			return err
		}
		if raw == nil {
			continue
		}
		found := r.noteSource(member.name, raw)
		if found.problem == "" && found.Size != member.size {
			found.problem = "it is of another size than its name says"
		}
		r.inside[member.name] = found
	}
	for _, raw := range r.options.Checkpoints {
		r.given = append(r.given, r.noteSource("checkpoint", raw))
	}
	for _, raw := range r.options.Anchors {
		if bytes.HasPrefix(raw, []byte("{")) {
			r.given = append(r.given, r.placedSource(raw))
		} else {
			r.given = append(r.given, r.noteSource("anchor", raw))
		}
	}
	return r.readConsistency()
}

func (r *run) inWindow(size int64) bool { return r.Start < size && size <= r.End }

// anchorMembers are those under anchors/ by size, then name.
func (r *run) anchorMembers() []anchorMember {
	var members []anchorMember
	for _, name := range r.under("anchors/") {
		if size, kind, ok := anchorSize(name[len("anchors/"):]); ok {
			members = append(members, anchorMember{name, kind, size})
		}
	}
	sort.SliceStable(members, func(i, j int) bool { return members[i].size < members[j].size })
	return members
}

func (r *run) noteSource(member string, raw []byte) *source {
	parsed, err := note.ParseCheckpoint(raw)
	if err != nil {
		return &source{&anchor.Source{Member: member}, err.Detail}
	}
	found := &source{anchor.FromNote(member, parsed), ""}
	if parsed.Origin != r.Origin {
		found.problem = "it is of another log"
	} else if !r.logSigned(parsed) {
		found.problem = "it is not signed by the log's key"
	}
	return found
}

func (r *run) placedSource(raw []byte) *source {
	parsed := anchor.ParseDefAnchor("anchor", raw)
	if parsed == nil {
		return &source{&anchor.Source{Member: "anchor"}, "it is malformed"}
	}
	if parsed.Origin != r.Origin {
		return &source{parsed, "it is of another log"}
	}
	return &source{parsed, ""}
}

// logSigned says whether an effective log key that is not refused has signed. Without a trust file nobody asks.
func (r *run) logSigned(found *note.Checkpoint) bool {
	if r.keys == nil {
		return true
	}
	for _, key := range r.keys.Of("log") {
		if key.Refusal(found.Size, true) == "" && found.SignedBy(r.Origin, key.Key) {
			return true
		}
	}
	return false
}

func (r *run) readConsistency() error {
	if !r.container.Has(statement.Consistency) {
		return nil
	}
	raw, err := r.small(statement.Consistency, maxSmall)
	if raw == nil || err != nil {
		return err
	}
	if r.proof = anchor.ParseConsistency(raw, r.End); r.proof == nil {
		r.fail("E_PROOF_FORMAT", statement.Consistency, "")
	}
	return nil
}

// watched are the tree sizes whose roots are wanted.
func (r *run) watched() map[int64]bool {
	watch := map[int64]bool{r.Start: true, r.End: true}
	for _, member := range r.anchorMembers() {
		watch[member.size] = true
	}
	for _, one := range r.given {
		if one.problem == "" {
			watch[one.Size] = true
		}
	}
	if r.remembered != nil {
		watch[r.remembered.Size] = true
	}
	return watch
}
