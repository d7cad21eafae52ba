package trust

import (
	"encoding/hex"

	"clyra.dev/verify/internal/defjson"
	"clyra.dev/verify/internal/note"
	"clyra.dev/verify/internal/publickey"
)

// A Key is trusted in one role. Until and CompromisedFrom are tree sizes, or Open.
type Key struct {
	publickey.Key
	ID              string
	Role            string
	From            int64
	Until           int64
	CompromisedFrom int64
	Delegated       bool
	Name            string
	SameAdmin       bool
	Issuer          string
	Subject         string
	RelyingParty    string
}

// Refusal is the code for using the key at a tree size, "" when it may be used. upperOnly leaves out the lower bound.
func (k *Key) Refusal(size int64, upperOnly bool) string {
	switch {
	case k.CompromisedFrom != Open && size >= k.CompromisedFrom:
		return "E_KEY_COMPROMISED"
	case k.Until != Open && size > k.Until && k.Delegated:
		return "E_DELEGATION_RANGE"
	case k.Until != Open && size > k.Until, !upperOnly && size < k.From:
		return "E_KEY_NOT_VALID_AT_SIZE"
	}
	return ""
}

func bound(v defjson.Value) int64 {
	if !v.Exists() {
		return Open
	}
	return v.Int()
}

// algorithms says what a key of a role may be.
func algorithmFits(role, algorithm string) bool {
	switch algorithm {
	case publickey.Ed25519:
		return true
	case publickey.P256:
		return role != "log" && role != "witness"
	case publickey.RSA:
		return role == "approver_idp"
	}
	return false
}

func readKey(item defjson.Value) (*Key, *Error) {
	role, algorithm := item.Get("role").Text(), item.Get("alg").Text()
	if !algorithmFits(role, algorithm) {
		return nil, &Error{"E_KEY_ALG", "a key of role " + role + " is of an algorithm that it may not have"}
	}
	public, err := hex.DecodeString(item.Get("pub").Text())
	key := &Key{
		Key: publickey.Key{Algorithm: algorithm, Public: public}, ID: item.Get("keyid").Text(), Role: role,
		From: item.Get("valid_from_size").Int(), Until: bound(item.Get("valid_until_size")),
		CompromisedFrom: bound(item.Get("compromised_from_size")),
		Name:            item.Get("name").Text(), SameAdmin: item.Get("same_admin").Bool(), Issuer: item.Get("iss").Text(),
		Subject: item.Get("sub_c").Text(), RelyingParty: item.Get("rp_id").Text(),
	}
	switch {
	case err != nil || key.Weak():
		return nil, &Error{"E_KEY_WEAK", "a public key is weak or not canonical"}
	case key.Key.ID() != key.ID:
		return nil, &Error{"E_TRUST_SIG", "a key id is not the digest of its key"}
	case role == "witness" && !note.IsName(key.Name):
		return nil, &Error{"E_TRUST_SIG", "a witness has no proper name"}
	}
	if key.CompromisedFrom == Open && item.Get("state").Is("compromised") {
		key.CompromisedFrom = 0
	}
	return key, nil
}
