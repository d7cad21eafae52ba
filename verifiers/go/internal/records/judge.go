package records

import (
	"encoding/hex"
	"sort"

	"clyra.dev/verify/internal/defjson"
	"clyra.dev/verify/internal/report"
	"clyra.dev/verify/internal/schema"
	"clyra.dev/verify/internal/statement"
	"clyra.dev/verify/internal/tlog"
)

const format = "def/0"

// judge reads lines in order and says what is wrong with each. Its state is that of the records that could be read.
type judge struct {
	in     Input
	result *Result
	doc    defjson.Doc
	place  int64

	prev      tlog.Hash
	prevKnown bool
	lastTS    []byte
	boot      []byte
	mono      int64
	step      bool
	counters  map[string]*int64
	future    bool
	limits    []Limit
	anchor    anchored
	endorsed  map[int64]bool
	consumed  map[string]bool

	schemaType string
	schema     *schema.Schema
	source     string
	counter    *int64
}

func newJudge(in Input) *judge {
	j := &judge{
		in: in, place: in.Frontier.Size(), mono: -1, counters: map[string]*int64{}, endorsed: map[int64]bool{},
		consumed: map[string]bool{}, anchor: anchored{seq: -1},
		result: &Result{
			Set: report.Set{}, Tally: statement.NewTally(), TimeBefore: map[int64]string{},
			Commitments: map[int64]Commitments{},
		},
	}
	if size := in.Frontier.Size(); size == 0 {
		j.prevKnown = true
	} else if size&1 == 1 {
		j.prev, j.prevKnown = in.Frontier.Last(), true // the last leaf stands alone
	}
	j.limits = append(j.limits, in.Limits...)
	sort.Slice(j.limits, func(a, b int) bool { return j.limits[a].Size < j.limits[b].Size })
	for i := len(j.limits) - 2; i >= 0; i-- { // what holds before a later size holds before an earlier one
		j.limits[i].TS = min(j.limits[i].TS, j.limits[i+1].TS)
	}
	return j
}

func (j *judge) judge(b *batch) {
	for i, line := range b.lines {
		if j.in.Meaning {
			if b.unended {
				j.fail("E_CANON", "the last line has no end")
			}
			j.line(line)
			j.prev, j.prevKnown = b.leaves[i], true
		}
		j.place++
	}
}

func (j *judge) fail(code, detail string) {
	j.result.Add(code, report.Place{Member: statement.Records, Seq: j.place, Detail: detail})
}

// line judges the bytes, the version and the schema of one record, then what it says.
func (j *judge) line(line []byte) {
	if !j.doc.Parse(line, defjson.MaxBytes) {
		j.fail(defjson.Diagnose(line, defjson.MaxBytes), "")
		return
	}
	root := j.doc.Root()
	if version := root.Get("v"); !version.Is(format) {
		code := "E_SCHEMA"
		if version.Exists() {
			code = "I_VERSION"
		}
		j.fail(code, "not a def/0 record")
		return
	}
	typ := root.Get("typ")
	if j.schema == nil || !typ.Is(j.schemaType) {
		j.schemaType = typ.Text()
		j.schema = schema.Records[j.schemaType]
	}
	known := j.schema != nil && typ.Kind() == defjson.String
	own := schema.Envelope
	if known {
		own = j.schema
	}
	if !own.Valid(root) {
		j.fail("E_SCHEMA", "it does not satisfy its schema")
		return
	}
	if !known {
		j.fail("W_TYPE_UNKNOWN", "")
	}
	j.record(root)
}

// top holds the members of a record that every record has, found in one walk.
type top struct {
	appr, boot, data, mono, origin, prev, seq, src, ts, verdict defjson.Value
}

func open(root defjson.Value) top {
	var t top
	for member := root.First(); member.Exists(); member = member.Next(root) {
		switch string(member.Key()) {
		case "appr":
			t.appr = member
		case "boot":
			t.boot = member
		case "data":
			t.data = member
		case "mono_us":
			t.mono = member
		case "origin":
			t.origin = member
		case "prev":
			t.prev = member
		case "seq":
			t.seq = member
		case "src":
			t.src = member
		case "ts":
			t.ts = member
		case "verdict":
			t.verdict = member
		}
	}
	return t
}

// record judges one that can be read: is it in its place, in order, and does it agree with the others?
func (j *judge) record(root defjson.Value) {
	t := open(root)
	typ := j.schemaType
	if !t.origin.Is(j.in.Origin) {
		j.fail("E_ORIGIN", "")
	}
	if t.seq.Int() != j.place {
		j.fail("E_SEQ", "")
	}
	if j.prevKnown && !sameHex(t.prev.Bytes(), j.prev) {
		j.fail("E_PREV", "the record before it is not the one that stood here")
	}
	ts := t.ts.Bytes()
	j.time(t, ts, typ)
	j.sourceCounter(t.src)
	j.special(typ, root, t, string(ts))
	if j.anchor.seq >= 0 && j.anchor.since == "" && typ != "sys.anchor" && typ != "def.anchor" {
		j.anchor.since = string(ts)
	}
	j.result.Tally.Add(root, typ, j.source, t.src.Get("seq").Int(), j.result.LastTS, t.verdict.Get("policy_sha256").Bytes())
	if j.in.Watch[j.place+1] {
		j.result.TimeBefore[j.place+1] = string(ts)
	}
	if j.in.Disclosed[j.place] {
		j.result.Commitments[j.place] = commitments(root, t.data)
	}
}

func sameHex(text []byte, hash tlog.Hash) bool {
	var wanted [2 * tlog.HashSize]byte
	hex.Encode(wanted[:], hash[:])
	return string(text) == string(wanted[:])
}

func (j *judge) time(t top, ts []byte, typ string) {
	mono := t.mono.Int()
	if string(ts) < string(j.lastTS) && !j.step {
		j.fail("E_TS_ROLLBACK", "")
	}
	if boot := t.boot.Bytes(); string(boot) == string(j.boot) {
		if mono <= j.mono {
			j.fail("E_MONO", "")
		}
	} else {
		j.boot = append(j.boot[:0], boot...)
	}
	if string(ts) != string(j.lastTS) {
		j.lastTS = append(j.lastTS[:0], ts...)
		j.result.LastTS = string(ts)
	}
	j.mono, j.step = mono, typ == "sys.clock"
	if j.result.FirstTS == "" {
		j.result.FirstTS = j.result.LastTS
	}
	for len(j.limits) > 0 && j.limits[0].Size <= j.place {
		j.limits = j.limits[1:]
	}
	if len(j.limits) > 0 && !j.future && string(ts) > j.limits[0].TS {
		j.future = true
		j.fail("E_TS_FUTURE", "")
	}
}

func (j *judge) sourceCounter(src defjson.Value) {
	name, number := src.Get("id"), src.Get("seq").Int()
	if j.counter == nil || !name.Is(j.source) {
		j.source = name.Text()
		j.counter = j.counters[j.source]
		if j.counter == nil {
			j.counter = new(int64)
			j.counters[j.source] = j.counter
			*j.counter = number
			return
		}
	}
	if number != *j.counter+1 {
		j.fail("E_SRC_GAP", "the counter of source "+j.source+" jumps")
	}
	*j.counter = number
}
