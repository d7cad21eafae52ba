package verify

import (
	"slices"
	"strconv"

	"clyra.dev/verify/internal/anchor"
	"clyra.dev/verify/internal/note"
	"clyra.dev/verify/internal/records"
	"clyra.dev/verify/internal/statement"
	"clyra.dev/verify/internal/tlog"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

// outside is stage S9: compare every source, in a fixed order, and say how far the history is confirmed.
func (r *run) outside() error {
	if err := r.judgeInside(); err != nil {
		return err
	}
	for _, one := range r.given {
		r.judgeGiven(one)
	}
	r.judgeMemory()
	r.judgeConsistency()
	if r.tree.sound {
		r.judgeWitnesses()
	} else {
		r.Skip("anchors")
	}
	r.conclude()
	return nil
}

func (r *run) judgeInside() error {
	for _, member := range r.anchorMembers() {
		switch {
		case !r.inWindow(member.size):
			r.Skip(member.name + ": outside the window")
		case !r.tree.sound:
		case member.kind == "cosig" && r.inside[member.name] != nil:
			r.compare(r.inside[member.name])
		case member.kind == "wh.json":
			if err := r.judgeReceipt(member); err != nil {
				return err
			}
		case member.kind == "tsr":
			r.Skip(member.name + ": profile time")
		}
	}
	return nil
}

// judgeReceipt checks a def-anchor that came with the bundle. It does not anchor: its holder could have made it.
func (r *run) judgeReceipt(member anchorMember) error {
	raw, err := r.small(member.name, note.MaxBytes)
	if raw == nil || err != nil {
		return err
	}
	found := anchor.ParseDefAnchor(member.name, raw)
	if found == nil || found.Origin != r.Origin || found.Size != member.size || found.Root != r.tree.roots[member.size] {
		r.fail("E_ANCHOR_MISMATCH", member.name, "malformed, or it shows another root")
		return nil
	}
	r.Skip(member.name + ": does not anchor")
	return nil
}

func (r *run) judgeGiven(one *source) {
	switch {
	case one.problem != "":
		r.fail("E_ANCHOR_MISMATCH", one.Member, one.problem)
	case one.Size > r.End && r.options.Older:
		r.Skip(one.Member + ": newer than the bundle")
	case one.Size > r.End:
		r.fail("E_ROLLBACK", one.Member, "the log already had "+itoa(one.Size)+" records")
	case one.Size < r.Start:
		if r.proof == nil || r.proof.First != one.Size {
			r.Skip(one.Member + ": older than the window")
		}
	case r.tree.sound && r.compare(one):
		r.anchor(one.Size, "the "+one.Member+" you gave")
	}
}

// compare says whether a root is the computed one, and reports it when not.
func (r *run) compare(one *source) bool {
	switch {
	case one.problem != "":
		r.fail("E_ANCHOR_MISMATCH", one.Member, one.problem)
	case r.tree.roots[one.Size] == one.Root:
		if one.Note != nil {
			r.accepted = append(r.accepted, one.Source)
		}
		return true
	case one.Note != nil:
		r.fail("E_SPLIT_VIEW", one.Member, "at size "+itoa(one.Size))
	default:
		r.fail("E_ANCHOR_MISMATCH", one.Member, "at size "+itoa(one.Size))
	}
	return false
}

func (r *run) judgeMemory() {
	known := r.remembered
	switch {
	case known == nil:
	case known.Size > r.End && r.options.Older:
		r.Skip("memory: newer than the bundle")
	case known.Size > r.End:
		r.fail("E_ROLLBACK", "memory", "the log already had "+itoa(known.Size)+" records")
	case known.Size < r.Start:
		r.fail("E_BUNDLE_GAP", "memory", "records from "+itoa(known.Size)+" on were never seen")
	case !r.tree.sound:
	case r.tree.roots[known.Size] != known.Root:
		r.fail("E_SPLIT_VIEW", "memory", "at size "+itoa(known.Size))
	default:
		r.anchor(known.Size, "what this verifier saw before")
	}
}

// judgeConsistency holds tree/consistency against every outside root of its size.
func (r *run) judgeConsistency() {
	if r.proof == nil || !r.tree.sound {
		return
	}
	found := false
	end := r.tree.roots[r.End]
	check := func(root tlog.Hash) bool {
		found = true
		if tlog.VerifyConsistency(r.proof.First, r.End, r.proof.Proof, root, end) == nil {
			return true
		}
		r.fail("E_CONSISTENCY", statement.Consistency, "")
		return false
	}
	for _, one := range r.given {
		if one.problem == "" && one.Size == r.proof.First && check(one.Root) && one.Size < r.Start {
			r.anchor(one.Size, "the "+one.Member+" you gave")
		}
	}
	if r.remembered != nil && r.remembered.Size == r.proof.First {
		check(r.remembered.Root)
	}
	if !found {
		r.Skip(statement.Consistency + ": no outside root of its size")
	}
}

func (r *run) anchor(size int64, by string) {
	if !slices.Contains(r.anchored[size], by) {
		r.anchored[size] = append(r.anchored[size], by)
	}
}

func (r *run) largestAnchored() int64 {
	largest := int64(0)
	for size := range r.anchored {
		largest = max(largest, size)
	}
	return largest
}

// conclude says what of the end is proven and anchored, and how much history could still be remade.
func (r *run) conclude() {
	r.AnchoredEnd = r.largestAnchored()
	r.AnchoredBy = r.anchored[r.AnchoredEnd]
	if r.AnchoredEnd < r.End {
		r.fail("P_TAIL_UNANCHORED", "", "")
	}
	proven := r.container.Has(statement.TreeEnd)
	for _, one := range r.accepted {
		proven = proven || one.Size == r.End
	}
	if !proven {
		r.fail("P_END_UNPROVEN", statement.TreeEnd, "")
	}
	if r.result == nil || r.Level != "L2" || r.AnchoredEnd >= r.End || r.result.LastTS == "" {
		return
	}
	from := r.result.FirstTS
	if ts, ok := r.result.TimeBefore[r.AnchoredEnd]; ok && r.AnchoredEnd > r.Start {
		from = ts
	}
	exposure := records.Micros(r.result.LastTS) - records.Micros(from)
	r.ExposureMicros = min(max(exposure, 0), 1<<53-1)
}
