package verify

import (
	"sort"
	"strings"

	"clyra.dev/verify/internal/approval"
	"clyra.dev/verify/internal/attestation"
	"clyra.dev/verify/internal/disclosure"
	"clyra.dev/verify/internal/dsse"
	"clyra.dev/verify/internal/note"
	"clyra.dev/verify/internal/records"
	"clyra.dev/verify/internal/report"
)

// under are the members of a folder by name.
func (r *run) under(folder string) []string {
	var names []string
	for _, name := range r.container.Names() {
		if strings.HasPrefix(name, folder) {
			names = append(names, name)
		}
	}
	return names
}

// approvals judges what consume records used up. Without a trust file they are only counted.
func (r *run) approvals() error {
	var members []string
	for _, name := range r.under("approvals/") {
		if strings.HasSuffix(name, ".dsse.json") {
			members = append(members, name)
		}
	}
	if r.result == nil || r.Level != "L2" {
		return nil
	}
	r.Approvals.Certificates = int64(len(members))
	r.Approvals.Consumed = int64(len(r.result.Consumes))
	if len(members) == 0 && len(r.result.Consumes) == 0 {
		return nil
	}
	if r.keys == nil {
		r.Skip("approvals")
		return nil
	}
	check := approval.New(r.Start, r.keys.Effective)
	for _, member := range members {
		raw, err := r.small(member, maxSmall)
		if err != nil {
			return err
		}
		check.Add(member, raw)
	}
	for _, consume := range r.result.Consumes {
		for _, found := range check.Consume(consume) {
			r.Add(found.Code, report.Place{Member: found.Member, Seq: consume.Seq, Detail: found.Detail})
		}
	}
	r.Approvals.Valid, r.Approvals.OperatorAsserted = check.Valid, check.OperatorAsserted
	return nil
}

const maxDisclosures = 64 << 20

// disclosureSeq is the record number that a member is about.
func disclosureSeq(name string) (int64, bool) {
	number, ok := strings.CutPrefix(name, "disclosures/")
	if !ok {
		return 0, false
	}
	number, ok = strings.CutSuffix(number, ".jsonl")
	seq, good := note.ParseSize(number)
	return seq, ok && good
}

func (r *run) disclosedSeqs() map[int64]bool {
	seqs := map[int64]bool{}
	for _, name := range r.under("disclosures/") {
		if seq, ok := disclosureSeq(name); ok {
			seqs[seq] = true
		}
	}
	return seqs
}

func (r *run) disclosures() error {
	if r.result == nil || r.Level != "L2" {
		return nil
	}
	seqs := r.disclosedSeqs()
	ordered := make([]int64, 0, len(seqs))
	for seq := range seqs {
		ordered = append(ordered, seq)
	}
	sort.Slice(ordered, func(i, j int) bool { return ordered[i] < ordered[j] })
	for _, seq := range ordered {
		if err := r.disclosed(seq); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) disclosed(seq int64) error {
	name := "disclosures/" + itoa(seq) + ".jsonl"
	raw, err := r.small(name, maxDisclosures)
	if raw == nil || err != nil {
		return err
	}
	var facts *records.Commitments
	if found, ok := r.result.Commitments[seq]; ok {
		facts = &found
	}
	codes, good := disclosure.Check(raw, facts)
	for _, code := range codes {
		r.Add(code, report.Place{Member: name, Seq: seq})
	}
	r.Disclosed += good
	return nil
}

func (r *run) attestations() error {
	if r.keys == nil {
		return nil
	}
	keys := append(r.keys.Of("auditor"), r.keys.Of("seal")...)
	check := func(member string, raw []byte) {
		if code := attestation.Check(raw, keys, r.End, strings.TrimPrefix(r.Bundle, "sha256:")); code != "" {
			r.fail(code, member, "")
		}
	}
	for _, member := range r.under("attestations/") {
		if !isDetached(member) {
			continue
		}
		raw, err := r.small(member, dsse.MaxBytes)
		if err != nil {
			return err
		}
		if raw != nil {
			check(member, raw)
		}
	}
	for _, raw := range r.options.Statements {
		check("attestation", raw)
	}
	return nil
}
