"""`guardrails hook`: a process for every event, which denies whatever goes wrong."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner

from guardrails.cli import cli
from guardrails.cli.hook import AGENTS

MAIL = "ada.lovelace@example.com"
POLICY = """\
version: 1
policy: hooks
rules:
  - id: mail
    title: E-mail address
    severity: medium
    detect: {type: regex, pattern: '[a-z.]{1,40}@example\\.com'}
    action: mask
    mask: {with: placeholder}
  - id: word
    title: A forbidden word
    severity: high
    detect: {type: words, words: [DENYME]}
    action: deny
"""


@pytest.fixture
def policy(tmp_path):
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY)
    return file


def event(name, **members):
    return json.dumps({"session_id": "s", "hook_event_name": name, **members})


def run(*arguments, stdin, **environment):
    """The command as an agent runs it: exit code, standard output, standard error."""
    done = subprocess.run(
        [sys.executable, "-m", "guardrails", "hook", *map(str, arguments)],
        input=stdin.encode(),
        capture_output=True,
        env={**os.environ, **environment},
        timeout=60,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_allow_prints_an_empty_object(policy):
    """Every agent takes `{}` and exit 0 for a yes."""
    given = event("PreToolUse", tool_name="Bash", tool_input={"command": "ls"})

    assert run("claude-code", "-p", policy, stdin=given) == (0, "{}\n", "")


def test_deny_exits_with_2_and_the_reason(policy):
    """Standard output is empty, standard error names the rule and not the text."""
    given = event("UserPromptSubmit", prompt=f"so DENYME it is {MAIL}")

    assert run("codex", "-p", policy, stdin=given) == (2, "", "guardrails: denied by word\n")


def test_a_mask_is_printed_alone(policy):
    """Standard output is JSON and nothing else; under one secret the placeholder is the same each time."""
    given = event("PostToolUse", tool_name="Bash", tool_response={"stdout": MAIL, "stderr": ""})
    first, again = (run("claude-code", "-p", policy, stdin=given, GUARDRAILS_SECRET="s" * 40) for _ in "12")

    assert first == again
    assert json.loads(first[1])["hookSpecificOutput"]["updatedToolOutput"]["stdout"].startswith("MASKED_")
    assert MAIL not in first[1] + first[2]


@pytest.mark.parametrize(
    ("stdin", "why"),
    [("{", "the event is not JSON"), ("[]", "the event is not as this agent writes it")],
)
def test_an_event_that_cannot_be_read_is_denied(policy, stdin, why):
    """Exit 1 would let it pass."""
    for agent in AGENTS:
        result = CliRunner().invoke(cli, ["hook", agent, "-p", str(policy)], input=stdin)
        assert result.exit_code == 2
        assert result.stderr == f"guardrails: not judged: {why}\n"


def test_policies_that_do_not_load_deny(tmp_path):
    """A prompt is stopped; what a tool answered is taken away, by the only way there is."""
    (tmp_path / "bad.yaml").write_text("version: 2\n")
    arguments = ["hook", "claude-code", "-p", str(tmp_path / "bad.yaml")]
    prompt = CliRunner().invoke(cli, arguments, input=event("UserPromptSubmit", prompt="x"))
    assert prompt.exit_code == 2

    after = CliRunner().invoke(cli, arguments, input=event("PostToolUse", tool_response={"stdout": MAIL}))
    assert after.exit_code == 0
    assert (
        "the policies do not load"
        in json.loads(after.stdout)["hookSpecificOutput"]["updatedToolOutput"]["stdout"]
    )
    assert MAIL not in after.output


@pytest.fixture
def service():
    """A service that answers what it is told to, and what it was asked."""
    asked, answer = [], {"status": 200, "body": {"exit": 0, "reply": {"ok": 1}, "error": ""}}

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            asked.append((self.path, self.headers["x-api-key"], json.loads(body)))
            data = json.dumps(answer["body"]).encode()
            self.send_response(answer["status"])
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}", asked, answer
    server.shutdown()
    server.server_close()


def test_with_a_url_the_service_is_asked(service):
    """The event goes to the agent's own endpoint with the key of the environment; its answer is obeyed."""
    url, asked, answer = service
    given = event("PreToolUse", tool_input={})
    assert run("codex", "--url", url, stdin=given, GUARDRAILS_KEY="k") == (0, '{"ok": 1}\n', "")
    assert asked == [("/v1/agents/codex/command", "k", json.loads(given))]

    answer["body"] = {"exit": 2, "reply": {}, "error": "guardrails: denied by word"}
    assert run("codex", "--url", url, stdin=given) == (2, "", "guardrails: denied by word\n")


@pytest.mark.parametrize(
    ("status", "body", "why"),
    [
        (503, {}, "the service answered 503"),
        (200, {}, "ValueError"),
        (200, [1], "ValueError"),
        (None, None, "the service cannot be reached"),
    ],
)
def test_a_service_that_fails_denies(service, status, body, why):
    """Whatever is not an answer of ours is a no."""
    url, _, answer = service
    answer |= {"status": status, "body": body}
    url = url if status else "http://127.0.0.1:9"
    result = CliRunner().invoke(
        cli, ["hook", "codex", "--url", url], input=event("PreToolUse", tool_input={})
    )

    assert (result.exit_code, result.stderr) == (2, f"guardrails: not judged: {why}\n")


@pytest.mark.parametrize("agent", AGENTS)
def test_install_prints_settings_that_name_this_command(agent):
    """JSON to paste; every event named in it is one that is judged."""
    from guardrails.agents import EVENTS, Agent

    result = CliRunner().invoke(cli, ["hook", "--install", agent, "--url", "http://127.0.0.1:8080"])
    printed = json.loads(result.stdout)

    assert set(printed["hooks"]) <= set(EVENTS[Agent(agent)])
    assert f"guardrails hook {agent} --url http://127.0.0.1:8080" in json.dumps(printed)


def test_asking_a_service_imports_no_detector(service):
    """What starts for every event loads neither the engine nor Presidio nor spaCy."""
    code = (
        "import sys, io; from guardrails.cli.hook import hook\n"
        "sys.stdin = io.TextIOWrapper(io.BytesIO(b'{}'))\n"
        f"hook.main(['codex', '--url', '{service[0]}'], standalone_mode=False)\n"
        "heavy = {'guardrails.engine', 'hyperscan', 'presidio_analyzer', 'spacy', 'msgspec', 'litestar'}\n"
        "sys.exit(bool(heavy & set(sys.modules)))"
    )

    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0
