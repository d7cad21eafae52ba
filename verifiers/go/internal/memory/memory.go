// Package memory is the file in which a verifier remembers the largest tree of each log it has seen, and the root keys of
// its trust file, so that a log cannot later shrink, split or skip bundles unnoticed.
package memory

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sort"

	"clyra.dev/verify/internal/defjson"
	"clyra.dev/verify/internal/publickey"
	"clyra.dev/verify/internal/schema"
	"clyra.dev/verify/internal/tlog"
	"clyra.dev/verify/internal/trust"
)

const maxBytes = 16 << 20

// ErrMalformed says that a memory file is not one.
var ErrMalformed = errors.New("it is not a memory file")

// A Log is what is remembered of one.
type Log struct {
	Origin string
	Size   int64
	Root   tlog.Hash
	Trust  *trust.Older // nil: no trust file was seen
}

// A Store holds logs by origin. With an empty path it lives in RAM only.
type Store struct {
	path    string
	logs    map[string]*Log
	changed bool
}

var form = schema.MustCompile(`{
 "type": "object", "additionalProperties": false, "required": ["v", "logs"],
 "properties": {"v": {"const": "def-memory/0"}, "logs": {"type": "array", "items": {
  "type": "object", "additionalProperties": false, "required": ["origin", "size", "root"],
  "properties": {
   "origin": {"type": "string", "minLength": 1, "maxLength": 200},
   "size": {"type": "integer", "minimum": 1},
   "root": ` + hex64 + `,
   "trust_version": {"type": "integer", "minimum": 1},
   "trust_threshold": {"type": "integer", "minimum": 1, "maximum": 16},
   "trust_roots": {"type": "array", "minItems": 1, "maxItems": 256, "items": {
    "type": "object", "additionalProperties": false, "required": ["alg", "keyid", "pub"],
    "properties": {"alg": {"enum": ["ed25519", "ecdsa-p256-sha256"]}, "keyid": ` + hex64 + `,
     "pub": {"type": "string", "pattern": "^([0-9a-f]{2})+$", "maxLength": 130}}}}}}}}}`)

const hex64 = `{"type": "string", "pattern": "^[0-9a-f]{64}$"}`

// Open reads the file; one that is not there is empty. "" is a memory that is not kept.
func Open(path string) (*Store, error) {
	store := &Store{path: path, logs: map[string]*Log{}}
	if path == "" {
		return store, nil
	}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return store, nil
	}
	if err != nil {
		return nil, err
	}
	var doc defjson.Doc
	if !doc.Parse(bytes.TrimSuffix(raw, []byte("\n")), maxBytes) || !form.Valid(doc.Root()) {
		return nil, ErrMalformed
	}
	return store, store.fill(doc.Root().Get("logs"))
}

func (s *Store) fill(logs defjson.Value) error {
	last := ""
	for item := logs.First(); item.Exists(); item = item.Next(logs) {
		root, err := hex.DecodeString(item.Get("root").Text())
		log := &Log{Origin: item.Get("origin").Text(), Size: item.Get("size").Int()}
		if err != nil || log.Origin <= last {
			return ErrMalformed
		}
		log.Root, last = tlog.Hash(root), log.Origin
		log.Trust = readTrust(item)
		s.logs[log.Origin] = log
	}
	return nil
}

func readTrust(item defjson.Value) *trust.Older {
	if !item.Get("trust_version").Exists() || !item.Get("trust_threshold").Exists() || !item.Get("trust_roots").Exists() {
		return nil
	}
	older := &trust.Older{
		Origin: item.Get("origin").Text(), Version: item.Get("trust_version").Int(),
		Threshold: item.Get("trust_threshold").Int(),
	}
	for _, root := range item.Get("trust_roots").Items() {
		public, err := hex.DecodeString(root.Get("pub").Text())
		if err == nil {
			key := publickey.Key{Algorithm: root.Get("alg").Text(), Public: public}
			older.Roots = append(older.Roots, trust.Root{Key: key, ID: root.Get("keyid").Text()})
		}
	}
	return older
}

// Of is what is remembered of a log, nil if nothing is.
func (s *Store) Of(origin string) *Log { return s.logs[origin] }

// Learn remembers the larger tree, and the trust file (which may be nil, or of another log).
func (s *Store) Learn(origin string, size int64, root tlog.Hash, file *trust.File) {
	s.changed = true
	log := s.logs[origin]
	if log == nil {
		log = &Log{Origin: origin}
		s.logs[origin] = log
	}
	if size > log.Size {
		log.Size, log.Root = size, root
	}
	if file != nil && file.Origin == origin {
		older := file.AsOlder()
		log.Trust = &older
	}
}

// Write replaces the file in one step, if anything was learned.
func (s *Store) Write() error {
	if s.path == "" || !s.changed {
		return nil
	}
	raw := append(defjson.Encode(s.document()), '\n')
	file, err := os.CreateTemp(filepath.Dir(s.path), ".memory-*")
	if err != nil {
		return err
	}
	_, err = file.Write(raw)
	err = errors.Join(err, file.Sync(), file.Close())
	if err == nil {
		err = os.Rename(file.Name(), s.path)
	}
	if err != nil {
		err = errors.Join(err, os.Remove(file.Name()))
	}
	return err
}

func (s *Store) document() defjson.Map {
	origins := make([]string, 0, len(s.logs))
	for origin := range s.logs {
		origins = append(origins, origin)
	}
	sort.Strings(origins)
	logs := defjson.List{}
	for _, origin := range origins {
		log := s.logs[origin]
		entry := defjson.Map{"origin": origin, "size": log.Size, "root": hex.EncodeToString(log.Root[:])}
		if log.Trust != nil {
			entry["trust_version"], entry["trust_threshold"] = log.Trust.Version, log.Trust.Threshold
			entry["trust_roots"] = rootList(log.Trust.Roots)
		}
		logs = append(logs, entry)
	}
	return defjson.Map{"v": "def-memory/0", "logs": logs}
}

func rootList(roots []trust.Root) defjson.List {
	list := defjson.List{}
	for _, root := range roots {
		list = append(list, defjson.Map{"alg": root.Algorithm, "keyid": root.ID, "pub": hex.EncodeToString(root.Public)})
	}
	return list
}
