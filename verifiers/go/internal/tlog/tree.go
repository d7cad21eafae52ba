// Package tlog is the Merkle tree of RFC 6962 section 2.1: leaf and node hashes, the compact range that a window starts
// from, and the proofs of RFC 9162 sections 2.1.3.2 and 2.1.4.2.
package tlog

import (
	"crypto/sha256"
	"errors"
	"math/bits"
)

// HashSize of every node.
const HashSize = sha256.Size

// A Hash is a node of the tree.
type Hash = [HashSize]byte

// ErrProof says that a proof does not lead from what is known to what is claimed.
var ErrProof = errors.New("the proof does not lead from what is known to what is claimed")

// LeafHash of a record.
func LeafHash(record []byte) Hash {
	digest := sha256.New()
	digest.Write([]byte{0})
	digest.Write(record)
	return Hash(digest.Sum(nil))
}

// NodeHash of two subtrees.
func NodeHash(left, right Hash) Hash {
	var joined [1 + 2*HashSize]byte
	joined[0] = 1
	copy(joined[1:], left[:])
	copy(joined[1+HashSize:], right[:])
	return sha256.Sum256(joined[:])
}

// A Frontier is the list of roots of the perfect subtrees of a tree, largest first. It grows one leaf at a time.
type Frontier struct {
	size  int64
	nodes []Hash
}

// NewFrontier continues a tree. It fails when the number of nodes does not fit the size.
func NewFrontier(size int64, nodes []Hash) (*Frontier, error) {
	if size < 0 || len(nodes) != bits.OnesCount64(uint64(size)) {
		return nil, ErrProof
	}
	return &Frontier{size, append(make([]Hash, 0, 64), nodes...)}, nil
}

// Size is the number of leaves.
func (f *Frontier) Size() int64 { return f.size }

// Last is the root of the smallest subtree, which is the last leaf when the size is odd.
func (f *Frontier) Last() Hash { return f.nodes[len(f.nodes)-1] }

// Append adds one leaf hash: it merges as many subtrees as the size has trailing one bits.
func (f *Frontier) Append(leaf Hash) {
	for size := f.size; size&1 == 1; size >>= 1 {
		leaf = NodeHash(f.nodes[len(f.nodes)-1], leaf)
		f.nodes = f.nodes[:len(f.nodes)-1]
	}
	f.nodes = append(f.nodes, leaf)
	f.size++
}

// Root of the tree.
func (f *Frontier) Root() Hash {
	if len(f.nodes) == 0 {
		return sha256.Sum256(nil)
	}
	root := f.nodes[len(f.nodes)-1]
	for i := len(f.nodes) - 2; i >= 0; i-- {
		root = NodeHash(f.nodes[i], root)
	}
	return root
}
