package verify

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"

	"clyra.dev/verify/internal/note"
	"clyra.dev/verify/internal/records"
	"clyra.dev/verify/internal/report"
	"clyra.dev/verify/internal/statement"
	"clyra.dev/verify/internal/tlog"
)

const maxSmall = 1 << 20

// leaves are stages S4 to S7: the frontier, the records or their leaf hashes, and the tree they make.
func (r *run) leaves() error {
	frontier, err := r.readFrontier()
	if err != nil {
		return err
	}
	r.tree.frontier = frontier
	hasRecords, hasLeaves := r.container.Has(statement.Records), r.container.Has(statement.Leaves)
	if !hasRecords && hasLeaves {
		r.Level = "L0"
	}
	if r.Level != "L2" {
		r.Skip("record contents")
	}
	done := false
	if frontier != nil {
		switch {
		case r.Level == "L0" && hasLeaves:
			done, err = r.readLeaves(frontier)
		case hasRecords:
			done, err = r.readRecords(frontier)
		}
	}
	if err != nil {
		return err
	}
	if !done {
		r.Skip("records")
	}
	r.tree.sound = done && !r.Has("E_FRONTIER", "E_TREE_SIZE", "E_ROOT")
	return nil
}

func (r *run) readFrontier() (*tlog.Frontier, error) {
	if !r.container.Has(statement.Frontier) {
		return nil, nil // it was missed among the members
	}
	raw, err := r.small(statement.Frontier, maxSmall)
	if raw == nil || err != nil {
		return nil, err
	}
	lines := bytes.Split(raw, []byte("\n"))
	var nodes []tlog.Hash
	for _, line := range lines[:len(lines)-1] {
		node, ok := note.ParseHash(string(line))
		if !ok {
			r.fail("E_FRONTIER", statement.Frontier, "a line is not the base64 of 32 bytes")
			return nil, nil
		}
		nodes = append(nodes, node)
	}
	frontier, err := tlog.NewFrontier(r.Start, nodes)
	if err != nil {
		r.fail("E_FRONTIER", statement.Frontier, "the number of nodes does not fit the size")
		return nil, nil
	}
	if len(lines[len(lines)-1]) != 0 {
		r.fail("E_FRONTIER", statement.Frontier, "bytes after the last line")
	}
	if hexOf(frontier.Root()) != r.statement.StartRoot {
		r.fail("E_FRONTIER", statement.Frontier, "it does not lead to the start root")
	}
	return frontier, nil
}

// readLeaves is level L0 over tree/leaves.
func (r *run) readLeaves(frontier *tlog.Frontier) (bool, error) {
	reader, err := r.container.Open(statement.Leaves)
	if err != nil {
		return false, err
	}
	watch, whole := r.watched(), true
	r.tree.roots = map[int64]tlog.Hash{}
	keep := func() {
		if watch[frontier.Size()] {
			r.tree.roots[frontier.Size()] = frontier.Root()
		}
	}
	keep()
	chunk := make([]byte, tlog.HashSize<<12)
	for ended := false; !ended; {
		n, err := io.ReadFull(reader, chunk)
		if ended = errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF); err != nil && !ended {
			return false, r.settle(err)
		}
		at := 0
		for ; at+tlog.HashSize <= n; at += tlog.HashSize {
			frontier.Append(tlog.Hash(chunk[at : at+tlog.HashSize]))
			keep()
		}
		whole = whole && at == n
	}
	if !whole {
		r.fail("E_TREE_SIZE", statement.Leaves, "not whole leaf hashes")
	} else {
		r.compareTree(statement.Leaves)
	}
	return true, nil
}

// readRecords is the pass over records.jsonl.
func (r *run) readRecords(frontier *tlog.Frontier) (bool, error) {
	reader, err := r.container.Open(statement.Records)
	if err != nil {
		return false, err
	}
	result, err := records.Run(reader, records.Input{
		Origin: r.Origin, Start: r.Start, End: r.End, Frontier: frontier, Meaning: r.Level == "L2", Keys: r.keys,
		Watch: r.watched(), Limits: r.timeLimits(), Disclosed: r.disclosedSeqs(),
		WholeDigest: r.Level != "L0", LeafDigest: r.Level != "L0" && r.container.Has(statement.Leaves),
	})
	if err != nil {
		return false, r.settle(err)
	}
	r.result = result
	r.IntervalSeconds = result.IntervalSeconds
	r.Merge(result.Set)
	r.Erased = result.Erased
	r.tree.roots = result.Roots
	if r.Level != "L0" && result.Digest != r.statement.Digests[statement.Records] {
		r.fail("E_MEMBER_DIGEST", statement.Records, "")
	}
	r.compareTree(statement.Records)
	return true, r.compareLeaves(result.LeafDigest)
}

func (r *run) compareTree(member string) {
	if size := r.tree.frontier.Size(); size != r.End {
		r.fail("E_TREE_SIZE", member, "another number of records than the statement says")
	} else if hexOf(r.tree.frontier.Root()) != r.statement.EndRoot {
		r.fail("E_ROOT", member, "")
	}
}

// compareLeaves wants tree/leaves, where it is there too, to be what the records hash to.
func (r *run) compareLeaves(computed string) error {
	if r.Level == "L0" || !r.container.Has(statement.Leaves) {
		return nil
	}
	digest := sha256.New()
	ok, err := r.drain(statement.Leaves, digest)
	if ok && hex.EncodeToString(digest.Sum(nil)) != computed {
		r.fail("E_ROOT", statement.Leaves, "")
	}
	return err
}

// aggregates are compared only where every record could be read: otherwise a difference says nothing new.
func (r *run) aggregates() error {
	if r.result == nil || r.Level != "L2" || r.HasUpTo(7, "E_", "I_VERSION") {
		return nil
	}
	for _, name := range r.result.Tally.Disagreements(r.statement.Predicate) {
		r.Add("E_AGGREGATE", report.At(statement.Member, name))
	}
	return nil
}
