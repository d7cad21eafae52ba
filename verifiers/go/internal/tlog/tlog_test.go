package tlog

import (
	"fmt"
	"slices"
	"testing"
)

// sizes around every power of two up to 2^10, where frontiers and proofs change their shape.
func sizes() []int {
	found := []int{0, 1, 2, 3}
	for power := 4; power <= 1024; power *= 2 {
		found = append(found, power-1, power, power+1)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

func makeLeaves(count int) []Hash {
	leaves := make([]Hash, count)
	for i := range leaves {
		leaves[i] = LeafHash(fmt.Appendf(nil, "record %d", i))
	}
	return leaves
}

// rootOf follows the definition in RFC 6962 section 2.1, which splits from the top.
func rootOf(leaves []Hash) Hash {
	switch len(leaves) {
	case 0:
		empty, _ := NewFrontier(0, nil)
		return empty.Root()
	case 1:
		return leaves[0]
	}
	half := 1
	for half*2 < len(leaves) {
		half *= 2
	}
	return NodeHash(rootOf(leaves[:half]), rootOf(leaves[half:]))
}

func inclusion(leaves []Hash, index int) []Hash {
	if len(leaves) == 1 {
		return nil
	}
	half := 1
	for half*2 < len(leaves) {
		half *= 2
	}
	if index < half {
		return append(inclusion(leaves[:half], index), rootOf(leaves[half:]))
	}
	return append(inclusion(leaves[half:], index-half), rootOf(leaves[:half]))
}

func consistency(leaves []Hash, first int, whole bool) []Hash {
	if first == len(leaves) {
		if whole {
			return nil
		}
		return []Hash{rootOf(leaves)}
	}
	half := 1
	for half*2 < len(leaves) {
		half *= 2
	}
	if first <= half {
		return append(consistency(leaves[:half], first, whole), rootOf(leaves[half:]))
	}
	return append(consistency(leaves[half:], first-half, false), rootOf(leaves[:half]))
}

func TestFrontierAtEdges(t *testing.T) {
	leaves := makeLeaves(1025)
	frontier, err := NewFrontier(0, nil)
	if err != nil {
		t.Fatal(err)
	}
	next := 0
	for _, size := range sizes() {
		for ; next < size; next++ {
			frontier.Append(leaves[next])
		}
		if frontier.Size() != int64(size) || frontier.Root() != rootOf(leaves[:size]) {
			t.Errorf("size %d: another root than by definition", size)
		}
		again, err := NewFrontier(int64(size), frontier.nodes)
		if err != nil || again.Root() != frontier.Root() {
			t.Errorf("size %d: it does not continue: %v", size, err)
		}
		if _, err := NewFrontier(int64(size)+1, frontier.nodes); size&1 == 0 && err == nil {
			t.Errorf("size %d: its nodes were taken for another size", size)
		}
	}
	if _, err := NewFrontier(-1, nil); err == nil {
		t.Error("a negative size was taken")
	}
}

func TestEmptyRoot(t *testing.T) {
	const wanted = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	if got := fmt.Sprintf("%x", rootOf(nil)); got != wanted {
		t.Errorf("empty tree: %s", got)
	}
}

func TestInclusionAtEdges(t *testing.T) {
	leaves := makeLeaves(130)
	for _, size := range sizes() {
		if size > len(leaves) {
			break
		}
		for index := range size {
			proof, root := inclusion(leaves[:size], index), rootOf(leaves[:size])
			if err := VerifyInclusion(leaves[index], int64(index), int64(size), proof, root); err != nil {
				t.Fatalf("leaf %d of %d: %v", index, size, err)
			}
			for name, err := range map[string]error{
				"another leaf":  VerifyInclusion(leaves[(index+1)%len(leaves)], int64(index), int64(size), proof, root),
				"another root":  VerifyInclusion(leaves[index], int64(index), int64(size), proof, leaves[0]),
				"longer proof":  VerifyInclusion(leaves[index], int64(index), int64(size), append(slices.Clone(proof), root), root),
				"beyond":        VerifyInclusion(leaves[index], int64(size), int64(size), proof, root),
				"negative":      VerifyInclusion(leaves[index], -1, int64(size), proof, root),
				"shorter proof": VerifyInclusion(leaves[index], int64(index), int64(size), proof[:max(0, len(proof)-1)], root),
			} {
				trivial := size == 1 && (name == "another root" || name == "shorter proof")
				if err == nil && !trivial {
					t.Fatalf("leaf %d of %d: %s was taken", index, size, name)
				}
			}
		}
	}
}

func TestConsistencyAtEdges(t *testing.T) {
	leaves := makeLeaves(67)
	for second := 1; second <= len(leaves); second++ {
		for first := 1; first <= second; first++ {
			proof := consistency(leaves[:second], first, true)
			older, newer := rootOf(leaves[:first]), rootOf(leaves[:second])
			if err := VerifyConsistency(int64(first), int64(second), proof, older, newer); err != nil {
				t.Fatalf("%d to %d: %v", first, second, err)
			}
			if VerifyConsistency(int64(first), int64(second), proof, newer, older) == nil && first != second {
				t.Fatalf("%d to %d: the roots were exchanged", first, second)
			}
			if VerifyConsistency(int64(first), int64(second), append(slices.Clone(proof), older), older, newer) == nil {
				t.Fatalf("%d to %d: a longer proof was taken", first, second)
			}
		}
		if VerifyConsistency(0, int64(second), nil, rootOf(nil), rootOf(leaves[:second])) == nil {
			t.Fatal("a proof from the empty tree was taken: it proves nothing")
		}
	}
}
