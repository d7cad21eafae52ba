package cli

import (
	"bufio"
	"fmt"
	"slices"
	"sort"
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

var notAsserted = []string{
	"that what the recorder was told is true",
	"that what never reached the recorder did not happen",
	"what a body says, unless it is disclosed",
}

// explain says in words what is proven, what is not, and where something is wrong.
func explain(out *bufio.Writer, found *report.Report) {
	verdict := found.Verdict()
	window := "no readable statement"
	if found.End > 0 {
		window = fmt.Sprintf("records %d to %d of %s", found.Start, found.End-1, found.Origin)
	}
	say(out, "%s: %s", headlines[verdict], window)
	if verdict == "rejected" {
		explainCodes(out, found.Set, "What is wrong:", "E_")
		explainAltered(out, found)
	} else {
		explainProven(out, found)
	}
	explainCodes(out, found.Set, "What could not be decided:", "I_")
	if verdict == "prefix" {
		explainUnproven(out, found)
	}
	explainCodes(out, found.Set, "Worth knowing:", "W_")
	if verdict == "verified" || verdict == "prefix" {
		list(out, "Not asserted:", notAsserted)
	}
	sort.Strings(found.Skipped)
	list(out, "Not checked:", slices.Compact(found.Skipped))
}

func explainProven(out *bufio.Writer, found *report.Report) {
	count := found.End - found.Start
	if found.Verdict() == "indeterminate" {
		say(out, "\nThe %d records agree with each other and with the statement, but who made them is not shown.", count)
		return
	}
	say(out, "\nProven:")
	if found.Level == "L2" {
		say(out, "  all %d records are byte for byte what the recorder wrote; none is missing, added or out of order", count)
	} else {
		say(out, "  the tree over all %d records is the one the log signed (level %s: not what they say)", count, found.Level)
	}
	say(out, "  the log's key signed the tree, the seal key signed the statement")
	if found.AnchoredEnd > 0 {
		say(out, "  the history up to record %d is confirmed by %s", found.AnchoredEnd-1, strings.Join(found.AnchoredBy, " and "))
	}
	if len(found.Witnesses) > 0 {
		say(out, "  witnesses: %s, at %s", strings.Join(found.Witnesses, ", "), found.AnchoredAt)
	}
	if counts := found.Approvals; counts.Consumed > 0 {
		say(out, "  %d of %d used approvals are valid, %d of these on the operator's word alone", counts.Valid, counts.Consumed, counts.OperatorAsserted)
	}
	if found.Disclosed > 0 {
		say(out, "  %d disclosed values are those the records commit to", found.Disclosed)
	}
}

func explainUnproven(out *bufio.Writer, found *report.Report) {
	say(out, "\nNot proven:")
	if found.Has("P_END_UNPROVEN") {
		say(out, "  the end: no checkpoint of the log's key says that the log had these records and no others before it")
	}
	if !found.Has("P_TAIL_UNANCHORED") {
		return
	}
	say(out, "  that the log's operator, who holds its keys, did not remake the last %d records, or keep back later ones:", found.Unanchored())
	say(out, "  nothing from outside (witness, time stamp, a checkpoint you kept) confirms record %d", found.End-1)
	promised := ""
	if found.IntervalSeconds > 0 {
		promised = fmt.Sprintf("; it promises an outside anchor every %d s", found.IntervalSeconds)
	}
	over := ""
	if found.Level == "L2" {
		over = " over " + duration(found.ExposureMicros)
	}
	say(out, "  Exposure: %d records%s%s.", found.Unanchored(), over, promised)
	say(out, "  Give a checkpoint you received earlier or another way with --checkpoint to narrow this.")
}

func duration(micros int64) string {
	seconds := float64(micros) / 1e6
	switch {
	case seconds < 120:
		return fmt.Sprintf("%.3f s", seconds)
	case seconds < 7200:
		return fmt.Sprintf("%.1f min", seconds/60)
	case seconds < 172800:
		return fmt.Sprintf("%.1f h", seconds/3600)
	}
	return fmt.Sprintf("%.1f days", seconds/86400)
}

// explainAltered says which record was altered, as far as the hash chain tells: a run of breaks begins at the altered
// record itself if that does not name its predecessor either, else right after it.
func explainAltered(out *bufio.Writer, found *report.Report) {
	broken := found.Set["E_PREV"]
	if broken == nil {
		if found.Has("E_ROOT") && !found.Has("E_CANON", "E_UTF8", "E_SCHEMA") {
			say(out, "  The chain inside the window holds, so it is the last record, %d, that was altered,", found.End-1)
			say(out, "  or the whole window was remade without the log's key.")
		}
		return
	}
	places := map[int64]bool{}
	for _, place := range broken.Places {
		places[place.Seq] = true
	}
	for _, place := range broken.Places {
		if seq := place.Seq; !places[seq-1] {
			guilty := seq - 1
			if places[seq+1] {
				guilty = seq
			}
			say(out, "  So record %d is not the original: record %d commits to other bytes.", guilty, guilty+1)
		}
	}
}

func explainCodes(out *bufio.Writer, found report.Set, title, prefix string) {
	chosen := found.Ordered(prefix)
	if len(chosen) > 0 {
		say(out, "\n%s", title)
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

func explainRecord(out *bufio.Writer, found *proof.Report) {
	where := "no readable proof"
	if found.Origin != "" {
		where = fmt.Sprintf("record %d of %s", found.Seq, found.Origin)
	}
	say(out, "%s: %s", headlines[found.Verdict()], where)
	if found.Verdict() == "verified" {
		say(out, "It is, byte for byte, in the log's tree of %d records, which the log's key signed.", found.Size)
		list(out, "Not asserted:", []string{"that what it says is true", "anything about other records"})
	}
	explainCodes(out, found.Set, "What is wrong:", "E_")
	explainCodes(out, found.Set, "What could not be decided:", "I_")
	explainCodes(out, found.Set, "Worth knowing:", "W_")
}

func list(out *bufio.Writer, title string, lines []string) {
	if len(lines) > 0 {
		say(out, "\n%s\n  %s", title, strings.Join(lines, "\n  "))
	}
}

func say(out *bufio.Writer, format string, values ...any) {
	_, _ = fmt.Fprintf(out, format+"\n", values...)
}
