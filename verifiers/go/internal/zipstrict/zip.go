package zipstrict

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"math"
	"os"
)

const (
	transport   = "transport.sha256"
	stored      = 0
	deflated    = 8
	big32       = 0xffffffff
	many        = 0xffff
	dosDate     = 0x0021
	mode        = 0o100444 << 16
	endSize     = 22
	end64Size   = 56
	locatorSize = 20
	centralSize = 46
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

type archive struct {
	file    *os.File
	entries map[string]*entry
	names   []string // without the transport list
	damage  []*Error
}

func openZip(path string) (*archive, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	a := &archive{file: file, entries: map[string]*entry{}}
	err = a.readDirectory()
	if err == nil {
		err = a.checkTransport()
	}
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return a, nil
}

func (a *archive) Names() []string { return a.names }

func (a *archive) Has(name string) bool {
	_, ok := a.entries[name]
	return ok && name != transport
}

func (a *archive) Size(name string) int64 {
	if size := a.entries[name].size; size <= math.MaxInt64 {
		return int64(size)
	}
	return math.MaxInt64
}

func (a *archive) Damage() []*Error { return a.damage }
func (a *archive) Close() error     { return a.file.Close() }

func (a *archive) packed(e *entry) *io.SectionReader {
	return io.NewSectionReader(a.file, int64(e.offset)+int64(len(e.local())), int64(e.packed))
}

func (a *archive) Open(name string) (io.Reader, error) {
	e := a.entries[name]
	return unpack(a.packed(e), e), nil
}

// at reads up to size bytes at an offset; fewer at the end of the file.
func (a *archive) at(offset, size uint64) ([]byte, error) {
	out := make([]byte, size)
	n, err := a.file.ReadAt(out, int64(offset))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return out[:n], nil
}

// readDirectory parses from the end, then demands that these are exactly the headers the recorder would have written.
func (a *archive) readDirectory() error {
	info, err := a.file.Stat()
	if err != nil {
		return err
	}
	total := uint64(info.Size())
	count, size, at, err := a.readEnd(total)
	if err != nil {
		return err
	}
	if count > MaxMembers || size > maxDirectory {
		return refuse("E_ARCHIVE_LIMIT", "too many members", "", -1)
	}
	if at > total || size > total-at {
		return refuse("E_ARCHIVE_FORMAT", "the central directory lies outside the file", "", -1)
	}
	directory, err := a.at(at, size)
	if err != nil {
		return err
	}
	wanted := endRecords(count, size, at)
	var tail []byte
	if total-at-size == uint64(len(wanted)) {
		if tail, err = a.at(at+size, total-at-size); err != nil {
			return err
		}
	}
	if !bytes.Equal(tail, wanted) {
		return refuse("E_ARCHIVE_FORMAT", "the end of the archive is not in the strict form", "", int64(at+size))
	}
	return a.readEntries(directory, count, at)
}

func (a *archive) readEnd(total uint64) (count, size, at uint64, err error) {
	if total < endSize {
		return 0, 0, 0, refuse("E_ARCHIVE_FORMAT", "not a zip archive: too short", "", -1)
	}
	end, err := a.at(total-endSize, endSize)
	if err != nil {
		return 0, 0, 0, err
	}
	if string(end[:4]) != "PK\x05\x06" {
		return 0, 0, 0, refuse("E_ARCHIVE_FORMAT", "no end record at the end of the file", "", int64(total-endSize))
	}
	count, size, at = uint64(le.Uint16(end[10:])), uint64(le.Uint32(end[12:])), uint64(le.Uint32(end[16:]))
	if count == many || size == big32 || at == big32 {
		if total < endSize+locatorSize+end64Size {
			return 0, 0, 0, refuse("E_ARCHIVE_FORMAT", "the zip64 end record is missing", "", -1)
		}
		large, err := a.at(total-endSize-locatorSize-end64Size, end64Size)
		if err != nil {
			return 0, 0, 0, err
		}
		count, size, at = le.Uint64(large[32:]), le.Uint64(large[40:]), le.Uint64(large[48:])
	}
	return count, size, at, nil
}

func (a *archive) readEntries(directory []byte, count, at uint64) error {
	position, offset, last := 0, uint64(0), ""
	for range count {
		e, used, err := parseCentral(directory, position, int64(at))
		if err != nil {
			return err
		}
		if _, twice := a.entries[e.name]; twice {
			return refuse("E_ARCHIVE_DUP", "a member name occurs twice", e.name, -1)
		}
		header := e.local()
		if e.name < last || e.offset != offset {
			return refuse("E_ARCHIVE_FORMAT", "members are not sorted and contiguous", e.name, -1)
		}
		room := at - offset // offset <= at holds throughout
		if uint64(len(header)) > room || e.packed > room-uint64(len(header)) {
			return refuse("E_ARCHIVE_FORMAT", "it reaches beyond the members", e.name, int64(offset))
		}
		found, err := a.at(offset, uint64(len(header)))
		if err != nil {
			return err
		}
		if !bytes.Equal(found, header) {
			where := int64(offset) + int64(firstDifference(found, header))
			return refuse("E_ARCHIVE_FORMAT", "its two headers disagree", e.name, where)
		}
		a.entries[e.name] = e
		if e.name != transport {
			a.names = append(a.names, e.name)
		}
		position, last = position+used, e.name
		offset += uint64(len(header)) + e.packed
	}
	if position != len(directory) || offset != at {
		return refuse("E_ARCHIVE_FORMAT", "bytes that belong to no member", "", int64(offset))
	}
	return nil
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

func firstDifference(one, other []byte) int {
	shorter := min(len(one), len(other))
	for i := range shorter {
		if one[i] != other[i] {
			return i
		}
	}
	return shorter
}
