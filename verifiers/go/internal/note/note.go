// Package note reads C2SP signed notes and tlog checkpoints strictly: canonical base64, canonical decimals, no extension
// lines, a bounded number of signatures. It verifies signatures of known keys; those of unknown keys prove nothing.
package note

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"strings"
	"unicode/utf8"

	"clyra.dev/verify/internal/publickey"
	"clyra.dev/verify/internal/tlog"
)

// MaxBytes of a note.
const MaxBytes = 65536

const (
	maxSignatures = 16
	maxName       = 200
	typeEd25519   = 0x01
)

// An Error says why a note is not well formed, with an S3 code.
type Error struct{ Code, Detail string }

func (e *Error) Error() string { return e.Code + ": " + e.Detail }

func malformed(detail string) *Error { return &Error{"E_CKPT_FORMAT", detail} }

// A Signature is one signature line. Hint is its four-byte key id.
type Signature struct {
	Name  string
	Hint  [4]byte
	Value []byte
}

// A Checkpoint is a tree head with the exact text that was signed.
type Checkpoint struct {
	Origin     string
	Size       int64
	Root       tlog.Hash
	Text       []byte
	Signatures []Signature
}

// KeyHint is the four-byte key id of a note key of this signature type.
func KeyHint(name string, kind byte, public []byte) [4]byte {
	digest := sha256.Sum256(append(append([]byte(name), '\n', kind), public...))
	return [4]byte(digest[:4])
}

// Split separates the text of a note from its signatures.
func Split(raw []byte) ([]byte, []Signature, *Error) {
	if len(raw) > MaxBytes {
		return nil, nil, malformed("the note is too long")
	}
	if !utf8.Valid(raw) {
		return nil, nil, malformed("the note is not UTF-8")
	}
	for _, c := range raw {
		if c < 0x20 && c != '\n' {
			return nil, nil, malformed("the note has a control character")
		}
	}
	at := bytes.LastIndex(raw, []byte("\n\n"))
	if at < 0 || !bytes.HasSuffix(raw[at+2:], []byte("\n")) {
		return nil, nil, malformed("no signature block after an empty line")
	}
	lines := strings.Split(string(raw[at+2:len(raw)-1]), "\n")
	if len(lines) > maxSignatures {
		return nil, nil, malformed("too many signatures")
	}
	var signatures []Signature
	for _, line := range lines {
		signature, err := parseSignature(line)
		if err != nil {
			return nil, nil, err
		}
		signatures = append(signatures, signature)
	}
	return raw[:at+1], signatures, nil
}

func parseSignature(line string) (Signature, *Error) {
	mark, rest, _ := strings.Cut(line, " ")
	name, blob, found := strings.Cut(rest, " ")
	if mark != "—" || !found || !IsName(name) {
		return Signature{}, malformed("a signature line is not `— name base64`")
	}
	raw, ok := StrictBase64(blob)
	if !ok {
		return Signature{}, malformed("bad base64")
	}
	if len(raw) < 5 {
		return Signature{}, malformed("a signature is too short")
	}
	return Signature{name, [4]byte(raw[:4]), raw[4:]}, nil
}

// IsName allows neither spaces, plus nor control characters in a key name.
func IsName(name string) bool {
	count := 0
	for _, c := range name {
		count++
		switch {
		case c <= 0x20, c == '+', c >= 0x7f && c <= 0xa0, c == 0x1680, c >= 0x2000 && c <= 0x200a:
			return false
		case c == 0x2028, c == 0x2029, c == 0x202f, c == 0x205f, c == 0x3000:
			return false
		}
	}
	return count >= 1 && count <= maxName
}

// ParseCheckpoint reads a signed checkpoint. It verifies nothing.
func ParseCheckpoint(raw []byte) (*Checkpoint, *Error) {
	text, signatures, err := Split(raw)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(string(text[:len(text)-1]), "\n")
	if len(lines) > 3 {
		return nil, &Error{"E_CKPT_EXT", "extension lines are not used in this format"}
	}
	if len(lines) < 3 || lines[0] == "" {
		return nil, malformed("a checkpoint has three lines: origin, size, root")
	}
	size, ok := ParseSize(lines[1])
	if !ok {
		return nil, malformed("the size is not a canonical decimal")
	}
	root, ok := ParseHash(lines[2])
	if !ok {
		return nil, malformed("the root is not the base64 of 32 bytes")
	}
	return &Checkpoint{lines[0], size, root, text, signatures}, nil
}

// ParseSize reads a canonical decimal below 2^53.
func ParseSize(text string) (int64, bool) {
	if text == "" || len(text) > 16 || text[0] == '0' && len(text) > 1 {
		return 0, false
	}
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
	}
	size, err := strconv.ParseInt(text, 10, 64)
	return size, err == nil && size < 1<<53
}

// ParseHash reads the canonical base64 of 32 bytes.
func ParseHash(text string) (tlog.Hash, bool) {
	raw, ok := StrictBase64(text)
	if !ok || len(raw) != tlog.HashSize {
		return tlog.Hash{}, false
	}
	return tlog.Hash(raw), true
}

// StrictBase64 decodes standard base64 in its one canonical form.
func StrictBase64(text string) ([]byte, bool) {
	raw, err := base64.StdEncoding.DecodeString(text)
	return raw, err == nil && base64.StdEncoding.EncodeToString(raw) == text
}

// SignedBy says whether one of the lines under this name is the signature of an Ed25519 key.
func (c *Checkpoint) SignedBy(name string, key publickey.Key) bool {
	hint := KeyHint(name, typeEd25519, key.Public)
	for _, line := range c.Signatures {
		if line.Name == name && line.Hint == hint && key.Verifies(line.Value, c.Text) {
			return true
		}
	}
	return false
}
