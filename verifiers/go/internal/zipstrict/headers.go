package zipstrict

import (
	"bytes"
	"encoding/binary"
)

var le = binary.LittleEndian

// entry is one member as the central directory has it. offset is that of its local header.
type entry struct {
	name         string
	method       uint16
	crc          uint32
	packed, size uint64
	offset       uint64
}

func (e *entry) zip64() bool { return e.packed >= big32 || e.size >= big32 }

func (e *entry) version() uint16 {
	if e.zip64() || e.offset >= big32 {
		return 45
	}
	return 20
}

// shared are the fields that both headers have, from the version on.
func (e *entry) shared(out []byte, extra int) []byte {
	packed, size := uint32(e.packed), uint32(e.size)
	if e.zip64() {
		packed, size = big32, big32
	}
	out = le.AppendUint16(out, e.version())
	out = le.AppendUint16(out, 0)
	out = le.AppendUint16(out, e.method)
	out = le.AppendUint16(out, 0)
	out = le.AppendUint16(out, dosDate)
	out = le.AppendUint32(out, e.crc)
	out = le.AppendUint32(out, packed)
	out = le.AppendUint32(out, size)
	out = le.AppendUint16(out, uint16(len(e.name)))
	return le.AppendUint16(out, uint16(extra))
}

func extraOf(values ...uint64) []byte {
	if len(values) == 0 {
		return nil
	}
	out := le.AppendUint16(le.AppendUint16(nil, 1), uint16(8*len(values)))
	for _, value := range values {
		out = le.AppendUint64(out, value)
	}
	return out
}

func (e *entry) local() []byte {
	var extra []byte
	if e.zip64() {
		extra = extraOf(e.size, e.packed)
	}
	out := e.shared([]byte("PK\x03\x04"), len(extra))
	return append(append(out, e.name...), extra...)
}

func (e *entry) central() []byte {
	var values []uint64
	if e.zip64() {
		values = append(values, e.size, e.packed)
	}
	if e.offset >= big32 {
		values = append(values, e.offset)
	}
	extra := extraOf(values...)
	out := le.AppendUint16([]byte("PK\x01\x02"), 3<<8|e.version())
	out = e.shared(out, len(extra))
	out = append(out, 0, 0, 0, 0, 0, 0) // no comment, first disk, no internal attributes
	out = le.AppendUint32(out, mode)
	out = le.AppendUint32(out, uint32(min(e.offset, big32)))
	return append(append(out, e.name...), extra...)
}

// endRecords is what must follow the central directory.
func endRecords(count, size, at uint64) []byte {
	var out []byte
	if at >= big32 || size >= big32 || count >= many {
		out = append(out, "PK\x06\x06"...)
		out = le.AppendUint64(out, 44)
		out = le.AppendUint16(out, 3<<8|45)
		out = le.AppendUint16(out, 45)
		out = le.AppendUint64(out, 0) // two disk numbers
		for _, value := range []uint64{count, count, size, at} {
			out = le.AppendUint64(out, value)
		}
		out = append(out, "PK\x06\x07"...)
		out = le.AppendUint32(out, 0)
		out = le.AppendUint64(out, at+size)
		out = le.AppendUint32(out, 1)
	}
	out = append(out, "PK\x05\x06\x00\x00\x00\x00"...)
	out = le.AppendUint16(out, uint16(min(count, many)))
	out = le.AppendUint16(out, uint16(min(count, many)))
	out = le.AppendUint32(out, uint32(min(size, big32)))
	out = le.AppendUint32(out, uint32(min(at, big32)))
	return le.AppendUint16(out, 0)
}

// parseCentral reads the directory entry at position, which must be byte for byte in the strict form.
func parseCentral(directory []byte, position int, base int64) (*entry, int, error) {
	if len(directory)-position < centralSize {
		return nil, 0, refuse("E_ARCHIVE_FORMAT", "the central directory ends early", "", base+int64(position))
	}
	fixed := directory[position:]
	nameSize, extraSize := int(le.Uint16(fixed[28:])), int(le.Uint16(fixed[30:]))
	rest := fixed[centralSize:]
	if nameSize+extraSize > len(rest) {
		return nil, 0, refuse("E_ARCHIVE_FORMAT", "the central directory ends early", "", base+int64(position))
	}
	raw, extra := rest[:nameSize], rest[nameSize:nameSize+extraSize]
	if !isName(string(raw)) {
		detail := "a member name is not one that is allowed"
		return nil, 0, refuse("E_ARCHIVE_NAME", detail, "", base+int64(position)+centralSize)
	}
	e := &entry{
		name: string(raw), method: le.Uint16(fixed[10:]), crc: le.Uint32(fixed[16:]),
		packed: uint64(le.Uint32(fixed[20:])), size: uint64(le.Uint32(fixed[24:])), offset: uint64(le.Uint32(fixed[42:])),
	}
	if e.method != stored && e.method != deflated {
		detail := "packed by a method that is not allowed"
		return nil, 0, refuse("E_ARCHIVE_TYPE", detail, e.name, base+int64(position))
	}
	e.widen(extra)
	wanted := e.central()
	found := fixed[:min(len(wanted), len(fixed))]
	if !bytes.Equal(found, wanted) {
		where := base + int64(position) + int64(firstDifference(found, wanted))
		return nil, 0, refuse("E_ARCHIVE_FORMAT", "its directory entry is not in the strict form", e.name, where)
	}
	if e.method == stored && e.packed != e.size {
		return nil, 0, refuse("E_ARCHIVE_FORMAT", "stored with two sizes", e.name, base+int64(position))
	}
	return e, len(wanted), nil
}

// widen takes the 64-bit values out of the zip64 extra field.
func (e *entry) widen(extra []byte) {
	if len(extra) != 12 && len(extra) != 20 && len(extra) != 28 {
		return
	}
	values := make([]uint64, 0, 3)
	for at := 4; at < len(extra); at += 8 {
		values = append(values, le.Uint64(extra[at:]))
	}
	if e.packed == big32 && len(values) >= 2 {
		e.size, e.packed = values[0], values[1]
		values = values[2:]
	}
	if e.offset == big32 && len(values) > 0 {
		e.offset = values[0]
	}
}
