package cli

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"errors"
	"io"

	"clyra.dev/verify/internal/defjson"
	"clyra.dev/verify/internal/publickey"
	"clyra.dev/verify/internal/report"
)

// The commands `canon` and `crypto` compare verifiers with each other on single lines. Nobody needs them to verify
// evidence, so they are not in the usage.

// eachLine answers each line of the input with one line.
func eachLine(in io.Reader, out *bufio.Writer, answer func(line []byte) string) (int, error) {
	reader := bufio.NewReaderSize(in, 1<<17)
	var line []byte
	for {
		part, err := reader.ReadSlice('\n')
		line = append(line, part...)
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return report.ExitUnreadable, err
		}
		if err == nil || len(line) > 0 {
			_, _ = out.WriteString(answer(bytes.TrimSuffix(line, []byte("\n"))) + "\n")
		}
		if err != nil {
			return report.ExitVerified, nil
		}
		line = line[:0]
	}
}

// canonical says `ok`, or the code of the first rule of DEF-JSON that a line breaks.
func canonical() func(line []byte) string {
	doc := new(defjson.Doc)
	return func(line []byte) string {
		if doc.Parse(line, defjson.MaxBytes) {
			return "ok"
		}
		return defjson.Diagnose(line, defjson.MaxBytes)
	}
}

// signatureAnswer reads `algorithm public signature message`, in hex, `-` for nothing, and says `good` or `bad`.
func signatureAnswer(line []byte) string {
	fields := bytes.Split(line, []byte(" "))
	if len(fields) != 4 {
		return "bad"
	}
	var parts [3][]byte
	for i, field := range fields[1:] {
		if string(field) == "-" {
			continue
		}
		var err error
		if parts[i], err = hex.DecodeString(string(field)); err != nil {
			return "bad"
		}
	}
	key := publickey.Key{Algorithm: string(fields[0]), Public: parts[0]}
	if key.Weak() || !key.Verifies(parts[1], parts[2]) {
		return "bad"
	}
	return "good"
}
