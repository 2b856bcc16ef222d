"""Which requests through the proxy are judged."""

import pytest

from guardrails.bodies import Format
from service.proxy.routes import route


@pytest.mark.parametrize(
    ("path", "format"),
    [
        ("/v1/chat/completions", Format.OPENAI_CHAT),
        ("/v1/chat/completions/", Format.OPENAI_CHAT),
        ("/v1/chat/completions/.", Format.OPENAI_CHAT),
        ("/v1//chat//completions//", Format.OPENAI_CHAT),
        ("/v1/models/../chat/completions", Format.OPENAI_CHAT),
        ("/V1/Chat/Completions", Format.OPENAI_CHAT),
        ("/v1/chat/%63ompletions", Format.OPENAI_CHAT),
        ("/v1/completions", Format.OPENAI_COMPLETIONS),
        ("/v1/messages", Format.ANTHROPIC_MESSAGES),
        ("/v1beta/models/gemini-x:streamGenerateContent", Format.GEMINI),
        ("/v1beta/models/gemini-x%3AgenerateContent", Format.GEMINI),
        ("/model/m/converse-stream", Format.BEDROCK_CONVERSE),
    ],
)
def test_no_spelling_of_a_path_gets_past(path, format):
    """What an upstream might take for a judged endpoint is one."""
    assert route("POST", path).format is format


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/messages"), ("POST", "/v1/files"), ("POST", "/")])
def test_what_is_no_exchange_is_passed_through(method, path):
    """Other methods and paths are none of the proxy's business."""
    assert route(method, path) is None
