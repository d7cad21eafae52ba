// Package cli is the command line: it reads files and writes reports. Exit codes: 0 verified, 1 rejected, 2 wrong usage or
// files that cannot be read, 3 prefix, 4 indeterminate.
package cli

import (
	"fmt"
	"slices"
	"strings"
)

// arguments of a command: options by name with their values in order, and what is not an option.
type arguments struct {
	values map[string][]string
	rest   []string
}

// form says which options a command has: with a value, with a value and any number of times, or alone.
type form struct{ single, many, alone []string }

func (f form) parse(words []string) (*arguments, error) {
	found := &arguments{values: map[string][]string{}}
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		if word == "--" {
			found.rest = append(found.rest, words...)
			break
		}
		if !strings.HasPrefix(word, "--") {
			found.rest = append(found.rest, word)
			continue
		}
		name, value, joined := strings.Cut(word[2:], "=")
		switch {
		case slices.Contains(f.alone, name):
			if joined {
				return nil, fmt.Errorf("--%s takes no value", name)
			}
		case slices.Contains(f.single, name), slices.Contains(f.many, name):
			if !joined {
				if len(words) == 0 {
					return nil, fmt.Errorf("--%s needs a value", name)
				}
				value, words = words[0], words[1:]
			}
			if slices.Contains(f.single, name) {
				found.values[name] = nil
			}
		default:
			return nil, fmt.Errorf("there is no option --%s", name)
		}
		found.values[name] = append(found.values[name], value)
	}
	return found, nil
}

func (a *arguments) has(name string) bool { return len(a.values[name]) > 0 }

func (a *arguments) get(name, otherwise string) string {
	if values := a.values[name]; len(values) > 0 {
		return values[len(values)-1]
	}
	return otherwise
}
