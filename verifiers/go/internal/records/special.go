package records

import (
	"sort"

	"clyra.dev/verify/internal/defjson"
	"clyra.dev/verify/internal/report"
	"clyra.dev/verify/internal/rotation"
	"clyra.dev/verify/internal/statement"
)

// anchored is the last sys.anchor record. since is the time of the first record after it that is not itself about an
// anchor, "" when there is none yet: a log at rest needs no new anchor.
type anchored struct {
	seq, interval int64
	since         string
}

func (j *judge) special(typ string, root defjson.Value, t top, ts string) {
	switch typ {
	case "sys.gap":
		j.gap(t.data)
	case "sys.clock":
		j.fail("W_CLOCK_STEP", "")
	case "sys.key":
		if j.in.Keys != nil {
			j.key(t.data)
		}
	case "sys.erasure":
		j.result.Erased++
		j.fail("W_ERASED", "")
	case "sys.anchor":
		j.anchorInterval(ts)
		j.anchor = anchored{j.place, t.data.Get("interval_s").Int(), ""}
	case "pef.approval.consume":
		consume := readConsume(root, j.place, ts)
		j.consumed[consume.ID] = true
		j.result.Consumes = append(j.result.Consumes, consume)
		return
	}
	if t.appr.Exists() && j.in.Start == 0 && j.in.Keys != nil && t.appr.Get("state").Is("consumed") && !j.consumed[t.appr.Get("id").Text()] {
		j.fail("E_APPROVAL_MISSING", "its approval was not consumed before it")
	}
}

func (j *judge) gap(data defjson.Value) {
	source, first, last := data.Get("source").Text(), data.Get("first").Int(), data.Get("last").Int()
	known := j.counters[source]
	if known == nil {
		known = new(int64)
		j.counters[source] = known
	} else if first != *known+1 {
		j.fail("E_SRC_GAP", "the declared gap of source "+source+" does not follow its last event")
	}
	*known = last
	j.fail("W_GAP_DECLARED", "events of source "+source)
}

// key wants the statement of a change, or a place in the trust file.
func (j *judge) key(data defjson.Value) {
	digest := data.Get("statement_sha256")
	if digest.Exists() {
		j.endorsed[j.place] = true
		entry, found := j.in.Keys.Entries[j.place]
		if !found || !digest.Is(entry.Digest) || data.Get("possession").Text() != entry.Possession {
			j.fail("E_ROTATION_UNENDORSED", "no statement goes with it")
		}
	} else if data.Get("state").Is("active") && !j.in.Keys.Listed[data.Get("keyid").Text()] {
		j.fail("E_ROTATION_UNENDORSED", "the trust file does not know this key")
	}
}

// Finish adds what can be said only after the last record.
func (j *judge) finish() {
	if !j.in.Meaning {
		return
	}
	j.anchorInterval(j.result.LastTS)
	j.result.IntervalSeconds = j.anchor.interval
	if j.in.Keys == nil {
		return
	}
	for _, seq := range sortedSeqs(j.in.Keys.Entries) {
		if seq >= j.in.Start && seq < j.place && !j.endorsed[seq] {
			j.result.Add("E_ROTATION_UNENDORSED", report.Place{Member: rotation.Member, Seq: seq, Detail: "no record carries it"})
		}
	}
}

func sortedSeqs(entries map[int64]rotation.Entry) []int64 {
	var seqs []int64
	for seq := range entries {
		seqs = append(seqs, seq)
	}
	sort.Slice(seqs, func(a, b int) bool { return seqs[a] < seqs[b] })
	return seqs
}

// anchorInterval complains when more than twice the interval has passed since there was something new to anchor.
func (j *judge) anchorInterval(ts string) {
	if j.anchor.since != "" && Micros(ts)-Micros(j.anchor.since) > 2*j.anchor.interval*1_000_000 {
		place := report.Place{Member: statement.Records, Seq: j.anchor.seq, Detail: "the next one is late"}
		j.result.Add("W_ANCHOR_OVERDUE", place)
	}
}
