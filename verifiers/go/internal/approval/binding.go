package approval

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"

	"clyra.dev/verify/internal/defjson"
	"clyra.dev/verify/internal/publickey"
	"clyra.dev/verify/internal/records"
	"clyra.dev/verify/internal/trust"
)

const (
	webauthn = "webauthn"
	oidc     = "oidc_nonce"
	session  = "session"

	skewSeconds  = 60
	headBytes    = 37
	userPresent  = 0x01
	userVerified = 0x04
	moreData     = 0x40 | 0x80
)

// proof is what a good binding shows.
type proof struct {
	kind         string
	userVerified bool
	multiFactor  bool
}

// challenge is what the approver had to answer: it binds the request and the payload.
func (c *certificate) challenge() string {
	payload, err := hex.DecodeString(c.predicate.Get("payload").Get("sha256").Text())
	if err != nil {
		return ""
	}
	text := append([]byte("clyra-appr/0"+c.predicate.Get("challenge").Get("nonce").Text()), payload...)
	digest := sha256.Sum256(text)
	return base64.RawURLEncoding.EncodeToString(digest[:])
}

func decode(text string) ([]byte, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	return raw, err == nil && base64.RawURLEncoding.EncodeToString(raw) == text
}

// nonce fails when a binding answers another challenge. One that cannot be read passes here and fails later.
func nonce(one *certificate, _ records.Consume) string {
	for _, binding := range one.predicate.Get("binding").Items() {
		var answered any
		switch binding.Get("kind").Text() {
		case webauthn:
			answered = decodeObject(binding.Get("client_data").Text())["challenge"]
		case oidc:
			answered = decodeObject(strings.Split(binding.Get("id_token").Text(), ".")[1])["nonce"]
		}
		if text, ok := answered.(string); ok && text != one.challenge() {
			return "E_APPROVAL_NONCE"
		}
	}
	return ""
}

func decodeObject(text string) map[string]any {
	raw, ok := decode(text)
	if !ok {
		return nil
	}
	return readObject(raw)
}

// prove checks every binding; there must be one.
func (c *certificate) prove(keys []*trust.Key) ([]proof, bool) {
	bindings := c.predicate.Get("binding").Items()
	var proofs []proof
	for i, binding := range bindings {
		var one proof
		ok := true
		switch binding.Get("kind").Text() {
		case session:
			one = proof{kind: session}
		case webauthn:
			one, ok = proveAssertion(binding, keys[i])
		default:
			one, ok = c.proveToken(binding, keys[i])
		}
		if !ok {
			return nil, false
		}
		proofs = append(proofs, one)
	}
	return proofs, len(proofs) > 0
}

var originForm = regexp.MustCompile(`^(?:https://([a-z0-9.-]{1,253})(?::[0-9]{1,5})?|http://(localhost)(?::[0-9]{1,5})?)$`)

// proveAssertion follows W3C WebAuthn Level 3, section 7.2, for a registered key.
func proveAssertion(binding defjson.Value, key *trust.Key) (proof, bool) {
	raw, ok1 := decode(binding.Get("client_data").Text())
	data, ok2 := decode(binding.Get("authenticator_data").Text())
	signature, ok3 := decode(binding.Get("signature").Text())
	client := readObject(raw)
	if !ok1 || !ok2 || !ok3 || client == nil || client["type"] != "webauthn.get" {
		return proof{}, false
	}
	if _, isText := client["challenge"].(string); !isText {
		return proof{}, false
	}
	if crossed, given := client["crossOrigin"]; given && crossed != false {
		return proof{}, false
	}
	site := sha256.Sum256([]byte(key.RelyingParty))
	if !isOriginOf(client["origin"], key.RelyingParty) || len(data) < headBytes || !bytes.Equal(data[:32], site[:]) {
		return proof{}, false
	}
	flags := data[32]
	if flags&userPresent == 0 || len(data) > headBytes && flags&moreData == 0 {
		return proof{}, false
	}
	digest := sha256.Sum256(raw)
	one := proof{kind: webauthn, userVerified: flags&userVerified != 0}
	return one, key.Verifies(signature, append(data, digest[:]...))
}

func isOriginOf(origin any, site string) bool {
	text, isText := origin.(string)
	match := originForm.FindStringSubmatch(text)
	if !isText || match == nil || site == "" {
		return false
	}
	host := match[1] + match[2]
	return host == site || strings.HasSuffix(host, "."+site)
}

// proveToken checks an ID token (OpenID Connect Core 1.0, RFC 7515) that an archived key of the provider signed.
func (c *certificate) proveToken(binding defjson.Value, key *trust.Key) (proof, bool) {
	parts := strings.Split(binding.Get("id_token").Text(), ".")
	header, claims := decodeObject(parts[0]), decodeObject(parts[1])
	signature, ok := decode(parts[2])
	if !ok || header == nil || claims == nil || !algorithmFits(header["alg"], key.Algorithm) {
		return proof{}, false
	}
	if _, critical := header["crit"]; critical {
		return proof{}, false
	}
	if _, isText := claims["nonce"].(string); !isText || !c.claimsFit(claims, binding.Get("subject_salt").Text()) {
		return proof{}, false
	}
	if key.Algorithm == publickey.P256 {
		if signature = publickey.DERFromHalves(signature); signature == nil {
			return proof{}, false
		}
	}
	_, shown := claims["amr"]
	multi := false
	for _, method := range c.predicate.Get("approver").Get("amr").Items() { // the token's, as they are equal
		multi = multi || shown && method.Is("mfa")
	}
	return proof{kind: oidc, multiFactor: multi}, key.Verifies(signature, []byte(parts[0]+"."+parts[1]))
}

func algorithmFits(named any, algorithm string) bool {
	switch algorithm {
	case publickey.Ed25519:
		return named == "EdDSA" || named == "Ed25519"
	case publickey.P256:
		return named == "ES256"
	}
	return named == "RS256"
}

// claimsFit wants the token to be about this approver, for this audience, made in the time of the challenge.
func (c *certificate) claimsFit(claims map[string]any, salt string) bool {
	approver, challenge := c.predicate.Get("approver"), c.predicate.Get("challenge")
	issuer, audience := approver.Get("iss").Text(), challenge.Get("aud").Text()
	key, err := hex.DecodeString(salt)
	subject, isText := claims["sub"].(string)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(issuer + "\x00" + subject))
	if err != nil || claims["iss"] != issuer || !isText || hex.EncodeToString(mac.Sum(nil)) != approver.Get("sub_c").Text() {
		return false
	}
	listed, _ := claims["aud"].([]any)
	if claims["aud"] == nil || listed == nil && claims["aud"] != audience || listed != nil && (len(listed) != 1 || listed[0] != audience) {
		return false
	}
	issued, ok1 := claims["iat"].(int64)
	expires, ok2 := claims["exp"].(int64)
	early, late := challenge.Get("iat").Int()-skewSeconds, challenge.Get("exp").Int()+skewSeconds
	if !ok1 || !ok2 || issued < early || issued > late || expires < issued {
		return false
	}
	return sameClaims(claims, approver)
}

// sameClaims wants what the token says about the log-in to be what the certificate says.
func sameClaims(claims map[string]any, approver defjson.Value) bool {
	if said, given := claims["auth_time"]; given {
		if !approver.Get("auth_time").Exists() && said != nil || approver.Get("auth_time").Exists() && said != approver.Get("auth_time").Int() {
			return false
		}
	}
	if said, given := claims["acr"]; given {
		if !approver.Get("acr").Exists() && said != nil || approver.Get("acr").Exists() && said != approver.Get("acr").Text() {
			return false
		}
	}
	said, given := claims["amr"]
	if !given {
		return true
	}
	listed, isList := said.([]any)
	var wanted []any
	for _, method := range approver.Get("amr").Items() {
		wanted = append(wanted, method.Text())
	}
	return isList && slices.Equal(listed, wanted)
}
