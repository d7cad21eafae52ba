// Package zipstrict reads a bundle's members from an evidence.zip or from a plain folder, and refuses whatever is not
// strict. Sizes are checked before anything is allocated, and members are streamed.
package zipstrict

import (
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Limits of a container.
const (
	MaxMembers   = 65536
	maxDirectory = 16 << 20
	maxListing   = 16 << 20
)

// An Error says why a container is not strict. Member is the one it is about, At the byte in the file (-1: unknown).
type Error struct {
	Code, Detail, Member string
	At                   int64
}

func (e *Error) Error() string { return e.Code + ": " + e.Detail }

func refuse(code, detail, member string, at int64) *Error {
	return &Error{Code: code, Detail: detail, Member: member, At: at}
}

// A Container holds members by name.
type Container interface {
	// Names of the members, sorted.
	Names() []string
	Has(name string) bool
	// Size of a member that is there.
	Size(name string) int64
	// Open streams a member. Read fails with *Error when the container cannot deliver it whole.
	Open(name string) (io.Reader, error)
	// Damage is what is wrong with members that may still be readable.
	Damage() []*Error
	Close() error
}

// Open reads a folder or a zip file. The error is an *Error when the container is not strict.
func Open(path string) (Container, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return openFolder(path)
	}
	return openZip(path)
}

// ReadAll returns a small member whole.
func ReadAll(c Container, name string, limit int64) ([]byte, error) {
	if c.Size(name) > limit {
		return nil, refuse("E_ARCHIVE_LIMIT", "it is larger than such a member may be", name, -1)
	}
	reader, err := c.Open(name)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(reader)
}

// isName allows [a-z0-9._/-]{1,100} without empty, "." and ".." segments.
func isName(name string) bool {
	if len(name) < 1 || len(name) > 100 {
		return false
	}
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return false
		}
	}
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '.', c == '_', c == '/', c == '-':
		default:
			return false
		}
	}
	return true
}

type folder struct {
	root  string
	names []string
	sizes map[string]int64
}

func openFolder(root string) (*folder, error) {
	type found struct {
		member  string
		regular bool
		size    int64
	}
	var all []found
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		member, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		all = append(all, found{filepath.ToSlash(member), info.Mode().IsRegular(), info.Size()})
		return nil
	})
	if err != nil {
		return nil, err
	}
	sort.Slice(all, func(i, j int) bool { return all[i].member < all[j].member })
	f := &folder{root: root, sizes: make(map[string]int64, len(all))}
	for _, one := range all {
		good := isName(one.member)
		if !one.regular {
			if !good {
				one.member = ""
			}
			return nil, refuse("E_ARCHIVE_TYPE", "not a plain file", one.member, -1)
		}
		if !good {
			return nil, refuse("E_ARCHIVE_NAME", "a member name is not one that is allowed", "", -1)
		}
		f.names = append(f.names, one.member)
		f.sizes[one.member] = one.size
	}
	if len(f.names) > MaxMembers {
		return nil, refuse("E_ARCHIVE_LIMIT", "too many members", "", -1)
	}
	return f, nil
}

func (f *folder) Names() []string        { return f.names }
func (f *folder) Has(name string) bool   { _, ok := f.sizes[name]; return ok }
func (f *folder) Size(name string) int64 { return f.sizes[name] }
func (f *folder) Damage() []*Error       { return nil }
func (f *folder) Close() error           { return nil }

func (f *folder) Open(name string) (io.Reader, error) {
	file, err := os.Open(filepath.Join(f.root, filepath.FromSlash(name)))
	if err != nil {
		return nil, err
	}
	return &closing{file}, nil
}

// closing closes its file when it has been read to the end.
type closing struct{ file *os.File }

func (c *closing) Read(p []byte) (int, error) {
	n, err := c.file.Read(p)
	if err != nil {
		_ = c.file.Close()
	}
	return n, err
}
