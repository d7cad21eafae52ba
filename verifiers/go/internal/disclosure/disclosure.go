// Package disclosure checks values that were shipped beside a bundle against what its records committed to.
package disclosure

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"

	"clyra.dev/verify/internal/defjson"
	"clyra.dev/verify/internal/note"
	"clyra.dev/verify/internal/records"
)

// MaxLine is the limit of one line.
const MaxLine = 16 << 20

// Check gives the codes of the bad lines of one disclosures/<seq>.jsonl, and the number of good ones. facts is nil when
// the record is not in the window or could not be read.
func Check(raw []byte, facts *records.Commitments) (codes []string, good int64) {
	if facts == nil {
		return []string{"E_DISCLOSURE_DIGEST"}, 0
	}
	for len(raw) > 0 {
		line, rest, ended := bytes.Cut(raw, []byte("\n"))
		raw = rest
		code := "E_DISCLOSURE_DIGEST"
		if ended && len(line) <= MaxLine {
			code = checkLine(line, facts)
		}
		if code == "" {
			good++
		} else {
			codes = append(codes, code)
		}
	}
	return codes, good
}

func checkLine(line []byte, facts *records.Commitments) string {
	var doc defjson.Doc
	if !doc.ParseSorted(line) || !doc.Root().Get("v").Is("def-disclosure/0") {
		return "E_DISCLOSURE_DIGEST"
	}
	root := doc.Root()
	switch {
	case root.Get("kind").Is("body") && root.Len() == 5:
		return checkBody(root, facts)
	case root.Get("kind").Is("sd") && root.Len() == 3:
		return checkDigest(root.Get("disclosure"), facts)
	}
	return "E_DISCLOSURE_DIGEST"
}

func checkBody(root defjson.Value, facts *records.Commitments) string {
	field, salt, value := root.Get("field"), root.Get("salt"), root.Get("value")
	key, err := hex.DecodeString(salt.Text())
	if !field.Is("req") && !field.Is("res") && !field.Is("target") || value.Kind() != defjson.String ||
		err != nil || len(key) != 32 || !salt.Is(hex.EncodeToString(key)) {
		return "E_DISCLOSURE_DIGEST"
	}
	raw, ok := note.StrictBase64(value.Text())
	if !ok {
		return "E_DISCLOSURE_DIGEST"
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(raw)
	if facts.Fields[field.Text()] != hex.EncodeToString(mac.Sum(nil)) {
		return "E_COMMITMENT"
	}
	return ""
}

func checkDigest(disclosure defjson.Value, facts *records.Commitments) string {
	if disclosure.Kind() != defjson.String || !isBase64url(disclosure.Bytes()) {
		return "E_DISCLOSURE_DIGEST"
	}
	digest := sha256.Sum256(disclosure.Bytes())
	if !facts.SD[base64.RawURLEncoding.EncodeToString(digest[:])] {
		return "E_DISCLOSURE_DIGEST"
	}
	return ""
}

func isBase64url(text []byte) bool {
	for _, c := range text {
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return len(text) > 0
}
