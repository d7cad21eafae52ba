// Package report gathers what a verification found, and writes it as the DEF-JSON report that every verifier gives byte
// for byte alike: no paths, times of run or host names. The verdict is the worst of what was found.
package report

import (
	"slices"
	"sort"
	"strings"

	"clyra.dev/verify/internal/defjson"
)

const maxPlaces = 16

// Exit codes. Unreadable also stands for wrong usage.
const (
	ExitVerified      = 0
	ExitRejected      = 1
	ExitUnreadable    = 2
	ExitPrefix        = 3
	ExitIndeterminate = 4
)

// A Place says where a code applies. Seq is -1 when it is not about a record. Detail is for people.
type Place struct {
	Member string
	Seq    int64
	Detail string
}

// At is a place that is about a member as a whole.
func At(member, detail string) Place { return Place{member, -1, detail} }

// A Found is one code: how often, and its first places.
type Found struct {
	Code   string
	Count  int64
	Places []Place
}

// A Set holds findings.
type Set map[string]*Found

// Add notes one finding.
func (s Set) Add(code string, place Place) {
	found := s[code]
	if found == nil {
		if _, known := stageOf[code]; !known {
			panic("report: unknown code " + code)
		}
		found = &Found{Code: code}
		s[code] = found
	}
	found.Count++
	if len(found.Places) < maxPlaces {
		found.Places = append(found.Places, place)
	}
}

// Merge adds what another set holds, after what is there.
func (s Set) Merge(other Set) {
	for code, more := range other {
		found := s[code]
		if found == nil {
			s[code] = more
			continue
		}
		found.Count += more.Count
		room := min(maxPlaces-len(found.Places), len(more.Places))
		found.Places = append(found.Places, more.Places[:room]...)
	}
}

// Has says whether a code with one of these prefixes was found.
func (s Set) Has(prefixes ...string) bool {
	for code := range s {
		for _, prefix := range prefixes {
			if strings.HasPrefix(code, prefix) {
				return true
			}
		}
	}
	return false
}

// Ordered are the codes with these prefixes by stage, then lowest record, then name.
func (s Set) Ordered(prefixes ...string) []*Found {
	var chosen []*Found
	for code, found := range s {
		for _, prefix := range prefixes {
			if strings.HasPrefix(code, prefix) {
				chosen = append(chosen, found)
			}
		}
	}
	sort.Slice(chosen, func(i, j int) bool {
		one, other := chosen[i], chosen[j]
		if a, b := stageOf[one.Code], stageOf[other.Code]; a != b {
			return a < b
		}
		if a, b := one.Places[0].Seq, other.Places[0].Seq; a != b {
			return a < b
		}
		return one.Code < other.Code
	})
	return chosen
}

// Verdict is the worst of what was found.
func (s Set) Verdict() string {
	switch {
	case s.Has("E_"):
		return "rejected"
	case s.Has("I_"):
		return "indeterminate"
	case s.Has("P_"):
		return "prefix"
	}
	return "verified"
}

// ExitCode of a verdict.
func ExitCode(verdict string) int {
	switch verdict {
	case "verified":
		return ExitVerified
	case "rejected":
		return ExitRejected
	case "prefix":
		return ExitPrefix
	}
	return ExitIndeterminate
}

// A Report is about one bundle.
type Report struct {
	Set
	Bundle, Origin string
	Start, End     int64
	Level          string
	AnchoredEnd    int64
	AnchoredAt     string
	ExposureMicros int64
	Witnesses      []string
	Approvals      Approvals
	Erased         int64
	Disclosed      int64
	Skipped        []string

	// For words only: how often the log promises to be anchored, and what anchors AnchoredEnd.
	IntervalSeconds int64
	AnchoredBy      []string
}

// Approvals are counts: certificate members, certificates that were consumed, those of them that hold, and those of these
// that rest on the operator's word.
type Approvals struct {
	Certificates, Consumed, Valid, OperatorAsserted int64
}

func (a Approvals) document() defjson.Map {
	return defjson.Map{
		"certificates": a.Certificates, "consumed": a.Consumed,
		"operator_asserted": a.OperatorAsserted, "valid": a.Valid,
	}
}

func (r *Report) skippedOnce() []string {
	sort.Strings(r.Skipped)
	return slices.Compact(r.Skipped)
}

// New is an empty report.
func New(level string) *Report {
	return &Report{Set: Set{}, Level: level}
}

// Skip notes something that was not looked at.
func (r *Report) Skip(what string) { r.Skipped = append(r.Skipped, what) }

// Unanchored is the number of records at the end that nothing outside confirms.
func (r *Report) Unanchored() int64 { return max(0, r.End-max(r.AnchoredEnd, r.Start)) }

// Entries writes the codes with these prefixes as they stand in a report.
func (s Set) Entries(prefixes ...string) defjson.List {
	entries := defjson.List{}
	for _, found := range s.Ordered(prefixes...) {
		entry := defjson.Map{"code": found.Code, "count": found.Count}
		if place := found.Places[0]; place.Member != "" {
			entry["member"] = place.Member
		}
		if seq := found.Places[0].Seq; seq >= 0 {
			entry["seq"] = seq
		}
		entries = append(entries, entry)
	}
	return entries
}

// First is the code that is reported first, "" when there is none.
func (s Set) First() string {
	if found := s.Ordered("E_", "I_", "P_"); len(found) > 0 {
		return found[0].Code
	}
	return ""
}

// Bytes of the report.
func (r *Report) Bytes() []byte {
	document := defjson.Map{
		"report":       "def-verify/0",
		"bundle":       r.Bundle,
		"origin":       r.Origin,
		"start":        r.Start,
		"end":          r.End,
		"level":        r.Level,
		"verdict":      r.Verdict(),
		"first":        r.First(),
		"codes":        r.Entries("E_", "I_", "P_"),
		"warnings":     r.Entries("W_"),
		"anchored_end": r.AnchoredEnd,
		"unanchored":   r.Unanchored(),
		"exposure_us":  r.ExposureMicros,
		"witnesses":    texts(r.Witnesses),
		"approvals":    r.Approvals.document(),
		"erased":       r.Erased,
		"disclosed":    r.Disclosed,
		"skipped":      texts(r.skippedOnce()),
	}
	if r.AnchoredAt != "" {
		document["anchored_at"] = r.AnchoredAt
	}
	return defjson.Encode(document)
}

func texts(items []string) defjson.List {
	list := defjson.List{}
	for _, item := range items {
		list = append(list, item)
	}
	return list
}

// HasUpTo says whether a code of a stage up to the given one, with one of the prefixes, was found.
func (s Set) HasUpTo(stage int, prefixes ...string) bool {
	for code := range s {
		for _, prefix := range prefixes {
			if stageOf[code] <= stage && strings.HasPrefix(code, prefix) {
				return true
			}
		}
	}
	return false
}
