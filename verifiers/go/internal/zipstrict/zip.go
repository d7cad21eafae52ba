package zipstrict

import (
	"bytes"
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

func (a *archive) Close() error { return a.file.Close() }

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

func firstDifference(one, other []byte) int {
	shorter := min(len(one), len(other))
	for i := range shorter {
		if one[i] != other[i] {
			return i
		}
	}
	return shorter
}
