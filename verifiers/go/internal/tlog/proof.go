package tlog

// VerifyInclusion checks that leaf stands at index in the tree of this size and root.
func VerifyInclusion(leaf Hash, index, size int64, proof []Hash, root Hash) error {
	if index < 0 || index >= size {
		return ErrProof
	}
	at, last, node := index, size-1, leaf
	for _, sibling := range proof {
		if last == 0 {
			return ErrProof
		}
		if at&1 == 1 || at == last {
			node = NodeHash(sibling, node)
			for at&1 == 0 && at != 0 {
				at, last = at>>1, last>>1
			}
		} else {
			node = NodeHash(node, sibling)
		}
		at, last = at>>1, last>>1
	}
	if last != 0 || node != root {
		return ErrProof
	}
	return nil
}

// VerifyConsistency checks that the second tree continues the first.
func VerifyConsistency(first, second int64, proof []Hash, firstRoot, secondRoot Hash) error {
	if first <= 0 || first > second {
		return ErrProof
	}
	if first == second {
		if len(proof) != 0 || firstRoot != secondRoot {
			return ErrProof
		}
		return nil
	}
	path := proof
	if first&(first-1) == 0 {
		path = append([]Hash{firstRoot}, proof...)
	}
	if len(path) == 0 {
		return ErrProof
	}
	at, last := first-1, second-1
	for at&1 == 1 {
		at, last = at>>1, last>>1
	}
	older, newer := path[0], path[0]
	for _, node := range path[1:] {
		if last == 0 {
			return ErrProof
		}
		if at&1 == 1 || at == last {
			older, newer = NodeHash(node, older), NodeHash(node, newer)
			for at&1 == 0 && at != 0 {
				at, last = at>>1, last>>1
			}
		} else {
			newer = NodeHash(newer, node)
		}
		at, last = at>>1, last>>1
	}
	if last != 0 || older != firstRoot || newer != secondRoot {
		return ErrProof
	}
	return nil
}
