"""Ways out of the database inside of a statement: COPY, stages, files, addresses, and functions that reach outside.

Rules: COPY from the client's own connection (STDIN, STDOUT) is reading and writing like any other; every other COPY is
a way out. A source that is a stage, a file or an address is one too, and so is a function of the list: they read files,
open connections, run programs, or run a text as SQL.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from clyra_proxy.activation.sql.fact import Fact
from clyra_proxy.activation.sql.names import name_of
from clyra_proxy.activation.sql.words import words

_CLIENT = frozenset({"stdin", "stdout"})
_EXACT = words(
    "load_file pg_read_file pg_read_binary_file pg_ls_dir pg_stat_file pg_file_write pg_file_unlink "
    "pg_execute_server_program lo_import lo_export lo_get lo_put lo_from_bytea xp_cmdshell xp_dirtree xp_regread "
    "xp_regwrite xp_fileexist sp_executesql sp_oacreate sp_oamethod openrowset openquery opendatasource "
    "external_query read_files cloud_files read_csv read_csv_auto read_parquet read_json read_json_auto read_text "
    "read_blob parquet_scan sqlite_scan postgres_scan mysql_scan iceberg_scan delta_scan load_extension "
    "writefile readfile s3 s3cluster url urlcluster file hdfs remote remotesecure gcs azureblobstorage jdbc "
    "odbc mysql postgresql mongodb redis sqlite executable sys_exec sys_eval sys_set http_get http_post "
    "http_request httpuri httpuritype query_to_xml table_to_xml query_to_xmlschema database_to_xml schema_to_xml "
    "cursor_to_xml pg_terminate_backend pg_cancel_backend pg_reload_conf pg_rotate_logfile pg_switch_wal "
    "pg_create_restore_point pg_promote pg_drop_replication_slot exec_sql to_query execute_immediate ai_query "
    "remote_query from_json_file java_method reflect reflect2"
)
_PREFIXES = ("dblink", "utl_", "dbms_", "pg_logical_slot_", "pg_replication_", "http_", "xp_", "sp_oa", "system$cancel",
             "system$abort", "system$send", "system$pipe", "system$authorize", "system$task", "system$provision",
             "system$link", "system$migrate")  # fmt: skip
_ADDRESS = ("://", "/", "\\")
_FILE_ENDS = (".csv", ".parquet", ".json", ".ndjson", ".txt", ".xlsx", ".gz", ".avro", ".orc", ".db")
_SESSION_SETTINGS = words("session_replication_role row_security role session_authorization")


def facts(tree: exp.Expr) -> Iterator[Fact]:
    """Every way out in a statement, each kind once."""
    kinds: set[str] = set()
    for node in tree.walk():
        if kind := _kind(node):
            kinds.add(kind)
    for kind in sorted(kinds):
        rule = "sql.grant" if kind == "set_config" else "sql.export"
        yield Fact(rule, kind)


def copy_facts(node: exp.Copy) -> Iterator[Fact]:
    """COPY, unless it is with the client's own connection."""
    files = node.args.get("files") or []
    names = {str(getattr(one, "name", "")).casefold() for one in files}
    if files and names <= _CLIENT and not node.args.get("params_program"):
        return
    yield Fact("sql.export", "copy", (name_of(node.this),))


def _kind(node: exp.Expr) -> str:
    if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc):
        return _function_kind(str(node.this).casefold(), node)
    if isinstance(node, exp.Func) and not isinstance(node, exp.Anonymous):
        return "function" if node.sql_name().casefold() in _EXACT else ""
    if isinstance(node, exp.Dot):
        if isinstance(node.parent, exp.Dot):
            return ""  # asked of the whole name
        packages = (part.name.casefold() for part in node.flatten() if isinstance(part, exp.Identifier))
        return "function" if any(name.startswith(_PREFIXES) for name in packages) else ""
    if isinstance(node, exp.Table):
        return _source_kind(node)
    return "outfile" if isinstance(node, exp.Directory) else ""


def _function_kind(name: str, node: exp.Expr) -> str:
    if name == "set_config":
        first = node.expressions[0] if node.expressions else None
        plain = isinstance(first, exp.Literal) and first.name.casefold() not in _SESSION_SETTINGS
        return "" if plain else "set_config"
    return "function" if name in _EXACT or name.startswith(_PREFIXES) else ""


def _source_kind(node: exp.Table) -> str:
    this = node.this
    if isinstance(this, exp.Var) and str(this.this).startswith("@"):
        return "stage"
    if isinstance(this, exp.Identifier):
        text = this.name
        if this.args.get("quoted") and (any(mark in text for mark in _ADDRESS) or text.casefold().endswith(_FILE_ENDS)):
            return "file"
        return "stage" if text.startswith("@") else ""
    return "file" if isinstance(this, exp.Literal) else ""
