package note

import (
	"encoding/binary"
	"strconv"

	"clyra.dev/verify/internal/publickey"
)

const (
	typeWitness = 0x04
	lastSecond  = 253402300799 // 9999-12-31T23:59:59Z, the last that a report can write
)

// A Cosignature is a line that claims to be by one witness. Seconds are since the epoch. Valid says that it is.
type Cosignature struct {
	Seconds int64
	Valid   bool
}

// CosignedBy are the lines with the name and key id of a witness (C2SP cosignature/v1).
func (c *Checkpoint) CosignedBy(name string, key publickey.Key) []Cosignature {
	hint := KeyHint(name, typeWitness, key.Public)
	var found []Cosignature
	for _, line := range c.Signatures {
		if line.Name == name && line.Hint == hint {
			found = append(found, c.cosignature(line.Value, key))
		}
	}
	return found
}

func (c *Checkpoint) cosignature(value []byte, key publickey.Key) Cosignature {
	if len(value) != 72 {
		return Cosignature{}
	}
	seconds := binary.BigEndian.Uint64(value)
	if seconds > lastSecond {
		return Cosignature{}
	}
	message := append([]byte("cosignature/v1\ntime "+strconv.FormatUint(seconds, 10)+"\n"), c.Text...)
	return Cosignature{int64(seconds), key.Verifies(value[8:], message)}
}
