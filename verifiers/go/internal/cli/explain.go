package cli

import (
	"bufio"
	"fmt"
	"strings"

	"clyra.dev/verify/internal/proof"
	"clyra.dev/verify/internal/report"
)

var headlines = map[string]string{
	"verified":      "VERIFIED",
	"prefix":        "INTACT, END NOT ANCHORED",
	"rejected":      "REJECTED",
	"indeterminate": "CANNOT TELL",
}

// explain says in words what is proven, what is not, and where something is wrong.
func explain(out *bufio.Writer, path string, found *report.Report) {
	window := "no readable statement"
	if found.End > 0 {
		window = fmt.Sprintf("records %d to %d of %s", found.Start, found.End-1, found.Origin)
	}
	say(out, "%s: %s", headlines[found.Verdict()], window)
	say(out, "  in %s, level %s", path, found.Level)
	if verdict := found.Verdict(); verdict == "verified" || verdict == "prefix" {
		explainProven(out, found)
	}
	explainCodes(out, found.Set, "What is wrong:", "E_")
	explainCodes(out, found.Set, "What could not be decided:", "I_")
	explainCodes(out, found.Set, "What is not proven:", "P_")
	explainCodes(out, found.Set, "Worth knowing:", "W_")
	if len(found.Skipped) > 0 {
		found.Bytes() // sorts them
		say(out, "Not looked at: %s", strings.Join(found.Skipped, "; "))
	}
	if found.Verdict() == "prefix" {
		say(out, "The log's operator, who holds its keys, could have remade the last %d records, or kept back later ones.", found.Unanchored())
		say(out, "A checkpoint that reached you another way, given with --checkpoint, narrows this.")
	}
	say(out, "Not asserted: that what the recorder was told is true.")
}

func explainProven(out *bufio.Writer, found *report.Report) {
	say(out, "Proven:")
	say(out, "  all %d records are byte for byte what the recorder wrote; none is missing, added or out of order", found.End-found.Start)
	say(out, "  the log's key signed the tree before and after them, the seal key signed the statement")
	if found.AnchoredEnd > 0 {
		say(out, "  something outside confirms the history up to record %d", found.AnchoredEnd-1)
	}
	if len(found.Witnesses) > 0 {
		say(out, "  witnesses: %s, at %s", strings.Join(found.Witnesses, ", "), found.AnchoredAt)
	}
}

func explainCodes(out *bufio.Writer, found report.Set, title, prefix string) {
	chosen := found.Ordered(prefix)
	if len(chosen) > 0 {
		say(out, "%s", title)
	}
	for _, one := range chosen {
		stage, meaning := report.Meaning(one.Code)
		say(out, "  %s (%s): %s", one.Code, stage, meaning)
		shown := one.Places[:min(5, len(one.Places))]
		for _, place := range shown {
			if words := placeWords(place); words != "" {
				say(out, "      %s", words)
			}
		}
		if more := one.Count - int64(len(shown)); more > 0 {
			say(out, "      and %d more", more)
		}
	}
}

func placeWords(place report.Place) string {
	var parts []string
	if place.Seq >= 0 {
		parts = append(parts, fmt.Sprintf("record %d", place.Seq))
	}
	if place.Member != "" {
		parts = append(parts, "in "+place.Member)
	}
	where := strings.Join(parts, ", ")
	if where != "" && place.Detail != "" {
		return where + ": " + place.Detail
	}
	return where + place.Detail
}

func explainRecord(out *bufio.Writer, path string, found *proof.Report) {
	say(out, "%s: record %d of %s, in %s", headlines[found.Verdict()], found.Seq, found.Origin, path)
	if found.Verdict() == "verified" {
		say(out, "It is in the signed tree of %d records.", found.Size)
	}
	for title, prefix := range map[string]string{"What is wrong:": "E_", "What could not be decided:": "I_", "Worth knowing:": "W_"} {
		explainCodes(out, found.Set, title, prefix)
	}
}

func say(out *bufio.Writer, format string, values ...any) {
	_, _ = fmt.Fprintf(out, format+"\n", values...)
}
