"""dbt-snowflake: runs a project with one model. argv: host, port, statement to run after the model ("" for none).

The file is not named dbt_*: dbt imports every module of such a name as a plugin.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"

import snowflake.connector
from dbt.cli.main import dbtRunner

host, port, after = sys.argv[1:4]
folder = Path(tempfile.mkdtemp())
login = {"account": "fakesnow", "user": "fake", "password": "snow", "host": host, "port": int(port), "protocol": "http"}
quiet = {"CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False}
if "--prepare" in sys.argv:
    with snowflake.connector.connect(**login, session_parameters=quiet) as connection:
        cursor = connection.cursor()
        cursor.execute("create database if not exists db1")
        cursor.execute("create schema if not exists db1.s1")
        cursor.execute("create table if not exists db1.s1.kept as select 1 as id")
    sys.exit()
(folder / "models").mkdir()
(folder / "dbt_project.yml").write_text(
    json.dumps({"name": "clyra", "version": "1.0", "profile": "sf", "models": {"+materialized": "view"}})
)
hooks = [after] if after else []
(folder / "models" / "m.sql").write_text(
    "{{ config(post_hook=" + json.dumps(hooks) + ") }}\nselect 1 as id, 'a@x.test' as email\n"
)
target = {"type": "snowflake", "database": "DB1", "schema": "S1", "threads": 1, **login}
target |= {"connect_retries": 0, "reuse_connections": True}
(folder / "profiles.yml").write_text(json.dumps({"sf": {"target": "d", "outputs": {"d": target}}}))
words = ["run", "--project-dir", str(folder), "--profiles-dir", str(folder), "--quiet", "--no-use-colors"]
sys.stdout.flush()
result = dbtRunner().invoke(words)
told = [{"name": one.node.name, "status": str(one.status), "message": one.message} for one in result.result or ()]
print(json.dumps({"success": result.success, "told": told, "fault": str(result.exception or "")}))
