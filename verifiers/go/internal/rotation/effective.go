package rotation

import (
	"clyra.dev/verify/internal/publickey"
	"clyra.dev/verify/internal/trust"
)

// Keys are in force for one bundle. A key of a statement that failed is in Failed.
type Keys struct {
	Effective []*trust.Key
	Failed    []*trust.Key
	Listed    map[string]bool // ids in the trust file
	Entries   map[int64]Entry
}

// Of are the effective keys of a role.
func (k *Keys) Of(role string) []*trust.Key { return ofRole(k.Effective, role) }

// FailedOf are the failed keys of a role.
func (k *Keys) FailedOf(role string) []*trust.Key { return ofRole(k.Failed, role) }

func ofRole(keys []*trust.Key, role string) []*trust.Key {
	var found []*trust.Key
	for _, key := range keys {
		if key.Role == role {
			found = append(found, key)
		}
	}
	return found
}

// Effective applies the entries, those of records before end, to the keys of the trust file.
func Effective(file *trust.File, origin string, end int64, entries []Entry, whole bool) (*Keys, []Problem) {
	keys := &Keys{Listed: map[string]bool{}, Entries: map[int64]Entry{}}
	var problems []Problem
	if file.Origin == origin {
		for _, key := range file.Keys {
			own := *key
			keys.Effective = append(keys.Effective, &own)
			keys.Listed[key.ID] = true
		}
	}
	for _, entry := range entries {
		keys.Entries[entry.Seq] = entry
		c := parsePayload(entry.envelope.Payload)
		code := "E_ROTATION_UNENDORSED"
		if c != nil && entry.Seq < end && keys.inPlace(c, entry.Seq, origin) {
			code = keys.judge(c, entry, file)
		}
		if code == "" {
			keys.apply(c, entry.Seq)
			continue
		}
		problems = append(problems, Problem{code, entry.Seq, "a change of keys has no effect"})
		if c != nil {
			keys.fail(c)
		}
	}
	if !whole {
		problems = append(problems, Problem{"E_ROTATION_UNENDORSED", -1, "a line is malformed or out of order"})
	}
	return keys, problems
}

func (k *Keys) fail(c *change) {
	if c.kind != "revocation" && k.find(c.id) == nil {
		k.Failed = append(without(k.Failed, c.id), &trust.Key{Key: c.key, ID: c.id, Role: c.role, Until: trust.Open, CompromisedFrom: trust.Open})
	}
}

func (k *Keys) find(id string) *trust.Key { return find(k.Effective, id) }

func find(keys []*trust.Key, id string) *trust.Key {
	for _, key := range keys {
		if key.ID == id {
			return key
		}
	}
	return nil
}

// inPlace wants a statement of this log, made before its record, about a key that is new or that the trust file lists
// in the same role.
func (k *Keys) inPlace(c *change, seq int64, origin string) bool {
	if c.origin != origin || c.size > seq+1 {
		return false
	}
	known := k.find(c.id)
	return c.kind == "revocation" || known == nil || known.Role == c.role && k.Listed[c.id]
}

// judge names the first rule a change breaks.
func (k *Keys) judge(c *change, entry Entry, file *trust.File) string {
	if c.kind == "delegation" && (c.until <= entry.Seq || c.until-entry.Seq > maxDelegation) {
		return "E_DELEGATION_RANGE"
	}
	if c.kind == "revocation" || !k.Listed[c.id] {
		if code := k.endorsement(c, entry, file); code != "" {
			return code
		}
	}
	if !c.proves(entry.Possession) {
		return "E_ROTATION_POP"
	}
	return ""
}

// endorsement checks that someone entitled has signed.
func (k *Keys) endorsement(c *change, entry Entry, file *trust.File) string {
	switch c.kind {
	case "recovery", "revocation":
		if !file.QuorumSigned(entry.envelope) || file.Origin != c.origin {
			return "E_ROTATION_UNENDORSED"
		}
		return ""
	case "rotation":
		old := k.find(c.replaces)
		if old == nil || old.Role != c.role {
			return "E_ROTATION_UNENDORSED"
		}
		return k.entitled([]*trust.Key{old}, entry, "E_ROTATION_UNENDORSED")
	}
	otherwise := "E_ROTATION_UNENDORSED"
	if len(entry.envelope.Signers(mapOf(append(k.Of("log"), k.Of("seal")...)))) > 0 {
		otherwise = "E_DELEGATION_RANGE" // a key of the log signed, but not one that may delegate
	}
	return k.entitled(k.Of("seal"), entry, otherwise)
}

// entitled is "" when one of the keys signed and may sign at the size after the record, else the code to give.
func (k *Keys) entitled(keys []*trust.Key, entry Entry, otherwise string) string {
	refusals := map[string]bool{}
	for _, id := range entry.envelope.Signers(mapOf(keys)) {
		refusals[find(keys, id).Refusal(entry.Seq+1, false)] = true
	}
	switch {
	case refusals[""]:
		return ""
	case refusals["E_KEY_COMPROMISED"]:
		return "E_KEY_COMPROMISED"
	case refusals["E_DELEGATION_RANGE"]:
		return "E_DELEGATION_RANGE"
	}
	return otherwise
}

func mapOf(keys []*trust.Key) map[string]publickey.Key {
	found := map[string]publickey.Key{}
	for _, key := range keys {
		found[key.ID] = key.Key
	}
	return found
}

// apply brings a change into force from the record after seq on.
func (k *Keys) apply(c *change, seq int64) {
	gone := c.replaces
	if c.kind == "revocation" {
		gone = c.id
	} else if k.find(c.id) == nil {
		k.Effective = append(k.Effective, &trust.Key{
			Key: c.key, ID: c.id, Role: c.role, From: seq + 1, Until: c.until, CompromisedFrom: trust.Open,
			Delegated: c.kind == "delegation",
		})
		k.Failed = without(k.Failed, c.id)
	}
	old := k.find(gone)
	if old == nil || old.Role != c.role {
		return
	}
	old.CompromisedFrom = tighter(old.CompromisedFrom, c.compromisedFrom)
	if c.kind != "revocation" || c.compromisedFrom == trust.Open {
		old.Until = tighter(old.Until, seq+1)
	}
}

func without(keys []*trust.Key, id string) []*trust.Key {
	var kept []*trust.Key
	for _, key := range keys {
		if key.ID != id {
			kept = append(kept, key)
		}
	}
	return kept
}

func tighter(one, other int64) int64 {
	if one == trust.Open {
		return other
	}
	if other == trust.Open {
		return one
	}
	return min(one, other)
}
