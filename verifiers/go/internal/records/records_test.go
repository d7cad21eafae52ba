package records

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"clyra.dev/verify/internal/tlog"
)

// pieces hands out a text a few bytes at a time and then fails, or ends.
type pieces struct {
	rest []byte
	size int
	err  error
}

func (p *pieces) Read(into []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, p.err
	}
	n := copy(into[:min(len(into), p.size)], p.rest)
	p.rest = p.rest[n:]
	return n, nil
}

func run(t *testing.T, text string, size int) (*Result, *tlog.Frontier) {
	t.Helper()
	frontier, _ := tlog.NewFrontier(0, nil)
	result, err := Run(&pieces{[]byte(text), size, io.EOF}, Input{
		Frontier: frontier, Meaning: true, Watch: map[int64]bool{2: true}, WholeDigest: true, LeafDigest: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return result, frontier
}

// Whatever the pieces a member comes in, the tree and the codes are the same.
func TestPiecesDoNotMatter(t *testing.T) {
	long := strings.Repeat("y", 70_000)
	for _, text := range []string{"", "\n", "a\nb\n", "a\nb", long + "\nb\n" + long, strings.Repeat(long+"\n", 12), strings.Repeat("x\n", 300_000)} {
		wanted, tree := run(t, text, 1<<20)
		for _, size := range []int{1, 7, 65_536, chunkSize - 1} {
			if size == 1 && len(text) > 1000 {
				continue
			}
			got, again := run(t, text, size)
			if again.Size() != tree.Size() || again.Root() != tree.Root() || got.Digest != wanted.Digest || got.LeafDigest != wanted.LeafDigest {
				t.Errorf("%d bytes in pieces of %d: another tree", len(text), size)
			}
			if fmt.Sprint(got.Entries("E_")) != fmt.Sprint(wanted.Entries("E_")) || got.Roots[2] != wanted.Roots[2] {
				t.Errorf("%d bytes in pieces of %d: other codes", len(text), size)
			}
		}
	}
}

func TestLongLinesAreCutOnce(t *testing.T) {
	result, tree := run(t, strings.Repeat("y", 3*chunkSize)+"\nb\n", 1<<20)
	if result.Set["E_SIZE"].Count != 1 || result.Set["E_CANON"].Count != 1 || tree.Size() != 2 {
		t.Errorf("%v", result.Entries("E_"))
	}
	frontier, _ := tlog.NewFrontier(0, nil)
	frontier.Append(tlog.LeafHash(bytes.Repeat([]byte("y"), cutAt)))
	frontier.Append(tlog.LeafHash([]byte("b")))
	if tree.Root() != frontier.Root() {
		t.Error("the leaf of a long line is not that of its first 65,536 bytes")
	}
}

func TestAMemberThatBreaksOffGivesNothing(t *testing.T) {
	broken := errors.New("broken")
	frontier, _ := tlog.NewFrontier(0, nil)
	result, err := Run(&pieces{[]byte("a\nb\n"), 3, broken}, Input{Frontier: frontier, Meaning: true})
	if !errors.Is(err, broken) || result != nil {
		t.Errorf("%v %v", result, err)
	}
}

func TestMicros(t *testing.T) {
	for _, text := range []string{
		"1970-01-01T00:00:00.000000Z", "2000-02-29T23:59:59.999999Z", "2026-11-22T10:43:00.000001Z", "9999-12-31T23:59:59.999999Z",
		"1600-03-01T00:00:00.000000Z", "0001-01-01T00:00:00.000000Z",
	} {
		moment, err := time.Parse("2006-01-02T15:04:05.000000Z", text)
		if err != nil {
			t.Fatal(err)
		}
		if got := Micros(text); got != moment.UnixMicro() {
			t.Errorf("%s: %d, not %d", text, got, moment.UnixMicro())
		}
	}
	if one, other := Micros("0000-00-00T00:00:00.000000Z"), Micros("9999-99-99T99:99:99.999999Z"); one >= other {
		t.Errorf("%d %d", one, other)
	}
}
