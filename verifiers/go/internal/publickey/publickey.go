// Package publickey knows the public keys of the format: one form, one key id and one verification rule for each
// algorithm. The algorithm comes from the trusted side, never from the message.
package publickey

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"math/big"
)

// Algorithms.
const (
	Ed25519 = "ed25519"
	P256    = "ecdsa-p256-sha256"
	RSA     = "rsa-pkcs1-sha256"
)

var (
	edPrefix, _   = hex.DecodeString("302a300506032b6570032100")
	p256Prefix, _ = hex.DecodeString("3059301306072a8648ce3d020106082a8648ce3d030107034200")
	prime         = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	smallOrder    = []string{
		"0",
		"1",
		"2707385501144840649318225287225658788936804267575313519463743609750303402022",
		"55188659117513257062467267217118295137698188065244968500265048394206261417927",
	}
)

// A Key is a public key: 32 bytes, a 65-byte uncompressed point, or an SPKI (DER).
type Key struct {
	Algorithm string
	Public    []byte
}

// ID is hex SHA-256 of the key's SPKI.
func (k Key) ID() string {
	var spki []byte
	switch k.Algorithm {
	case Ed25519:
		spki = append(spki, edPrefix...)
	case P256:
		spki = append(spki, p256Prefix...)
	}
	digest := sha256.Sum256(append(spki, k.Public...))
	return hex.EncodeToString(digest[:])
}

// Weak says that a key must not be trusted: malformed, not canonical, of small order, too short, or unknown.
func (k Key) Weak() bool {
	switch k.Algorithm {
	case Ed25519:
		return weakEd25519(k.Public)
	case P256:
		_, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), k.Public)
		return err != nil
	case RSA:
		return parseRSA(k.Public) == nil
	}
	return true
}

// weakEd25519 refuses encodings that are not canonical, and the points of small order: with them one signature fits
// many messages (RFC 8032 section 5.1.7).
func weakEd25519(public []byte) bool {
	if len(public) != ed25519.PublicKeySize {
		return true
	}
	reversed := bytes.Clone(public)
	for i, j := 0, len(reversed)-1; i < j; i, j = i+1, j-1 {
		reversed[i], reversed[j] = reversed[j], reversed[i]
	}
	reversed[0] &= 0x7f
	y := new(big.Int).SetBytes(reversed)
	if y.Cmp(new(big.Int).Sub(prime, big.NewInt(1))) >= 0 { // p-1 itself is of order two
		return true
	}
	for _, text := range smallOrder {
		if y.String() == text {
			return true
		}
	}
	return false
}

// Verifies says whether signature is the key's over message.
func (k Key) Verifies(signature, message []byte) bool {
	switch k.Algorithm {
	case Ed25519:
		return len(k.Public) == ed25519.PublicKeySize && len(signature) == ed25519.SignatureSize &&
			!weakEd25519(signature[:32]) && ed25519.Verify(k.Public, message, signature)
	case P256:
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), k.Public)
		digest := sha256.Sum256(message)
		return err == nil && strictDER(signature) && ecdsa.VerifyASN1(key, digest[:], signature)
	case RSA:
		key := parseRSA(k.Public)
		digest := sha256.Sum256(message)
		return key != nil && rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], signature) == nil
	}
	return false
}

// strictDER demands the one minimal form, with both numbers in 1..n-1.
func strictDER(signature []byte) bool {
	var pair struct{ R, S *big.Int }
	rest, err := asn1.Unmarshal(signature, &pair)
	if err != nil || len(rest) != 0 {
		return false
	}
	order := elliptic.P256().Params().N
	for _, number := range []*big.Int{pair.R, pair.S} {
		if number.Sign() <= 0 || number.Cmp(order) >= 0 {
			return false
		}
	}
	again, err := asn1.Marshal(pair)
	return err == nil && bytes.Equal(again, signature)
}

func parseRSA(public []byte) *rsa.PublicKey {
	parsed, err := x509.ParsePKIXPublicKey(public)
	if err != nil {
		return nil
	}
	key, ok := parsed.(*rsa.PublicKey)
	if !ok || key.N.BitLen() < 2048 || key.N.BitLen() > 8192 || key.E != 65537 {
		return nil
	}
	again, err := x509.MarshalPKIXPublicKey(key)
	if err != nil || !bytes.Equal(again, public) {
		return nil
	}
	return key
}

// DERFromHalves turns the two halves of a JWS ES256 signature (RFC 7518 section 3.4) into DER; nil if there are not 64
// bytes.
func DERFromHalves(signature []byte) []byte {
	if len(signature) != 64 {
		return nil
	}
	pair := struct{ R, S *big.Int }{new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])}
	der, err := asn1.Marshal(pair)
	if err != nil {
		return nil
	}
	return der
}
