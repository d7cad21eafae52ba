package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"clyra.dev/verify/internal/memory"
	"clyra.dev/verify/internal/proof"
	"clyra.dev/verify/internal/report"
	"clyra.dev/verify/internal/verify"
)

const usage = `clyra-verify checks evidence of a Clyra recorder, offline.

  clyra-verify verify BUNDLE... --trust FILE [options]
      BUNDLE is an evidence.zip, or a folder with its members. Several are verified in turn.
      --trust FILE        trust file of the log: its public keys, from someone you trust
      --trust-from FILE   the trust file you had before; the new one must be signed by its roots too
      --checkpoint FILE   a checkpoint of the log that reached you another way (any number of times)
      --anchor FILE       a checkpoint or def-anchor from a table, repository or object store (any number)
      --memory FILE       what was verified before; made when it is not there
      --older             the bundle is known to be older than what was seen
      --attestation FILE  a signed statement about the bundle (any number)
      --level L0|L1|L2    how much to check (L2: everything)
      --profile core|time time stamps are for other verifiers; here they give I_PROFILE
      --json              the report as one line of JSON
  clyra-verify verify-record PROOF --trust FILE [--json]
      PROOF is one record with its proof.

Exit codes: 0 verified, 1 rejected, 2 unreadable or wrong usage, 3 intact but its end is not anchored, 4 cannot tell.
`

// Main runs a command and returns the exit code.
func Main(words []string, in io.Reader, out, problems io.Writer) int {
	command := ""
	if len(words) > 0 {
		command, words = words[0], words[1:]
	}
	output := bufio.NewWriter(out)
	code := report.ExitUnreadable
	var err error
	switch command {
	case "verify":
		code, err = verifyBundles(words, output, problems)
	case "verify-record":
		code, err = verifyRecord(words, output)
	case "canon":
		code, err = eachLine(in, output, canonical())
	case "crypto":
		code, err = eachLine(in, output, signatureAnswer)
	case "help", "--help", "-h":
		code = report.ExitVerified
		_, err = output.WriteString(usage)
	default:
		_, err = io.WriteString(problems, usage)
	}
	if err = errors.Join(err, output.Flush()); err != nil {
		_, _ = fmt.Fprintf(problems, "clyra-verify: %v\nSee clyra-verify --help.\n", err)
		return report.ExitUnreadable
	}
	return code
}

var verifyForm = form{
	single: []string{"trust", "trust-from", "memory", "level", "profile"},
	many:   []string{"checkpoint", "anchor", "attestation"},
	alone:  []string{"older", "json"},
}

func verifyBundles(words []string, out *bufio.Writer, problems io.Writer) (int, error) {
	given, err := verifyForm.parse(words)
	if err != nil {
		return 0, err
	}
	options, err := readOptions(given)
	if err != nil {
		return 0, err
	}
	if len(given.rest) == 0 {
		return 0, errors.New("which bundle?")
	}
	worst := report.ExitVerified
	for _, path := range given.rest {
		found, err := verify.Bundle(path, options)
		if err != nil {
			_, _ = fmt.Fprintf(problems, "clyra-verify: cannot read %s: %v\n", path, err)
			worst = report.ExitUnreadable
			continue
		}
		if given.has("json") {
			_, _ = out.Write(append(found.Bytes(), '\n'))
		} else {
			if len(given.rest) > 1 {
				say(out, "%s:", path)
			}
			explain(out, found)
		}
		worst = worse(worst, report.ExitCode(found.Verdict()))
	}
	return worst, options.Memory.Write()
}

// worse of two exit codes: unreadable, then rejected, then indeterminate, then prefix, then verified.
func worse(one, other int) int {
	order := []int{report.ExitVerified, report.ExitPrefix, report.ExitIndeterminate, report.ExitRejected, report.ExitUnreadable}
	for i := len(order) - 1; i >= 0; i-- {
		if order[i] == one || order[i] == other {
			return order[i]
		}
	}
	return one
}

func readOptions(given *arguments) (verify.Options, error) {
	options := verify.Options{Level: given.get("level", "L2"), Profile: given.get("profile", "core"), Older: given.has("older")}
	if options.Level != "L0" && options.Level != "L1" && options.Level != "L2" {
		return options, errors.New("--level is L0, L1 or L2")
	}
	if options.Profile != "core" && options.Profile != "time" {
		return options, errors.New("--profile is core or time")
	}
	for _, one := range []struct {
		name string
		into *[]byte
	}{{"trust", &options.Trust}, {"trust-from", &options.OldTrust}} {
		if path := given.get(one.name, ""); path != "" {
			raw, err := os.ReadFile(path)
			if err != nil {
				return options, err
			}
			*one.into = append([]byte{}, raw...)
		}
	}
	for _, one := range []struct {
		name string
		into *[][]byte
	}{{"checkpoint", &options.Checkpoints}, {"anchor", &options.Anchors}, {"attestation", &options.Statements}} {
		for _, path := range given.values[one.name] {
			raw, err := os.ReadFile(path)
			if err != nil {
				return options, err
			}
			*one.into = append(*one.into, raw)
		}
	}
	var err error
	options.Memory, err = memory.Open(given.get("memory", ""))
	return options, err
}

func verifyRecord(words []string, out *bufio.Writer) (int, error) {
	given, err := form{single: []string{"trust"}, alone: []string{"json"}}.parse(words)
	if err != nil {
		return 0, err
	}
	if len(given.rest) != 1 {
		return 0, errors.New("which proof? (one file)")
	}
	raw, err := os.ReadFile(given.rest[0])
	if err != nil {
		return 0, err
	}
	var trusted []byte
	if path := given.get("trust", ""); path != "" {
		if trusted, err = os.ReadFile(path); err != nil {
			return 0, err
		}
		trusted = append([]byte{}, trusted...)
	}
	found := proof.Verify(raw, trusted)
	if given.has("json") {
		_, _ = out.Write(append(found.Bytes(), '\n'))
	} else {
		explainRecord(out, found)
	}
	return report.ExitCode(found.Verdict()), nil
}
