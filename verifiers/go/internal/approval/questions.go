package approval

import (
	"crypto/sha256"
	"encoding/hex"
	"time"

	"clyra.dev/verify/internal/defjson"
	"clyra.dev/verify/internal/records"
)

// questions need only the certificate and the record. Each gives a code, or "" when it passes.
var questions = []func(*certificate, records.Consume) string{
	segregation, payload, action, notYet, expired, policy, nonce,
}

func segregation(one *certificate, _ records.Consume) string {
	duties := one.predicate.Get("sod")
	if !duties.Get("distinct").Bool() || duties.Get("requester_c").Is(one.predicate.Get("approver").Get("sub_c").Text()) {
		return "E_APPROVAL_SOD"
	}
	return ""
}

func payload(one *certificate, record records.Consume) string {
	approved := one.predicate.Get("payload").Get("sha256").Text()
	if record.Payload != approved || one.payload != approved {
		return "E_APPROVAL_PAYLOAD"
	}
	return ""
}

func action(one *certificate, record records.Consume) string {
	approved := one.predicate.Get("action")
	digest := sha256.Sum256(approved.Raw())
	same := hex.EncodeToString(digest[:]) == one.actionDigest &&
		approved.Get("op").Is(record.Op) && approved.Get("target").Is(record.Target) &&
		(!approved.Get("method").Exists() || approved.Get("method").Is(record.Method)) &&
		(!approved.Get("host").Exists() || record.HasHost && approved.Get("host").Is(record.Host)) &&
		sameOptional(approved.Get("tool"), record.Tool, record.HasTool) &&
		sameOptional(approved.Get("tenant"), record.Tenant, record.HasTenant)
	if !same {
		return "E_APPROVAL_ACTION"
	}
	return ""
}

func sameOptional(approved defjson.Value, text string, has bool) bool {
	return approved.Exists() == has && (!has || approved.Is(text))
}

func notYet(one *certificate, record records.Consume) string {
	if record.TS < moment(one.predicate.Get("challenge").Get("iat").Int()) {
		return "E_APPROVAL_NOT_YET"
	}
	return ""
}

func expired(one *certificate, record records.Consume) string {
	if record.TS > moment(one.predicate.Get("challenge").Get("exp").Int()) {
		return "E_APPROVAL_EXPIRED"
	}
	return ""
}

// moment writes seconds since the epoch as records write time.
func moment(seconds int64) string {
	return time.Unix(seconds, 0).UTC().Format("2006-01-02T15:04:05") + ".000000Z"
}

func policy(one *certificate, record records.Consume) string {
	if !one.predicate.Get("decision").Is("grant") || !one.predicate.Get("policy").Get("sha256").Is(record.Policy) {
		return "E_APPROVAL_POLICY"
	}
	return ""
}

// factorsShown wants what the certificate claims about authentication to have been shown.
func (c *certificate) factorsShown(proofs []proof) bool {
	approver := c.predicate.Get("approver")
	multiple, authenticator := false, false
	for _, one := range proofs {
		multiple = multiple || one.userVerified || one.multiFactor
		authenticator = authenticator || one.kind == webauthn
	}
	if onlySessions(proofs) {
		multiple = false
		for _, method := range approver.Get("amr").Items() {
			multiple = multiple || method.Is("mfa")
		}
	}
	return (!approver.Get("mfa").Bool() || multiple) && (!approver.Get("phishing_resistant").Bool() || authenticator)
}

func onlySessions(proofs []proof) bool {
	for _, one := range proofs {
		if one.kind != session {
			return false
		}
	}
	return true
}

// quorumReached wants as many persons among the certificates used together as the certificate needs.
func (c *certificate) quorumReached(together []*certificate) bool {
	need := c.predicate.Get("quorum").Get("need").Int()
	persons := map[string]bool{}
	for _, one := range together {
		if one.group == c.group {
			persons[one.predicate.Get("approver").Get("sub_c").Text()] = true
		}
	}
	return need <= 1 || c.group != "" && int64(len(persons)) >= need
}
