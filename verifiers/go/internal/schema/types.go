package schema

import (
	"embed"
	"strings"
)

// The composed schemas of all record types, as `python -m recorder.record_schemas` writes them.
//
//go:embed schemas/*.json
var files embed.FS

// Records has the schema of every record type; Envelope is what a record of any type satisfies.
var (
	Records  = map[string]*Schema{}
	Envelope *Schema
)

func init() {
	entries, err := files.ReadDir("schemas")
	if err != nil {
		panic(err)
	}
	for _, entry := range entries {
		source, err := files.ReadFile("schemas/" + entry.Name())
		if err != nil {
			panic(err)
		}
		name := strings.TrimSuffix(entry.Name(), ".json")
		compiled := MustCompile(string(source))
		if name == "envelope" {
			Envelope = compiled
		} else {
			Records[name] = compiled
		}
	}
}
