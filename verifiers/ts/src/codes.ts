/** The closed list of what a verifier can say, by the stage that says it. A code never changes its meaning. */

export const STAGES = [
  "S0 container",
  "S1 trust",
  "S2 statement",
  "S3 checkpoint",
  "S4 tree",
  "S5 record bytes",
  "S6 record meaning",
  "S7 keys over time",
  "S8 approvals",
  "S9 outside world",
] as const;

const BY_STAGE: readonly string[] = [
  "E_ARCHIVE_FORMAT E_ARCHIVE_NAME E_ARCHIVE_DUP E_ARCHIVE_TYPE E_ARCHIVE_LIMIT E_MEMBER_UNLISTED E_MEMBER_MISSING",
  "E_TRUST_SIG E_TRUST_THRESHOLD E_TRUST_EXPIRED E_KEY_WEAK E_KEY_DUP E_KEY_ALG I_TRUST_MISSING",
  "E_DSSE_FORMAT E_DSSE_TYPE E_DSSE_SIG E_STMT_TYPE E_STMT_PREDICATE E_MEMBER_DIGEST I_VERSION",
  "E_CKPT_FORMAT E_CKPT_ORIGIN E_CKPT_SIG E_CKPT_EXT E_CKPT_SIZE E_KEY_NOT_VALID_AT_SIZE E_KEY_COMPROMISED",
  "E_FRONTIER E_TREE_SIZE E_ROOT E_CONSISTENCY E_PROOF_FORMAT",
  "E_UTF8 E_CANON E_NUM E_KEYNAME E_DEPTH E_SIZE E_DUP_KEY",
  "E_SCHEMA E_ORIGIN E_SEQ E_PREV E_TS_ROLLBACK E_TS_FUTURE E_MONO E_SRC_GAP E_AGGREGATE " +
    "W_TYPE_UNKNOWN W_GAP_DECLARED W_CLOCK_STEP",
  "E_ROTATION_UNENDORSED E_ROTATION_POP E_DELEGATION_RANGE",
  "E_APPROVAL_MISSING E_APPROVAL_AMBIGUOUS E_APPROVAL_SIG E_APPROVAL_REUSED E_APPROVAL_APPROVER E_APPROVAL_SOD " +
    "E_APPROVAL_PAYLOAD E_APPROVAL_ACTION E_APPROVAL_NOT_YET E_APPROVAL_EXPIRED E_APPROVAL_POLICY E_APPROVAL_NONCE " +
    "E_APPROVAL_BINDING E_APPROVAL_MFA E_APPROVAL_QUORUM E_DISCLOSURE_DIGEST E_COMMITMENT W_ERASED W_PAYLOAD_RAW " +
    "W_APPROVAL_OPERATOR_ASSERTED W_APPROVAL_GLOBAL_UNCHECKED",
  "E_WITNESS_SIG E_WITNESS_QUORUM E_TSA_SIG E_TSA_IMPRINT E_TSA_VALIDITY E_ANCHOR_MISMATCH E_SPLIT_VIEW E_ROLLBACK " +
    "E_BUNDLE_GAP P_END_UNPROVEN P_TAIL_UNANCHORED W_WITNESS_SAME_ADMIN W_ANCHOR_OVERDUE I_PROFILE",
];

const STAGE_OF = new Map<string, number>();
for (const [stage, codes] of BY_STAGE.entries()) for (const code of codes.split(" ")) STAGE_OF.set(code, stage);

export const CODES: readonly string[] = [...STAGE_OF.keys()];

/** The stage of a code. Throws Error for a code that does not exist. */
export function stageOf(code: string): number {
  const stage = STAGE_OF.get(code);
  if (stage === undefined) throw new Error(`no such code: ${code}`);
  return stage;
}
