package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"sort"
	"strings"

	"clyra.dev/verify/internal/note"
	"clyra.dev/verify/internal/statement"
)

// isDetached says whether a member may stand beside the statement without being named in it.
func isDetached(name string) bool {
	switch name {
	case statement.Member, statement.TreeStart, statement.TreeEnd, statement.Consistency, statement.Leaves:
		return true
	}
	folder, rest, _ := strings.Cut(name, "/")
	switch folder {
	case "anchors":
		_, _, ok := anchorSize(rest)
		return ok
	case "disclosures":
		number, ok := strings.CutSuffix(rest, ".jsonl")
		_, good := note.ParseSize(number)
		return ok && good
	case "attestations":
		name, ok := strings.CutSuffix(rest, ".dsse.json")
		return ok && name != "" && !strings.Contains(name, "/")
	}
	return false
}

// anchorSize reads `<size>.<kind>`.
func anchorSize(name string) (size int64, kind string, ok bool) {
	number, kind, _ := strings.Cut(name, ".")
	size, ok = note.ParseSize(number)
	return size, kind, ok && (kind == "cosig" || kind == "tsr" || kind == "wh.json")
}

// checkMembers wants every member covered or of a kind that may stand beside, and the covered ones unchanged.
func (r *run) checkMembers() error {
	digests := r.statement.Digests
	for _, name := range r.container.Names() {
		if _, covered := digests[name]; !covered && !isDetached(name) {
			r.fail("E_MEMBER_UNLISTED", name, "")
		}
	}
	needed := map[string]bool{statement.Frontier: true, statement.Records: true}
	for name := range digests {
		needed[name] = true
	}
	names := make([]string, 0, len(needed))
	for name := range needed {
		names = append(names, name)
	}
	sort.Strings(names)
	pruned := !r.container.Has(statement.Records) && r.container.Has(statement.Leaves)
	for _, name := range names {
		gone := pruned && (name == statement.Records || strings.HasPrefix(name, "approvals/")) // after its retention
		if !gone && !r.container.Has(name) {
			r.fail("E_MEMBER_MISSING", name, "")
		}
	}
	for _, name := range names {
		if err := r.checkDigest(name); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) checkDigest(name string) error {
	wanted, covered := r.statement.Digests[name]
	if !covered || name == statement.Records || !r.container.Has(name) {
		return nil
	}
	digest := sha256.New()
	ok, err := r.drain(name, digest)
	if err != nil {
		return err
	}
	if ok && hex.EncodeToString(digest.Sum(nil)) != wanted {
		r.fail("E_MEMBER_DIGEST", name, "")
	}
	return nil
}
