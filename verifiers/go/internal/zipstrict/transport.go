package zipstrict

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
)

// checkTransport compares every packed byte with the transport list. What differs is noted as damage.
func (a *archive) checkTransport() error {
	e := a.entries[transport]
	if e == nil {
		return refuse("E_MEMBER_MISSING", "the list of packed digests is missing", transport, -1)
	}
	if e.method != stored || e.size > maxListing {
		return refuse("E_ARCHIVE_FORMAT", "the list of packed digests is not stored plainly", transport, -1)
	}
	raw, err := io.ReadAll(unpack(a.packed(e), e))
	if err != nil {
		return err
	}
	lines := bytes.Split(raw, []byte("\n"))
	digests := make([]string, 0, len(lines))
	names := make([]string, 0, len(lines))
	for _, line := range lines[:len(lines)-1] {
		if len(line) < 66 || string(line[64:66]) != "  " || !isHex(line[:64]) || !isName(string(line[66:])) {
			return refuse("E_ARCHIVE_FORMAT", "the list of packed digests is malformed", transport, -1)
		}
		digests, names = append(digests, string(line[:64])), append(names, string(line[66:]))
	}
	if len(lines[len(lines)-1]) != 0 {
		return refuse("E_ARCHIVE_FORMAT", "the list of packed digests is malformed", transport, -1)
	}
	if len(names) != len(a.names) {
		return refuse("E_ARCHIVE_FORMAT", "the list of packed digests names other members", transport, -1)
	}
	for i, name := range names {
		if name != a.names[i] {
			return refuse("E_ARCHIVE_FORMAT", "the list of packed digests names other members", transport, -1)
		}
	}
	return a.comparePacked(digests)
}

func (a *archive) comparePacked(digests []string) error {
	for i, name := range a.names {
		e := a.entries[name]
		digest := sha256.New()
		if _, err := io.Copy(digest, a.packed(e)); err != nil {
			return err
		}
		if hex.EncodeToString(digest.Sum(nil)) != digests[i] {
			first := int64(e.offset) + int64(len(e.local()))
			a.damage = append(a.damage, refuse("E_ARCHIVE_FORMAT", "its packed bytes are damaged", name, first))
		}
	}
	return nil
}

func isHex(text []byte) bool {
	for _, c := range text {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
