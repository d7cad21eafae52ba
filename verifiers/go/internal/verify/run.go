// Package verify runs the stages of verification, in order, over one container. A stage that fails stops only what
// depends on it; everything independent still runs, so that a report names all that is wrong.
package verify

import (
	"encoding/hex"
	"errors"
	"io"

	"clyra.dev/verify/internal/anchor"
	"clyra.dev/verify/internal/memory"
	"clyra.dev/verify/internal/records"
	"clyra.dev/verify/internal/report"
	"clyra.dev/verify/internal/rotation"
	"clyra.dev/verify/internal/statement"
	"clyra.dev/verify/internal/tlog"
	"clyra.dev/verify/internal/trust"
	"clyra.dev/verify/internal/zipstrict"
)

// Options are what a caller gives beside the bundle. Files are given by their bytes; nil is one that was not given.
type Options struct {
	Trust, OldTrust                  []byte
	Checkpoints, Anchors, Statements [][]byte // Statements are attestations
	Memory                           *memory.Store
	Older                            bool
	Level, Profile                   string
}

// Bundle verifies one bundle. The error is one of the system: the files cannot be read.
func Bundle(path string, options Options) (*report.Report, error) {
	r := &run{
		Report: report.New(options.Level), options: options, broken: map[string]bool{}, inside: map[string]*source{},
		anchored: map[int64][]string{},
	}
	container, err := zipstrict.Open(path)
	if refused := new(zipstrict.Error); errors.As(err, &refused) {
		r.Add(refused.Code, report.At(refused.Member, refused.Detail))
		return r.Report, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = container.Close() }()
	r.container = container
	for _, damage := range container.Damage() {
		r.unreadable(damage)
	}
	if err := r.stages(); err != nil {
		return nil, err
	}
	if verdict := r.Verdict(); verdict == "verified" || verdict == "prefix" {
		options.Memory.Learn(r.Origin, r.End, r.tree.roots[r.End], r.trust)
	}
	return r.Report, nil
}

// run is one verification. statement is nil until a well-formed one was read, keys without a usable trust file.
type run struct {
	*report.Report
	options   Options
	container zipstrict.Container
	broken    map[string]bool // code and member of container errors that were counted
	trust     *trust.File
	statement *statement.Statement
	keys      *rotation.Keys
	treeEnd   *anchor.Source // if S3 had nothing against it
	tree      tree
	result    *records.Result

	inside     map[string]*source // cosigned checkpoints in the bundle, by member
	given      []*source          // files that the caller brought
	remembered *memory.Log
	proof      *anchor.Consistency
	accepted   []*anchor.Source   // notes whose roots are right
	anchored   map[int64][]string // sizes, and what anchors them
}

// tree is what the leaves lead to. sound says that it is the log's.
type tree struct {
	frontier *tlog.Frontier
	roots    map[int64]tlog.Hash
	sound    bool
}

func (r *run) stages() error {
	r.loadTrust()
	if err := r.loadStatement(); err != nil {
		return err
	}
	if r.statement == nil {
		r.Skip("records")
		return nil
	}
	r.remembered = r.options.Memory.Of(r.Origin)
	steps := []func() error{
		r.checkMembers, r.checkpoints, r.readSources, r.leaves, r.aggregates, r.approvals, r.disclosures, r.attestations,
		r.outside,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// unreadable counts a container error once for each code and member.
func (r *run) unreadable(refused *zipstrict.Error) {
	key := refused.Code + " " + refused.Member
	if !r.broken[key] {
		r.broken[key] = true
		r.Add(refused.Code, report.At(refused.Member, refused.Detail))
	}
}

// small reads a small member whole: nil when it is not there or, after saying why, when it cannot be read.
func (r *run) small(name string, limit int64) ([]byte, error) {
	if !r.container.Has(name) {
		return nil, nil
	}
	raw, err := zipstrict.ReadAll(r.container, name, limit)
	if err != nil {
		return nil, r.settle(err)
	}
	return raw, nil
}

// settle turns a container's refusal into a code and lets errors of the system through.
func (r *run) settle(err error) error {
	if refused := new(zipstrict.Error); errors.As(err, &refused) {
		r.unreadable(refused)
		return nil
	}
	return err
}

// drain hashes a member without keeping it. ok is false when it could not be read whole.
func (r *run) drain(name string, into io.Writer) (ok bool, err error) {
	reader, err := r.container.Open(name)
	if err == nil {
		_, err = io.Copy(into, reader)
	}
	return err == nil, r.settle(err)
}

// need reads a member that must be there.
func (r *run) need(name string, limit int64) ([]byte, error) {
	if !r.container.Has(name) {
		r.Add("E_MEMBER_MISSING", report.At(name, ""))
		return nil, nil
	}
	return r.small(name, limit)
}

func (r *run) fail(code, member, detail string) { r.Add(code, report.At(member, detail)) }

func hexOf(hash tlog.Hash) string { return hex.EncodeToString(hash[:]) }
