package approval

import (
	"strings"

	"clyra.dev/verify/internal/publickey"
	"clyra.dev/verify/internal/records"
	"clyra.dev/verify/internal/statement"
	"clyra.dev/verify/internal/trust"
)

// A Finding is one code about a consume record.
type Finding struct{ Code, Member, Detail string }

// A Check judges the approvals of one window. Certificates are added first, then records in their order.
type Check struct {
	// Consumed records; Valid are those whose certificates all hold, OperatorAsserted those of them that rest on the
	// operator's word.
	Consumed, Valid, OperatorAsserted int64

	start  int64
	keys   map[string]*trust.Key
	known  map[string]*certificate
	broken map[string]bool
	lost   map[string]bool // members that could not be read: the container has said why
	byID   map[string][]*certificate
	used   map[string]bool
}

// New starts a check. keys are the effective ones.
func New(start int64, keys []*trust.Key) *Check {
	c := &Check{
		start: start, keys: map[string]*trust.Key{}, known: map[string]*certificate{}, broken: map[string]bool{},
		lost: map[string]bool{}, byID: map[string][]*certificate{}, used: map[string]bool{},
	}
	for _, key := range keys {
		c.keys[key.ID] = key
	}
	return c
}

// Add takes a member; nil is one that could not be read.
func (c *Check) Add(member string, raw []byte) {
	digest := strings.TrimSuffix(strings.TrimPrefix(member, folder), suffix)
	if raw == nil {
		c.lost[digest] = true
		return
	}
	parsed := parse(raw)
	if parsed == nil || memberName(parsed.digest) != member {
		c.broken[digest] = true
		return
	}
	c.known[digest] = parsed
	c.byID[parsed.id] = append(c.byID[parsed.id], parsed)
}

// Consume judges one record.
func (c *Check) Consume(record records.Consume) []Finding {
	var found []Finding
	c.Consumed++
	if c.Consumed == 1 && c.start > 0 {
		found = append(found, Finding{"W_APPROVAL_GLOBAL_UNCHECKED", statement.Records, ""})
	}
	var together []*certificate
	for _, digest := range record.Certificates {
		if one := c.known[digest]; one != nil {
			together = append(together, one)
		}
	}
	held, asserted := true, false
	for _, digest := range record.Certificates {
		if c.lost[digest] {
			held = false
			continue
		}
		proofs, code := c.judge(digest, record, together)
		if code != "" {
			held = false
			found = append(found, Finding{code, memberName(digest), ""})
			continue
		}
		if onlySessions(proofs) {
			asserted = true
			found = append(found, Finding{"W_APPROVAL_OPERATOR_ASSERTED", memberName(digest), ""})
		}
		if c.known[digest].predicate.Get("payload").Get("c14n").Is("raw") {
			found = append(found, Finding{"W_PAYLOAD_RAW", memberName(digest), ""})
		}
	}
	c.used[record.ID] = true
	for _, one := range together {
		c.used[one.id] = true
	}
	if held {
		c.Valid++
		if asserted {
			c.OperatorAsserted++
		}
	}
	return found
}

// judge asks all questions about one certificate and gives the code of the first it fails.
func (c *Check) judge(digest string, record records.Consume, together []*certificate) ([]proof, string) {
	one, code := c.find(digest, record)
	if code != "" {
		return nil, code
	}
	keys, ok := c.bindingKeys(one, record.Seq)
	if !ok {
		return nil, "E_APPROVAL_APPROVER"
	}
	for _, question := range questions {
		if code := question(one, record); code != "" {
			return nil, code
		}
	}
	proofs, ok := one.prove(keys)
	switch {
	case !ok:
		return nil, "E_APPROVAL_BINDING"
	case !one.factorsShown(proofs):
		return nil, "E_APPROVAL_MFA"
	case !one.quorumReached(together):
		return nil, "E_APPROVAL_QUORUM"
	}
	return proofs, ""
}

// find asks whether the certificate is there, is the only one, is signed and was not used before.
func (c *Check) find(digest string, record records.Consume) (*certificate, string) {
	if c.broken[digest] {
		return nil, "E_APPROVAL_SIG"
	}
	one := c.known[digest]
	if one == nil || digest == record.Certificates[0] && one.id != record.ID {
		return nil, "E_APPROVAL_MISSING"
	}
	for _, other := range c.byID[one.id] {
		if other.digest != digest && (other.group == "" || other.group != one.group) {
			return nil, "E_APPROVAL_AMBIGUOUS"
		}
	}
	if !c.sealed(one, record.Seq) {
		return nil, "E_APPROVAL_SIG"
	}
	if c.used[one.id] {
		return nil, "E_APPROVAL_REUSED"
	}
	return one, ""
}

// sealed wants every signature good and by a seal key, one of them not compromised. A key may have retired since.
func (c *Check) sealed(one *certificate, size int64) bool {
	seals := map[string]publickey.Key{}
	for id, key := range c.keys {
		if key.Role == "seal" {
			seals[id] = key.Key
		}
	}
	signers := one.envelope.Signers(seals)
	good := false
	for _, id := range signers {
		good = good || c.keys[id].Refusal(size, false) != "E_KEY_COMPROMISED"
	}
	return good && len(signers) == len(one.envelope.Signatures)
}

// bindingKeys are the keys of the bindings, nil for a session; not ok when one is not this approver's.
func (c *Check) bindingKeys(one *certificate, size int64) ([]*trust.Key, bool) {
	approver := one.predicate.Get("approver")
	issuer, subject := approver.Get("iss").Text(), approver.Get("sub_c").Text()
	var keys []*trust.Key
	for _, binding := range one.predicate.Get("binding").Items() {
		kind := binding.Get("kind").Text()
		if kind == session {
			keys = append(keys, nil)
			continue
		}
		key := c.keys[binding.Get("key").Text()]
		if key == nil || key.Refusal(size, false) != "" || !belongs(key, kind, issuer, subject) {
			return nil, false
		}
		keys = append(keys, key)
	}
	return keys, true
}

// belongs says whether an authenticator's key names its person, or a provider's key names the provider.
func belongs(key *trust.Key, kind, issuer, subject string) bool {
	named := key.Issuer != ""
	if kind == webauthn {
		named = key.Subject != "" && key.RelyingParty != ""
	}
	return key.Role == "approver_idp" && named && (key.Issuer == "" || key.Issuer == issuer) &&
		(key.Subject == "" || key.Subject == subject)
}
