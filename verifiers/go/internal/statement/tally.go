package statement

import (
	"sort"

	"clyra.dev/verify/internal/defjson"
)

// A Tally is what a statement says about the records of its window, gathered record by record.
type Tally struct {
	counts          map[string]*int64
	sources         map[string]*Source
	policies        map[string]bool
	firstTS, lastTS string
	lastType        string
	recentType      string // of recentCount: most records are of the type of the one before
	recentCount     *int64
	recentPolicy    string
}

// A Source is one that handed records in: its own first and last counter, and how many it declared lost.
type Source struct {
	ID                string
	First, Last, Lost int64
}

// NewTally is empty.
func NewTally() *Tally {
	return &Tally{counts: map[string]*int64{}, sources: map[string]*Source{}, policies: map[string]bool{}}
}

// Add one record that satisfies its schema. Its parts are given, as the caller has them at hand.
func (t *Tally) Add(record defjson.Value, typ, source string, number int64, ts string, policy []byte) {
	if t.recentCount == nil || typ != t.recentType {
		t.recentType, t.recentCount = typ, t.counts[typ]
		if t.recentCount == nil {
			t.recentCount = new(int64)
			t.counts[typ] = t.recentCount
		}
	}
	*t.recentCount++
	if known := t.sources[source]; known == nil {
		t.sources[source] = &Source{source, number, number, 0}
	} else {
		known.Last = number
	}
	if typ == "sys.gap" {
		t.addGap(record.Get("data"))
	}
	if policy != nil && string(policy) != t.recentPolicy {
		t.recentPolicy = string(policy)
		t.policies[t.recentPolicy] = true
	}
	if t.firstTS == "" {
		t.firstTS = ts
	}
	t.lastTS = max(t.lastTS, ts)
	t.lastType = typ
}

func (t *Tally) addGap(data defjson.Value) {
	id := data.Get("source").Text()
	gap := t.sources[id]
	if gap == nil {
		gap = &Source{id, data.Get("first").Int(), data.Get("last").Int(), 0}
		t.sources[id] = gap
	}
	gap.Last = max(gap.Last, data.Get("last").Int())
	gap.Lost += data.Get("count").Int()
}

// Disagreements names the parts of the predicate that do not follow from the records.
func (t *Tally) Disagreements(predicate defjson.Value) []string {
	tail := "open"
	if t.lastType == "sys.close" {
		tail = "closed"
	}
	counts := defjson.Map{}
	for typ, count := range t.counts {
		counts[typ] = *count
	}
	parts := []struct {
		name  string
		value any
	}{
		{"counts", counts},
		{"sources", t.sourceList()},
		{"policy", t.policyList()},
		{"period", defjson.Map{"from": t.firstTS, "to": t.lastTS}},
		{"tail", tail},
	}
	var wrong []string
	for _, part := range parts {
		if string(defjson.Encode(part.value)) != string(predicate.Get(part.name).Raw()) {
			wrong = append(wrong, part.name)
		}
	}
	return wrong
}

func (t *Tally) sourceList() defjson.List {
	list := defjson.List{}
	for _, id := range sortedKeys(t.sources) {
		one := t.sources[id]
		list = append(list, defjson.Map{"id": one.ID, "first": one.First, "last": one.Last, "lost": one.Lost})
	}
	return list
}

func (t *Tally) policyList() defjson.List {
	list := defjson.List{}
	for _, digest := range sortedKeys(t.policies) {
		uri := Namespace + "/policy/" + digest
		list = append(list, defjson.Map{"uri": uri, "digest": defjson.Map{"sha256": digest}})
	}
	return list
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
