// Package proof checks one record with its proof that it is in a signed tree (C2SP tlog-proof).
package proof

import (
	"bytes"

	"clyra.dev/verify/internal/defjson"
	"clyra.dev/verify/internal/note"
	"clyra.dev/verify/internal/report"
	"clyra.dev/verify/internal/schema"
	"clyra.dev/verify/internal/tlog"
	"clyra.dev/verify/internal/trust"
)

const (
	maxBytes  = 256 << 10
	maxHashes = 63
)

// A Report is about one record.
type Report struct {
	report.Set
	Origin    string
	Seq, Size int64
}

// Bytes of the report.
func (r *Report) Bytes() []byte {
	return defjson.Encode(defjson.Map{
		"report": "def-record/0", "origin": r.Origin, "seq": r.Seq, "size": r.Size, "verdict": r.Verdict(),
		"first": r.First(), "codes": r.Entries("E_", "I_", "P_", "W_"),
	})
}

func (r *Report) fail(code string) { r.Add(code, report.At("", "")) }

// parsed is a proof file.
type parsed struct {
	line  []byte
	index int64
	path  []tlog.Hash
	note  []byte
}

func parse(raw []byte) (*parsed, bool) {
	head, checkpoint, found := bytes.Cut(raw, []byte("\n\n"))
	lines := bytes.Split(head, []byte("\n"))
	if len(raw) > maxBytes || !found || len(lines) < 3 || len(lines) > 3+maxHashes || string(lines[0]) != "c2sp.org/tlog-proof@v1" {
		return nil, false
	}
	extra, ok1 := bytes.CutPrefix(lines[1], []byte("extra "))
	number, ok2 := bytes.CutPrefix(lines[2], []byte("index "))
	line, ok3 := note.StrictBase64(string(extra))
	index, ok4 := note.ParseSize(string(number))
	if !ok1 || !ok2 || !ok3 || !ok4 {
		return nil, false
	}
	p := &parsed{line: line, index: index, note: checkpoint}
	for _, text := range lines[3:] {
		hash, ok := note.ParseHash(string(text))
		if !ok {
			return nil, false
		}
		p.path = append(p.path, hash)
	}
	return p, true
}

// Verify checks a proof file against a trust file (nil: none).
func Verify(raw, trusted []byte) *Report {
	r := &Report{Set: report.Set{}}
	var file *trust.File
	if trusted == nil {
		r.fail("I_TRUST_MISSING")
	} else {
		var refused *trust.Error
		if file, refused = trust.Load(trusted); refused != nil {
			r.fail(refused.Code)
			file = nil
		}
	}
	p, ok := parse(raw)
	if !ok {
		r.fail("E_PROOF_FORMAT")
		return r
	}
	r.Seq = p.index
	checkpoint, malformed := note.ParseCheckpoint(p.note)
	if malformed != nil {
		r.fail(malformed.Code)
		return r
	}
	r.Origin, r.Size = checkpoint.Origin, checkpoint.Size
	if file != nil {
		r.checkSigner(checkpoint, file)
	}
	r.checkLine(p)
	if tlog.VerifyInclusion(tlog.LeafHash(p.line), p.index, checkpoint.Size, p.path, checkpoint.Root) != nil {
		r.fail("E_ROOT")
	}
	return r
}

func (r *Report) checkSigner(checkpoint *note.Checkpoint, file *trust.File) {
	if checkpoint.Origin != file.Origin {
		r.fail("E_CKPT_ORIGIN")
	}
	refusal := "E_CKPT_SIG"
	for _, key := range file.Keys {
		if checkpoint.Origin == file.Origin && key.Role == "log" && checkpoint.SignedBy(checkpoint.Origin, key.Key) {
			own := key.Refusal(checkpoint.Size, false)
			if own == "" {
				return
			}
			if refusal == "E_CKPT_SIG" || own < refusal {
				refusal = own
			}
		}
	}
	r.fail(refusal)
}

func (r *Report) checkLine(p *parsed) {
	var doc defjson.Doc
	if !doc.Parse(p.line, defjson.MaxBytes) {
		r.fail(defjson.Diagnose(p.line, defjson.MaxBytes))
		return
	}
	root := doc.Root()
	if version := root.Get("v"); !version.Is("def/0") {
		if version.Exists() {
			r.fail("I_VERSION")
		} else {
			r.fail("E_SCHEMA")
		}
		return
	}
	own := schema.Records[root.Get("typ").Text()]
	known := own != nil
	if !known {
		own = schema.Envelope
	}
	if !own.Valid(root) {
		r.fail("E_SCHEMA")
		return
	}
	if !known {
		r.fail("W_TYPE_UNKNOWN")
	}
	if !root.Get("origin").Is(r.Origin) {
		r.fail("E_ORIGIN")
	}
	if root.Get("seq").Int() != p.index {
		r.fail("E_SEQ")
	}
}
