package records

import (
	"encoding/hex"
	"io"

	"clyra.dev/verify/internal/report"
	"clyra.dev/verify/internal/rotation"
	"clyra.dev/verify/internal/statement"
	"clyra.dev/verify/internal/tlog"
)

// An Input is what the pass needs to know. Frontier is the tree at Start and grows.
type Input struct {
	Origin    string
	Start     int64
	End       int64
	Frontier  *tlog.Frontier
	Meaning   bool           // judge what lines say, not only hash them
	Keys      *rotation.Keys // nil without a trust file
	Watch     map[int64]bool // tree sizes whose roots, and times before them, are wanted
	Limits    []Limit
	Disclosed map[int64]bool // record numbers whose commitments are wanted

	WholeDigest, LeafDigest bool // which digests of the result are wanted
}

// A Limit says that records before Size cannot be younger than TS.
type Limit struct {
	Size int64
	TS   string
}

// A Result is what the pass found. FirstTS and LastTS are "" when no record could be read.
type Result struct {
	report.Set
	Digest      string // of the member, hex
	LeafDigest  string // of all leaf hashes in a row, hex
	Roots       map[int64]tlog.Hash
	Tally       *statement.Tally
	FirstTS     string
	LastTS      string
	TimeBefore  map[int64]string // watched size -> ts of the record before it
	Erased      int64
	Consumes    []Consume
	Commitments map[int64]Commitments

	IntervalSeconds int64 // the log's last promise how often it is anchored, 0 if none
}

// A Consume is what a pef.approval.consume record says.
type Consume struct {
	Seq                            int64
	TS, ID                         string
	Certificates                   []string // hex, in order
	Payload, Policy                string
	Op, Method, Target, Tool, Host string
	HasTool, HasHost, HasTenant    bool
	Tenant                         string
}

// Commitments of one record: fields to hex HMACs, and disclosure digests.
type Commitments struct {
	Fields map[string]string
	SD     map[string]bool
}

// Run makes the pass. An error means that the member could not be read to its end: then nothing in it counts.
func Run(member io.Reader, in Input) (*Result, error) {
	h := newHasher(in)
	j := newJudge(in)
	free := make(chan *batch, inFlight)
	for range inFlight {
		free <- &batch{chunk: make([]byte, chunkSize)}
	}
	chunks, cut := make(chan *batch, inFlight), make(chan *batch, inFlight)
	var failed error
	go readChunks(member, free, chunks, &failed)
	go func() {
		defer close(cut)
		for b := range chunks {
			h.cut(b)
			cut <- b
		}
		if last := h.end(); last != nil {
			cut <- last
		}
	}()
	for b := range cut {
		j.judge(b)
		if cap(b.chunk) >= chunkSize {
			free <- b
		}
	}
	if failed != nil {
		return nil, failed
	}
	j.finish()
	result := j.result
	if h.digest != nil {
		result.Digest = hex.EncodeToString(h.digest.Sum(nil))
	}
	if h.leaves != nil {
		result.LeafDigest = hex.EncodeToString(h.leaves.Sum(nil))
	}
	result.Roots = h.roots
	return result, nil
}
