package verify

import (
	"slices"
	"sort"
	"time"

	"clyra.dev/verify/internal/anchor"
	"clyra.dev/verify/internal/records"
	"clyra.dev/verify/internal/trust"
)

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
