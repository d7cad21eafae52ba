package verify

import (
	"bytes"
	"slices"
	"sort"
	"strconv"
	"time"

	"clyra.dev/verify/internal/anchor"
	"clyra.dev/verify/internal/note"
	"clyra.dev/verify/internal/records"
	"clyra.dev/verify/internal/statement"
	"clyra.dev/verify/internal/tlog"
	"clyra.dev/verify/internal/trust"
)

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

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

// judgeWitnesses counts cosignatures on the notes whose roots are right.
func (r *run) judgeWitnesses() {
	if r.keys == nil {
		return
	}
	notes := r.accepted
	if r.treeEnd != nil {
		notes = append([]*anchor.Source{r.treeEnd}, notes...)
	}
	bySize := map[int64]map[*trust.Key]int64{}
	for _, one := range notes {
		if one.Size > r.Start {
			r.countWitnesses(one, bySize)
		}
	}
	least := max(r.trust.WitnessNeed, 1)
	largest := int64(0)
	for size, times := range bySize {
		if int64(len(earliest(times))) >= least {
			r.anchor(size, "witnesses")
			largest = max(largest, size)
		}
	}
	if largest == 0 {
		if r.trust.WitnessNeed > 0 {
			r.fail("E_WITNESS_QUORUM", "", "")
		}
		return
	}
	sameAdmin := true
	for key := range bySize[largest] {
		sameAdmin = sameAdmin && key.SameAdmin
	}
	if sameAdmin {
		r.fail("W_WITNESS_SAME_ADMIN", "", "")
	}
	if largest == r.largestAnchored() {
		r.name(earliest(bySize[largest]), least)
	}
}

func (r *run) countWitnesses(one *anchor.Source, bySize map[int64]map[*trust.Key]int64) {
	for _, key := range r.keys.Of("witness") {
		for _, line := range one.Note.CosignedBy(key.Name, key.Key) {
			if !line.Valid {
				r.fail("E_WITNESS_SIG", one.Member, key.Name)
				continue
			}
			if key.Refusal(one.Size, false) != "" {
				continue
			}
			if bySize[one.Size] == nil {
				bySize[one.Size] = map[*trust.Key]int64{}
			}
			if known, ok := bySize[one.Size][key]; !ok || line.Seconds < known {
				bySize[one.Size][key] = line.Seconds
			}
		}
	}
}

// earliest time by name of the witness.
func earliest(times map[*trust.Key]int64) map[string]int64 {
	found := map[string]int64{}
	for key, seconds := range times {
		if known, ok := found[key.Name]; !ok || seconds < known {
			found[key.Name] = seconds
		}
	}
	return found
}

// name says which witnesses anchor the end, and since when enough of them do.
func (r *run) name(times map[string]int64, least int64) {
	var seconds []int64
	for name, one := range times {
		r.Witnesses = append(r.Witnesses, name)
		seconds = append(seconds, one)
	}
	sort.Strings(r.Witnesses)
	slices.Sort(seconds)
	r.AnchoredAt = stamp(seconds[least-1])
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

func stamp(seconds int64) string {
	return time.Unix(seconds, 0).UTC().Format("2006-01-02T15:04:05") + ".000000Z"
}

// timeLimits are what cosignatures say about the time of records before them, known before the records are read.
func (r *run) timeLimits() []records.Limit {
	const tolerance, latest = 300, 253402300799
	if r.keys == nil {
		return nil
	}
	var notes []*anchor.Source
	if r.treeEnd != nil {
		notes = append(notes, r.treeEnd)
	}
	for _, one := range r.inside {
		if one.problem == "" {
			notes = append(notes, one.Source)
		}
	}
	for _, one := range r.given {
		if one.problem == "" && one.Note != nil && r.inWindow(one.Size) {
			notes = append(notes, one.Source)
		}
	}
	var limits []records.Limit
	for _, one := range notes {
		for _, key := range r.keys.Of("witness") {
			if key.Refusal(one.Size, false) != "" {
				continue
			}
			for _, line := range one.Note.CosignedBy(key.Name, key.Key) {
				if line.Valid {
					limits = append(limits, records.Limit{Size: one.Size, TS: stamp(min(line.Seconds+tolerance, latest))})
				}
			}
		}
	}
	return limits
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
