package zipstrict

import (
	"bufio"
	"compress/flate"
	"errors"
	"hash/crc32"
	"io"
)

// unpack streams the plain bytes of a member and fails at the end unless size, CRC-32 and the packed bytes all fit.
func unpack(packed *io.SectionReader, e *entry) io.Reader {
	source := bufio.NewReaderSize(packed, 1<<16) // a ByteReader, so that inflating reads no byte too many
	u := &unpacker{entry: e, source: source, left: e.size}
	if e.method == deflated {
		u.plain = flate.NewReader(source)
	} else {
		u.plain = source
	}
	return u
}

type unpacker struct {
	entry  *entry
	source *bufio.Reader
	plain  io.Reader
	left   uint64
	crc    uint32
}

func (u *unpacker) Read(p []byte) (int, error) {
	n, err := u.plain.Read(p)
	if uint64(n) > u.left {
		return 0, u.broken("it inflates beyond its declared size")
	}
	u.left -= uint64(n)
	u.crc = crc32.Update(u.crc, crc32.IEEETable, p[:n])
	if err == nil {
		return n, nil
	}
	return n, u.ended(err)
}

// ended judges the end of the plain bytes.
func (u *unpacker) ended(err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case errors.As(err, &corrupt):
		return u.broken("damaged deflate stream")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return u.broken("the deflate stream does not end")
	case !errors.Is(err, io.EOF):
		return err
	}
	if _, err := u.source.ReadByte(); err == nil {
		return u.broken("data after the end of the deflate stream")
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	if u.left != 0 || u.crc != u.entry.crc {
		return u.broken("its bytes do not match the size and CRC-32 in its header")
	}
	return io.EOF
}

func (u *unpacker) broken(detail string) error {
	return refuse("E_ARCHIVE_FORMAT", detail, u.entry.name, -1)
}
