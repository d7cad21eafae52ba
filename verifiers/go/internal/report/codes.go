package report

// stages lists every code a verifier can say, by stage. A code never changes its meaning.
var stages = []struct {
	Title string
	Codes map[string]string
}{
	{"S0 container", map[string]string{
		"E_ARCHIVE_FORMAT":  "The container is damaged or not in the strict form.",
		"E_ARCHIVE_NAME":    "A member has a name that is not allowed.",
		"E_ARCHIVE_DUP":     "Two members have the same name.",
		"E_ARCHIVE_TYPE":    "A member is not a plain file, or is packed by a method that is not allowed.",
		"E_ARCHIVE_LIMIT":   "A member or the container is larger than allowed.",
		"E_MEMBER_UNLISTED": "The container holds a member that the statement does not cover.",
		"E_MEMBER_MISSING":  "A member that the statement needs is not there.",
	}},
	{"S1 trust", map[string]string{
		"E_TRUST_SIG":       "The trust file is malformed, or a signature on it is wrong.",
		"E_TRUST_THRESHOLD": "Too few root keys have signed the trust file.",
		"E_TRUST_EXPIRED":   "The trust file does not reach to the bundle's end.",
		"E_KEY_WEAK":        "The trust file holds a public key that must not be trusted.",
		"E_KEY_DUP":         "The trust file lists one key twice.",
		"E_KEY_ALG":         "The trust file holds a key of an algorithm this verifier does not know.",
		"I_TRUST_MISSING":   "No trust file was given, so no signature could be checked.",
	}},
	{"S2 statement", map[string]string{
		"E_DSSE_FORMAT":    "An envelope is malformed.",
		"E_DSSE_TYPE":      "An envelope is of another type.",
		"E_DSSE_SIG":       "A statement is not signed by a key trusted for it.",
		"E_STMT_TYPE":      "A statement is not an in-toto Statement v1.",
		"E_STMT_PREDICATE": "A statement's predicate is malformed or contradicts itself.",
		"E_MEMBER_DIGEST":  "A member's bytes are not those the statement signs.",
		"I_VERSION":        "The bundle is of a version this verifier does not know.",
	}},
	{"S3 checkpoint", map[string]string{
		"E_CKPT_FORMAT":           "A checkpoint is malformed.",
		"E_CKPT_ORIGIN":           "A checkpoint is of another log.",
		"E_CKPT_SIG":              "A checkpoint is not signed by a trusted log key.",
		"E_CKPT_EXT":              "A checkpoint has extension lines, which this format does not use.",
		"E_CKPT_SIZE":             "A checkpoint's size or root is not the one in the statement.",
		"E_KEY_NOT_VALID_AT_SIZE": "A key was used outside the range of tree sizes it is trusted for.",
		"E_KEY_COMPROMISED":       "A key was used after it was compromised.",
	}},
	{"S4 tree", map[string]string{
		"E_FRONTIER":     "The tree state before the window does not lead to the start root.",
		"E_TREE_SIZE":    "The number of records is not the one in the statement.",
		"E_ROOT":         "The records do not lead to the signed end root: at least one of them is not the original.",
		"E_CONSISTENCY":  "The log is not a continuation of a checkpoint known before.",
		"E_PROOF_FORMAT": "A proof is malformed.",
	}},
	{"S5 record bytes", map[string]string{
		"E_UTF8":    "A record is not UTF-8.",
		"E_CANON":   "A record is not in canonical form.",
		"E_NUM":     "A record has a number that is not an integer in range.",
		"E_KEYNAME": "A record has a field name that is not allowed.",
		"E_DEPTH":   "A record is nested too deep.",
		"E_SIZE":    "A record is too long.",
		"E_DUP_KEY": "A record has the same field twice.",
	}},
	{"S6 record meaning", map[string]string{
		"E_SCHEMA":       "A record does not satisfy the schema of its type.",
		"E_ORIGIN":       "A record is of another log.",
		"E_SEQ":          "A record's number is not its place in the log.",
		"E_PREV":         "The hash chain is broken: a record does not name the hash of the one before it.",
		"E_TS_ROLLBACK":  "Time goes back without a declared clock step.",
		"E_TS_FUTURE":    "A record claims a time after an outside party had already seen it.",
		"E_MONO":         "The monotonic clock does not increase.",
		"E_SRC_GAP":      "A source's own counter jumps without a declared gap.",
		"E_AGGREGATE":    "Counts, sources or times in the statement are not those of the records.",
		"W_TYPE_UNKNOWN": "A record type this verifier does not know: only its bytes and place were checked.",
		"W_GAP_DECLARED": "The recorder declares that events of a source are missing.",
		"W_CLOCK_STEP":   "The recorder's clock was set; the step is declared.",
	}},
	{"S7 keys over time", map[string]string{
		"E_ROTATION_UNENDORSED": "A key was brought into use that nobody entitled has endorsed.",
		"E_ROTATION_POP":        "A new key did not prove that its owner has it.",
		"E_DELEGATION_RANGE":    "A delegated key has no proper bounds, or signed beyond them.",
	}},
	{"S8 approvals and disclosure", map[string]string{
		"E_APPROVAL_MISSING":           "An approval was consumed for which there is no certificate.",
		"E_APPROVAL_SIG":               "An approval certificate is malformed or not signed by a trusted key.",
		"E_APPROVAL_PAYLOAD":           "An approval is for another payload.",
		"E_APPROVAL_ACTION":            "An approval is for another action.",
		"E_APPROVAL_EXPIRED":           "An approval was used after it had expired.",
		"E_APPROVAL_NOT_YET":           "An approval was used before it was asked for.",
		"E_APPROVAL_NONCE":             "The approver's own proof is for another challenge.",
		"E_APPROVAL_REUSED":            "An approval was used more than once.",
		"E_APPROVAL_AMBIGUOUS":         "Two certificates claim the same approval.",
		"E_APPROVAL_APPROVER":          "The approver's key is not the approver's, or not trusted.",
		"E_APPROVAL_MFA":               "An approval claims stronger authentication than was shown.",
		"E_APPROVAL_SOD":               "The approver is the one who asked.",
		"E_APPROVAL_QUORUM":            "Fewer people approved than are needed.",
		"E_APPROVAL_BINDING":           "The approver's own proof is missing or wrong.",
		"E_APPROVAL_POLICY":            "An approval is for another policy, or is a refusal.",
		"E_DISCLOSURE_DIGEST":          "A disclosed value is not one the record committed to.",
		"E_COMMITMENT":                 "A disclosed body is not the one the record committed to.",
		"W_ERASED":                     "The log declares that what some records committed to was erased.",
		"W_PAYLOAD_RAW":                "An approved payload was hashed as raw bytes, not in canonical form.",
		"W_APPROVAL_OPERATOR_ASSERTED": "An approval rests on the operator's word alone.",
		"W_APPROVAL_GLOBAL_UNCHECKED":  "Whether an approval was already used before this window is not checked.",
	}},
	{"S9 outside world", map[string]string{
		"E_WITNESS_SIG":        "A witness's signature on a checkpoint is wrong.",
		"E_WITNESS_QUORUM":     "Fewer witnesses than required confirm a checkpoint of this window.",
		"E_TSA_SIG":            "A time stamp is malformed or not signed by a trusted authority.",
		"E_TSA_IMPRINT":        "A time stamp is for something else.",
		"E_TSA_VALIDITY":       "A time stamp's certificate was not valid for it.",
		"E_ANCHOR_MISMATCH":    "An outside anchor does not fit this log.",
		"E_SPLIT_VIEW":         "An outside checkpoint shows another history of the same log.",
		"E_ROLLBACK":           "The log was already longer than this bundle says.",
		"E_BUNDLE_GAP":         "Records between the last bundle seen and this one are missing.",
		"P_END_UNPROVEN":       "The bundle has no signed checkpoint of its end.",
		"P_TAIL_UNANCHORED":    "Nothing outside the bundle confirms its end.",
		"W_WITNESS_SAME_ADMIN": "All witnesses are run by the log's own operator.",
		"W_ANCHOR_OVERDUE":     "The log was anchored less often than it says it is.",
		"I_PROFILE":            "The bundle or the caller asks for a profile this verifier does not know.",
	}},
}

var stageOf = map[string]int{}

func init() {
	for number, stage := range stages {
		for code := range stage.Codes {
			stageOf[code] = number
		}
	}
}

// Meaning of a code in words, and the stage that says it.
func Meaning(code string) (stage, meaning string) {
	one := stages[stageOf[code]]
	return one.Title, one.Codes[code]
}
