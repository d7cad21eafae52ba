"""Answers as they should be: nothing of them is unsafe where it ends up."""

from __future__ import annotations

import pytest

from clyra_proxy.genai.output.packs import matching, patterns_of
from clyra_proxy.genai.output.views import without_code
from clyra_proxy.policy.genai.output import Context

ANSWERS: dict[Context, tuple[str, ...]] = {
    Context.SQL: (
        "SELECT c.name, count(*) AS orders FROM customers c JOIN orders o ON o.customer_id = c.id "
        "WHERE o.created_at >= now() - INTERVAL '7 days' GROUP BY c.name ORDER BY orders DESC LIMIT 10;",
        "WITH recent AS (SELECT * FROM t WHERE updated > '2024-01-01') SELECT a, b FROM recent -- newest only",
        "SELECT 'all' AS what, sum(x) FROM t UNION ALL SELECT kind, sum(x) FROM t GROUP BY kind",
        "SELECT * FROM events WHERE note LIKE '%drop table%' AND author = 'O''Brien'",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10) SELECT i FROM n",
        "SELECT CASE WHEN a = 1 OR b = 2 THEN 'x' ELSE 'y' END FROM t WHERE 1=1 AND c IN (1, 2, 3)",
        "select /* the big ones */ id from accounts where status = 'update pending' order by created desc",
        "```sql\nSELECT id, deleted_at FROM users WHERE deleted_at IS NULL\n```",
        "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY amount) FROM payments WHERE currency <> 'EUR'",
    ),
    Context.HTML: (
        "<p>Prices: 5 &lt; 6 and <b>bold</b>, see <a href=\"https://example.com/a?b=1&amp;c=2\">here</a>.</p>",
        "<table><tr><th>on</th><td style=\"color: red\">off</td></tr></table>",
        "<img src=\"/logo.png\" alt=\"Our logo on a wall\" width=\"40\">",
        "Use <code>&lt;script&gt;</code> for scripts; if x<y then online=1.",
        "<details><summary>More</summary><ul><li>One</li></ul></details>",
        "The baseline is <em>iframe-free</em>; the form of action matters.",
    ),
    Context.MARKDOWN: (
        "# Title\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n[link](https://example.com) ![i](https://example.com/i.png)",
        "Use `document.onclick = f` or\n\n```html\n<script src=\"a.js\"></script>\n<img onerror=x>\n```\n\nDone.",
        "~~~js\nwindow.location = 'javascript:void(0)'\n~~~",
        "a < b and b > c; <https://example.com>; 5 * 3 = 15; `<iframe>` is an element.",
        "Inline ``code with ` and <script>`` here.",
    ),
    Context.SHELL: (
        "ls -la /var/log | grep -i error | sort | uniq -c | head -20",
        "cd build && cmake .. && make -j4 && ctest --output-on-failure",
        "rm -rf build dist *.egg-info && python -m build",
        "find . -name '*.pyc' -delete; find src -type f -mtime -1",
        "curl -sS https://api.example.com/v1/items -H 'Accept: application/json' | jq '.items[].id'",
        "git fetch origin && git rebase origin/main && git push origin HEAD",
        "tar czf backup.tgz ~/documents && scp backup.tgz me@host:/srv/backups/",
        "docker compose up -d && docker logs -f web",
        "export PATH=$HOME/bin:$PATH; chmod +x ./run.sh; ./run.sh --verbose",
        "sudo systemctl restart nginx && sudo systemctl status nginx",
        "kubectl delete pod web-7d9c -n staging; kubectl get pods -n staging",
        "base64 -d file.b64 > file.bin; sha256sum file.bin; dd if=file.bin of=part.bin bs=1M count=1",
    ),
    Context.CODE: (
        "def area(r):\n    import math\n    return math.pi * r ** 2\n",
        "const m = /a(b)/.exec(text); items.forEach((x) => console.log(x)); model.eval();",
        "import json, pathlib\nprint(json.loads(pathlib.Path('a.json').read_text())['os'])",
        "for item in evaluated: executor.submit(compile_report, item)",
        "df.eval_set = [(x, y)]\nresult = connection.execute('select 1').fetchall()",
        "import yaml\nconfig = yaml.safe_load(text)\nmodel.load_state_dict(state)",
        "setTimeout(() => setReady(true), 100); element.textContent = name;",
        "class Process:\n    def start(self):\n        self.state = 'running'\n",
    ),
    Context.TEMPLATE: (
        "Dear {{ customer.first_name }}, your order {{ order.id }} is on its way.",
        "{% for item in items %}- {{ item.name|title }}\n{% endfor %}",
        "Hello ${name}, you owe ${total} EUR. <%= user.name %>",
        "Use {braces} and {{double}} as you like; 7 * 7 = 49; $5 {x}",
    ),
    Context.SQL_VALUE: (
        "O'Brien", "rock 'n' roll", "50% off -- today only", "it's 5 or 6 o'clock", "Smith; Jones", "C# and F#",
        "d'Artagnan and the others", "select few of the best", "the users' group by the river", "'quoted' text",
        "Levi's and Lee's", "Müller & Söhne", "a = b", "he said 'no' and left",
    ),
    Context.SHELL_ARGUMENT: (
        "report 2024 (final).pdf", "Ann's file", "50% off", "a+b=c", "café.txt", "2024-01-01", "C#", "hello, world!",
        "user@example.com", "[draft] plan", "5'10\"", "~ish",
    ),
}  # fmt: skip
CASES = [(context, text) for context, texts in ANSWERS.items() for text in texts]


@pytest.mark.parametrize(("context", "text"), CASES)
def test_honest_answers_pass(context: Context, text: str) -> None:
    patterns = patterns_of(context)
    if context is Context.MARKDOWN:
        text, patterns = without_code(text), patterns + patterns_of(Context.HTML)
    assert list(matching(text, patterns)) == []
